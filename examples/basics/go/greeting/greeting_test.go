package greeting

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func check(t *testing.T, name, want string) {
	t.Helper()
	if diff := cmp.Diff(want, For(name)); diff != "" {
		t.Error(diff)
	}
}

func TestANameIsGreeted(t *testing.T)     { check(t, "Ada", "<p>Go greets Ada</p>\n") }
func TestNobodyIsGreetedToo(t *testing.T) { check(t, "", "<p>Go greets you</p>\n") }
func TestANameIsText(t *testing.T)        { check(t, "<b>", "<p>Go greets &lt;b&gt;</p>\n") }
