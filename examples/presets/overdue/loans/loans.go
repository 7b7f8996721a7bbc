// Package loans reads what was lent, and says what is overdue.
package loans

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Loan is a book that somebody has.
type Loan struct {
	Reader, Title string
	Due           time.Time
}

// Read takes lines of reader, title and the day by which the book is due.
func Read(from io.Reader) ([]Loan, error) {
	lines := csv.NewReader(from)
	lines.FieldsPerRecord = 3
	var all []Loan
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		due, err := time.Parse(time.DateOnly, fields[2])
		if err != nil {
			line, _ := lines.FieldPos(2)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		all = append(all, Loan{Reader: fields[0], Title: fields[1], Due: due})
	}
}

// Overdue gives what should be back on a day, the oldest first.
func Overdue(all []Loan, day time.Time) []Loan {
	var found []Loan
	for _, loan := range all {
		if loan.Due.Before(day) {
			found = append(found, loan)
		}
	}
	slices.SortStableFunc(found, func(a, b Loan) int { return a.Due.Compare(b.Due) })
	return found
}
