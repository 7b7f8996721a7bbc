package migration

import (
	"fmt"
	"regexp"
	"strings"
)

// What cannot be taken back: data are gone when it has run. Comments and texts are blanked before it is looked for.
var (
	destructive = regexp.MustCompile(`(?i)\b(drop\s+(table|column|schema|type|database)|truncate|delete\s+from)\b|\balter\s+(column\s+)?\w+\s+(set\s+data\s+)?type\b`)
	notLineEnd  = regexp.MustCompile(`[^\n]`)
	ignored     = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'`)
)

// Destructive gives the first statement of a migration that destroys data, or nothing.
func (m Migration) Destructive() string {
	text := ignored.ReplaceAllStringFunc(m.Up, func(text string) string {
		return notLineEnd.ReplaceAllString(text, " ")
	})
	if at := destructive.FindStringIndex(text); at != nil {
		line := 1 + strings.Count(text[:at[0]], "\n")
		words := strings.Join(strings.Fields(text[at[0]:at[1]]), " ")
		return fmt.Sprintf("%s_%s.up.sql:%d: %s", m.ID, m.Name, line, words)
	}
	return ""
}

// Check refuses migrations that destroy data and are not approved by their ids, and approvals of what there is not.
func Check(migrations []Migration, approved []string) error {
	var problems []string
	given := map[string]bool{}
	for _, id := range approved {
		given[id] = true
	}
	for _, m := range migrations {
		if found := m.Destructive(); found != "" && !given[m.ID] {
			problems = append(problems, fmt.Sprintf("%s: destroys data; approve it by its id, %s", found, m.ID))
		} else if found == "" && given[m.ID] {
			problems = append(problems, fmt.Sprintf("%s: approved, but nothing in %s_%s needs it", m.ID, m.ID, m.Name))
		}
		delete(given, m.ID)
	}
	for _, id := range approved {
		if given[id] {
			problems = append(problems, id+": approved, but there is no such migration")
		}
	}
	if problems != nil {
		return fmt.Errorf("%s", strings.Join(problems, "\n"))
	}
	return nil
}
