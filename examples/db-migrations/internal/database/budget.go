package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

// Cost is what the planner expects of a query, beside what it may cost: in its own units, which do not depend on how
// busy a machine is.
type Cost struct {
	Query  string  `json:"query"`
	Cost   float64 `json:"cost"`
	Budget float64 `json:"budget"`
}

var budgetLine = regexp.MustCompile(`^-- budget: (\d+)\n`)

// Costs fills a database by `seed.sql` and asks for the plans of all other files of a directory. The error names those
// that are over their budgets.
func Costs(ctx context.Context, db *sql.DB, directory fs.FS) ([]Cost, error) {
	seed, err := fs.ReadFile(directory, "seed.sql")
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, string(seed)); err != nil {
		return nil, fmt.Errorf("seed.sql: %w", err)
	}
	files, err := fs.Glob(directory, "*.sql")
	if err != nil {
		return nil, err
	}
	var costs []Cost
	var over []string
	for _, file := range files {
		if file == "seed.sql" {
			continue
		}
		text, err := fs.ReadFile(directory, file)
		if err != nil {
			return nil, err
		}
		parts := budgetLine.FindStringSubmatch(string(text))
		if parts == nil {
			return nil, fmt.Errorf("%s: a first line like `-- budget: 100` is needed", file)
		}
		budget, err := strconv.ParseFloat(parts[1], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		cost, err := explain(ctx, db, string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		costs = append(costs, Cost{file, cost, budget})
		if cost > budget {
			over = append(over, fmt.Sprintf("%s: costs %.0f, over its budget of %.0f", file, cost, budget))
		}
	}
	if over != nil {
		return costs, fmt.Errorf("%s", strings.Join(over, "\n"))
	}
	return costs, nil
}

func explain(ctx context.Context, db *sql.DB, query string) (float64, error) {
	var text string
	if err := db.QueryRowContext(ctx, "EXPLAIN (FORMAT JSON) "+query).Scan(&text); err != nil {
		return 0, err
	}
	var plans []struct {
		Plan struct {
			Total float64 `json:"Total Cost"`
		}
	}
	if err := json.Unmarshal([]byte(text), &plans); err != nil {
		return 0, err
	}
	if len(plans) != 1 {
		return 0, fmt.Errorf("%d plans, where one is needed", len(plans))
	}
	return plans[0].Plan.Total, nil
}
