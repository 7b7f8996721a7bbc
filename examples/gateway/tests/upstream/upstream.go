// Package upstream is a service behind the gateway that says what it was asked.
package upstream

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Seen is what a service was asked.
type Seen struct {
	Service string `json:"service"`
	Path    string `json:"path"`
	Proto   string `json:"proto"`
	Padding string `json:"padding"`
}

// Handler answers every request with what it was.
func Handler(service string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		seen := Seen{service, r.URL.Path, r.Header.Get("X-Forwarded-Proto"), strings.Repeat("-", 512)}
		// Who asked may be gone by now.
		_ = json.NewEncoder(w).Encode(seen)
	})
}
