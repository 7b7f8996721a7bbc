// Package clock tells the time of places.
package clock

import (
	"fmt"
	"time"
)

// Reading is the time at a place.
type Reading struct {
	Zone string `json:"zone"`
	Time string `json:"time"`
	// Offset is the distance to UTC: "+05:30".
	Offset string `json:"offset"`
}

// Read tells the time at a place, by the time zone database of the machine.
func Read(zone string, now time.Time) (Reading, error) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return Reading{}, fmt.Errorf("no time zone %q", zone)
	}
	local := now.In(location)
	return Reading{Zone: zone, Time: local.Format("2006-01-02 15:04"), Offset: local.Format("-07:00")}, nil
}
