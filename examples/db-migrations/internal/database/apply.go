// Package database applies migrations to a PostgreSQL server, and asks it what queries cost.
package database

import (
	"context"
	"database/sql"
	"fmt"

	"example.com/migrate/internal/migration"
)

// One migrator at a time: any number will do, as long as it is always the same.
const lock = 7_264_551

const table = `CREATE TABLE IF NOT EXISTS schema_migrations (
    id text PRIMARY KEY,
    sum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)`

// Session is a connection that holds the lock.
type Session struct {
	connection *sql.Conn
	applied    map[string]string
}

// Open waits for the lock and reads what was applied.
func Open(ctx context.Context, db *sql.DB) (*Session, error) {
	connection, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{fmt.Sprintf("SELECT pg_advisory_lock(%d)", lock), table} {
		if _, err := connection.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	rows, err := connection.QueryContext(ctx, "SELECT id, sum FROM schema_migrations")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	applied := map[string]string{}
	for rows.Next() {
		var id, sum string
		if err := rows.Scan(&id, &sum); err != nil {
			return nil, err
		}
		applied[id] = sum
	}
	return &Session{connection, applied}, rows.Err()
}

// Apply brings a server up to the last migration. Each one is a transaction.
func (s *Session) Apply(ctx context.Context, migrations []migration.Migration) error {
	for _, m := range migrations {
		sum, done := s.applied[m.ID]
		if done && sum != m.Sum() {
			return fmt.Errorf("%s_%s: was changed after it was applied", m.ID, m.Name)
		}
		if done {
			continue
		}
		err := s.both(ctx, m.Up, "INSERT INTO schema_migrations (id, sum) VALUES ($1, $2)", m.ID, m.Sum())
		if err != nil {
			return fmt.Errorf("%s_%s: %w", m.ID, m.Name, err)
		}
		s.applied[m.ID] = m.Sum()
		fmt.Printf("applied %s_%s\n", m.ID, m.Name)
	}
	return nil
}

// Rollback takes back the last migrations that were applied, as many as are asked for.
func (s *Session) Rollback(ctx context.Context, migrations []migration.Migration, count int) error {
	for i := len(migrations) - 1; i >= 0 && count > 0; i-- {
		m := migrations[i]
		if _, done := s.applied[m.ID]; !done {
			continue
		}
		if err := s.both(ctx, m.Down, "DELETE FROM schema_migrations WHERE id = $1", m.ID); err != nil {
			return fmt.Errorf("%s_%s: %w", m.ID, m.Name, err)
		}
		delete(s.applied, m.ID)
		fmt.Printf("rolled back %s_%s\n", m.ID, m.Name)
		count--
	}
	return nil
}

// Status says of each migration whether it was applied.
func (s *Session) Status(migrations []migration.Migration) {
	for _, m := range migrations {
		state := "pending"
		if _, done := s.applied[m.ID]; done {
			state = "applied"
		}
		fmt.Printf("%s_%s %s\n", m.ID, m.Name, state)
	}
}

func (s *Session) both(ctx context.Context, statements, record string, values ...any) error {
	transaction, err := s.connection.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = transaction.Rollback() }()
	if _, err := transaction.ExecContext(ctx, statements); err != nil {
		return err
	}
	if _, err := transaction.ExecContext(ctx, record, values...); err != nil {
		return err
	}
	return transaction.Commit()
}
