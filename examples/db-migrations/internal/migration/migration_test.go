package migration

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

func directory(files ...string) fstest.MapFS {
	all := fstest.MapFS{}
	for _, file := range files {
		all[file] = &fstest.MapFile{Data: []byte("SELECT 1;\n")}
	}
	return all
}

func TestOursAreRight(t *testing.T) {
	migrations, err := Read(os.DirFS("../../migrations"))
	if err != nil || len(migrations) < 3 {
		t.Fatalf("%d migrations: %v", len(migrations), err)
	}
}

func TestWhatIsWrongWithADirectoryIsNamed(t *testing.T) {
	for message, files := range map[string]fstest.MapFS{
		"both an .up.sql":     directory("001_a.up.sql"),
		"002 comes next":      directory("001_a.up.sql", "001_a.down.sql", "003_b.up.sql", "003_b.down.sql"),
		"001 is taken by a":   directory("001_a.up.sql", "001_a.down.sql", "001_b.up.sql"),
		"a name like 004_inv": directory("1_a.up.sql"),
	} {
		if _, err := Read(files); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%q is not in %v", message, err)
		}
	}
}

func TestDestructionNeedsApproval(t *testing.T) {
	up := func(text string) []Migration { return []Migration{{ID: "001", Name: "a", Up: text}} }
	for _, text := range []string{"DROP TABLE a;", "alter table a drop column b;", "TRUNCATE a;", "DELETE\n FROM a;",
		"ALTER TABLE a ALTER COLUMN b TYPE integer;"} {
		if err := Check(up("SELECT 1;\n"+text), nil); err == nil || !strings.Contains(err.Error(), "001_a.up.sql:2: ") {
			t.Errorf("%s: %v", text, err)
		}
		if err := Check(up(text), []string{"001"}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"-- DROP TABLE a", "SELECT 'DROP TABLE a';", "/* TRUNCATE\na */", "CREATE TABLE a (b text);"} {
		if err := Check(up(text), nil); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestApprovalOfNothingIsRefused(t *testing.T) {
	harmless := []Migration{{ID: "001", Name: "a", Up: "SELECT 1;"}}
	for _, id := range []string{"001", "002"} {
		if err := Check(harmless, []string{id}); err == nil {
			t.Errorf("%s is approved", id)
		}
	}
}
