package quote

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/google/uuid"
)

type answer struct {
	ID    string  `json:"id"`
	Kg    float64 `json:"kg"`
	Km    float64 `json:"km"`
	Cents int     `json:"cents"`
}

// Server answers /quote?kg=…&km=… by a model, /health, and everything else with files of a directory.
func Server(model Model, site string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "{\"sample\":%d}\n", model.Sample)
	})
	mux.HandleFunc("GET /quote", func(w http.ResponseWriter, r *http.Request) {
		kg, err := positive(r, "kg")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		km, err := positive(r, "km")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("content-type", "application/json")
		_ = json.NewEncoder(w).Encode(answer{uuid.NewString(), kg, km, model.Cents(kg, km)})
	})
	mux.Handle("GET /", http.FileServer(http.Dir(site)))
	return mux
}

func positive(r *http.Request, name string) (float64, error) {
	value, err := strconv.ParseFloat(r.URL.Query().Get(name), 64)
	if err != nil || value <= 0 || math.IsInf(value, 0) || math.IsNaN(value) {
		return 0, fmt.Errorf("%s: a number above 0 is needed", name)
	}
	return value, nil
}
