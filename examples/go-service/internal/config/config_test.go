package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFileIsRead(t *testing.T) {
	path := write(t, "environment: staging\nlisten: ':8080'\nlogLevel: debug\nzones: [UTC, Asia/Tokyo]\ngrace: 2s\n")
	config, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if config.Environment != Staging || len(config.Zones) != 2 || config.Grace != 2*time.Second {
		t.Errorf("%+v", config)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"environment: prod\nlisten: ':1'\nzones: [UTC]\n":                `environment "prod" is none of`,
		"environment: staging\nlisten: '8080'\nzones: [UTC]\n":           "listen: ",
		"environment: staging\nlisten: ':1'\nzones: [Europe/Atlantis]\n": "Europe/Atlantis",
		"environment: staging\nlisten: ':1'\nzones: [UTC]\nport: 1\n":    "field port not found",
	} {
		if _, err := Read(write(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q should say %q, but says %v", text, want, err)
		}
	}
}
