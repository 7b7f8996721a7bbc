// Package server answers requests.
package server

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"runtime"
	"time"

	"example.com/worldclock/internal/clock"
	"example.com/worldclock/internal/config"
)

// Build says which program this is.
type Build struct {
	Version string
	Commit  string
}

// Handler serves GET /, /time?zone=…, /about and /health.
func Handler(settings config.Config, build Build, now func() time.Time) http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		readings := make([]clock.Reading, 0, len(settings.Zones))
		for _, zone := range settings.Zones {
			// The zones of a configuration were checked when it was read.
			if reading, err := clock.Read(zone, now()); err == nil {
				readings = append(readings, reading)
			}
		}
		answer(w, http.StatusOK, readings)
	})
	routes.HandleFunc("GET /time", func(w http.ResponseWriter, r *http.Request) {
		reading, err := clock.Read(r.URL.Query().Get("zone"), now())
		if err != nil {
			answer(w, http.StatusNotFound, map[string]string{"error": err.Error()})
			return
		}
		answer(w, http.StatusOK, reading)
	})
	routes.HandleFunc("GET /about", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{
			"version":     build.Version,
			"commit":      build.Commit,
			"environment": settings.Environment,
			"platform":    runtime.GOOS + "/" + runtime.GOARCH,
			"trusts":      trusts(),
		})
	})
	routes.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	return routes
}

// Whether this machine knows authorities, so that the service could ask others over TLS.
func trusts() bool {
	pool, err := x509.SystemCertPool()
	return err == nil && !pool.Equal(x509.NewCertPool())
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// Who asked may be gone by now.
	_ = json.NewEncoder(w).Encode(body)
}
