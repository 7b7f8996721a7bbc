//go:build tools

// Package debugger pins the debugger of the debug image, with checksums of all that it is made of.
package debugger

import _ "github.com/go-delve/delve/cmd/dlv"
