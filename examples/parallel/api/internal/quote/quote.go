// Package quote prices a parcel by a model that was fitted when the image was built.
package quote

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
)

// Model is a price in cents: a base, and so much for each kilogram and kilometre.
type Model struct {
	Base   float64 `json:"base"`
	PerKg  float64 `json:"per_kg"`
	PerKm  float64 `json:"per_km"`
	Sample int     `json:"sample"`
}

// Load reads a model and refuses one that cannot be right.
func Load(path string) (Model, error) {
	var model Model
	text, err := os.ReadFile(path)
	if err != nil {
		return model, err
	}
	if err := json.Unmarshal(text, &model); err != nil {
		return model, fmt.Errorf("%s: %w", path, err)
	}
	if model.PerKg <= 0 || model.PerKm <= 0 {
		return model, fmt.Errorf("%s: a price that does not grow with weight and distance", path)
	}
	return model, nil
}

// Cents is the price of a parcel, in whole cents.
func (m Model) Cents(kg, km float64) int {
	return int(math.Round(m.Base + m.PerKg*kg + m.PerKm*km))
}
