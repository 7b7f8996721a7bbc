// Package migration reads migrations: pairs of SQL files, `003_name.up.sql` and `003_name.down.sql`.
package migration

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"sort"
	"strings"
)

// Migration is one change of a schema, and its way back.
type Migration struct {
	ID   string
	Name string
	Up   string
	Down string
}

// Sum is the digest of what is applied, by which an edit after the fact is found.
func (m Migration) Sum() string {
	sum := sha256.Sum256([]byte(m.Up))
	return hex.EncodeToString(sum[:])
}

var fileName = regexp.MustCompile(`^(\d{3})_([a-z0-9_]+)\.(up|down)\.sql$`)

// Read gives all migrations of a directory in their order: 001, 002 and so on, without a gap and each with both files.
func Read(directory fs.FS) ([]Migration, error) {
	files, err := fs.Glob(directory, "*.sql")
	if err != nil {
		return nil, err
	}
	byID := map[string]*Migration{}
	for _, file := range files {
		parts := fileName.FindStringSubmatch(path.Base(file))
		if parts == nil {
			return nil, fmt.Errorf("%s: a name like 004_invoices.up.sql is needed", file)
		}
		text, err := fs.ReadFile(directory, file)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(string(text)) == "" {
			return nil, fmt.Errorf("%s: nothing in it", file)
		}
		m := byID[parts[1]]
		if m == nil {
			m = &Migration{ID: parts[1], Name: parts[2]}
			byID[m.ID] = m
		}
		if m.Name != parts[2] {
			return nil, fmt.Errorf("%s: %s is taken by %s", file, m.ID, m.Name)
		}
		if parts[3] == "up" {
			m.Up = string(text)
		} else {
			m.Down = string(text)
		}
	}
	migrations := make([]Migration, 0, len(byID))
	for _, m := range byID {
		if m.Up == "" || m.Down == "" {
			return nil, fmt.Errorf("%s_%s: both an .up.sql and a .down.sql are needed", m.ID, m.Name)
		}
		migrations = append(migrations, *m)
	}
	sort.Slice(migrations, func(i, j int) bool { return migrations[i].ID < migrations[j].ID })
	for i, m := range migrations {
		if want := fmt.Sprintf("%03d", i+1); m.ID != want {
			return nil, fmt.Errorf("%s_%s: %s comes next", m.ID, m.Name, want)
		}
	}
	return migrations, nil
}
