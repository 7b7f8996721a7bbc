package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/worldclock/internal/config"
)

func ask(t *testing.T, path string) (int, string) {
	t.Helper()
	settings := config.Config{Environment: config.Staging, Zones: []string{"UTC", "Asia/Tokyo"}}
	now := func() time.Time { return time.Date(2026, time.July, 1, 12, 0, 0, 0, time.UTC) }
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, path, nil)
	Handler(settings, Build{Version: "1.2.3", Commit: "abc"}, now).ServeHTTP(recorder, request)
	return recorder.Code, recorder.Body.String()
}

func check(t *testing.T, path string, status int, parts ...string) {
	t.Helper()
	code, body := ask(t, path)
	if code != status {
		t.Errorf("%s: %d, want %d", path, code, status)
	}
	for _, part := range parts {
		if !strings.Contains(body, part) {
			t.Errorf("%s: %s has no %s", path, body, part)
		}
	}
}

func TestTheZonesOfTheConfigurationAreShown(t *testing.T) {
	check(t, "/", http.StatusOK, `"zone":"UTC","time":"2026-07-01 12:00"`, `"time":"2026-07-01 21:00"`)
}

func TestAZoneIsAskedFor(t *testing.T) {
	check(t, "/time?zone=Asia/Kolkata", http.StatusOK, `"offset":"+05:30"`)
	check(t, "/time?zone=Mars", http.StatusNotFound, "no time zone")
}

func TestTheBuildSaysWhatItIs(t *testing.T) {
	check(t, "/about", http.StatusOK, `"version":"1.2.3"`, `"commit":"abc"`, `"environment":"staging"`)
}
