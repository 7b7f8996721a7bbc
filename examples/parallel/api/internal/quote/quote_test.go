package quote

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var model = Model{Base: 300, PerKg: 50, PerKm: 2, Sample: 9}

func get(t *testing.T, path string) (int, string) {
	t.Helper()
	response := httptest.NewRecorder()
	Server(model, "testdata").ServeHTTP(response, httptest.NewRequest(http.MethodGet, path, nil))
	return response.Code, response.Body.String()
}

func TestPriceGrowsWithWeightAndDistance(t *testing.T) {
	if cents := model.Cents(2, 100); cents != 600 {
		t.Errorf("2 kg over 100 km cost %d cents, not 600", cents)
	}
}

func TestQuoteIsAnswered(t *testing.T) {
	status, body := get(t, "/quote?kg=2&km=100")
	var got answer
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if got.Cents != 600 || len(got.ID) != 36 {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsNoNumberIsNamed(t *testing.T) {
	for _, path := range []string{"/quote?kg=2", "/quote?kg=2&km=-1", "/quote?kg=2&km=NaN"} {
		if status, body := get(t, path); status != http.StatusBadRequest || !strings.HasPrefix(body, "km:") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestModelThatCannotBeRightIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.json")
	for _, text := range []string{`{`, `{"base":1,"per_kg":0,"per_km":2}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
