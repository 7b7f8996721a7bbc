// Command llb makes definitions with the Go client from descriptions of builds.
//
// It reads one description per line of standard input, in JSON, and writes one answer per line: the definition
// that client/llb makes of it, or why it makes none. description.go and answer.go say what the lines look like.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "llb:", err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	decoder := json.NewDecoder(in)
	decoder.DisallowUnknownFields()
	writer := bufio.NewWriter(out)
	encoder := json.NewEncoder(writer)
	for {
		var b build
		if err := decoder.Decode(&b); errors.Is(err, io.EOF) {
			return writer.Flush()
		} else if err != nil {
			return err
		}
		answer, err := marshal(context.Background(), b)
		if err != nil {
			answer = refused(err)
		}
		if err := encoder.Encode(answer); err != nil {
			return err
		}
	}
}
