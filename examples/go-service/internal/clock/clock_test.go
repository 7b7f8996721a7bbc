package clock

import (
	"testing"
	"time"
)

var noon = time.Date(2026, time.July, 1, 12, 0, 0, 0, time.UTC)

func TestAZoneHasItsOffset(t *testing.T) {
	for zone, want := range map[string]Reading{
		"UTC":          {"UTC", "2026-07-01 12:00", "+00:00"},
		"Asia/Kolkata": {"Asia/Kolkata", "2026-07-01 17:30", "+05:30"},
	} {
		if got, err := Read(zone, noon); err != nil || got != want {
			t.Errorf("got %+v and %v, want %+v", got, err, want)
		}
	}
}

func TestSummerTimeIsKnown(t *testing.T) {
	summer, _ := Read("Europe/Rome", noon)
	winter, _ := Read("Europe/Rome", noon.AddDate(0, 6, 0))
	if summer.Offset != "+02:00" || winter.Offset != "+01:00" {
		t.Errorf("got %s in summer and %s in winter", summer.Offset, winter.Offset)
	}
}

func TestAPlaceThatIsNotThereIsNamed(t *testing.T) {
	if _, err := Read("Europe/Atlantis", noon); err == nil || err.Error() != `no time zone "Europe/Atlantis"` {
		t.Error(err)
	}
}
