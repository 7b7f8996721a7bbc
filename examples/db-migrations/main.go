// Migrate brings the schema of a PostgreSQL database forth and back. The server is what PGHOST, PGUSER, PGPASSWORD,
// PGDATABASE and PGSSLMODE say.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"example.com/migrate/internal/database"
	"example.com/migrate/internal/migration"
	_ "github.com/lib/pq"
)

const usage = `usage: migrate COMMAND, with the migrations in $MIGRATIONS or /migrations

  check [IDS]      refuses what destroys data, but for these migrations
  apply            applies what is pending
  rollback COUNT   takes back the last ones
  status           says which are applied
  costs DIR FILE   asks what the queries of a directory cost, and writes it to a file`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "migrate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	directory := os.Getenv("MIGRATIONS")
	if directory == "" {
		directory = "/migrations"
	}
	migrations, err := migration.Read(os.DirFS(directory))
	if err != nil {
		return err
	}
	command := strings.Join(arguments[:min(1, len(arguments))], "")
	if command == "check" && len(arguments) <= 2 {
		approved := strings.FieldsFunc(strings.Join(arguments[1:], ""), func(r rune) bool { return r == ',' })
		return migration.Check(migrations, approved)
	}
	db, err := sql.Open("postgres", "")
	if err != nil {
		return err
	}
	defer db.Close()
	if command == "costs" && len(arguments) == 3 {
		return costs(ctx, db, arguments[1], arguments[2])
	}
	session, err := database.Open(ctx, db)
	if err != nil {
		return err
	}
	switch {
	case command == "apply" && len(arguments) == 1:
		return session.Apply(ctx, migrations)
	case command == "status" && len(arguments) == 1:
		session.Status(migrations)
		return nil
	case command == "rollback" && len(arguments) == 2:
		count, err := strconv.Atoi(arguments[1])
		if err != nil || count < 1 {
			return fmt.Errorf("%s: a count of migrations is needed", arguments[1])
		}
		return session.Rollback(ctx, migrations, count)
	default:
		return errors.New(usage)
	}
}

// The file is written also when a query is over its budget: it says which.
func costs(ctx context.Context, db *sql.DB, directory, file string) error {
	costs, over := database.Costs(ctx, db, os.DirFS(directory))
	text, err := json.MarshalIndent(costs, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Println(string(text))
	return over
}
