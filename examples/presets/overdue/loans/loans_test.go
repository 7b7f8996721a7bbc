package loans

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func day(text string) time.Time {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return day
}

func titles(t *testing.T, text, on string) []string {
	t.Helper()
	all, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	found := []string{}
	for _, loan := range Overdue(all, day(on)) {
		found = append(found, loan.Title)
	}
	return found
}

const lent = "Ada,Ficciones,2026-01-20\nBob,\"Snow, Country\",2026-01-10\nCleo,Zeno,2026-02-01\n"

func TestTheOldestComesFirst(t *testing.T) {
	if diff := cmp.Diff([]string{"Snow, Country", "Ficciones"}, titles(t, lent, "2026-01-31")); diff != "" {
		t.Error(diff)
	}
}

func TestOnItsDayABookIsNotOverdue(t *testing.T) {
	if diff := cmp.Diff([]string{}, titles(t, lent, "2026-01-10")); diff != "" {
		t.Error(diff)
	}
}

func TestAWrongDayIsNamedByItsLine(t *testing.T) {
	_, err := Read(strings.NewReader("Ada,Ficciones,2026-01-20\nBob,Zeno,soon\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "line 2: ") {
		t.Errorf("it says %v", err)
	}
}
