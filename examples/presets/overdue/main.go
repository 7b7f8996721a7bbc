// Command overdue lists the loans of a file that are overdue on a day: overdue loans.csv 2026-01-31. It exits with 3 if there
// are any.
package main

import (
	"fmt"
	"os"
	"time"

	"example.com/overdue/loans"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: overdue FILE DAY")
		os.Exit(2)
	}
	found, err := list(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "overdue:", err)
		os.Exit(1)
	}
	for _, loan := range found {
		fmt.Printf("%s: %q since %s\n", loan.Reader, loan.Title, loan.Due.Format(time.DateOnly))
	}
	if len(found) > 0 {
		os.Exit(3)
	}
}

func list(path, day string) ([]loans.Loan, error) {
	today, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	all, err := loans.Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return loans.Overdue(all, today), nil
}
