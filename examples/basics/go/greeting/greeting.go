// Package greeting says what a visitor is told.
package greeting

import "html"

// For greets somebody.
func For(name string) string {
	if name == "" {
		name = "you"
	}
	return "<p>Go greets " + html.EscapeString(name) + "</p>\n"
}
