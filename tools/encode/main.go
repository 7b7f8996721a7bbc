// Command encode builds a graph with the Go client, encodes it, and prints as JSON how long both took together.
//
// The graphs are those of bench/src/encode.rs, op for op: encode chain|fan COUNT.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/moby/buildkit/client/llb"
	"github.com/opencontainers/go-digest"
)

type report struct {
	Seconds float64 `json:"seconds"`
	Digest  string  `json:"digest"`
	Ops     int     `json:"ops"`
	Bytes   int     `json:"bytes"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "encode:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("give a shape and a count, not %d arguments", len(args))
	}
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	start := time.Now()
	var state llb.State
	switch args[0] {
	case "chain":
		state = chain(count)
	case "fan":
		state = fan(count)
	default:
		return fmt.Errorf("shape %q is not chain or fan", args[0])
	}
	definition, err := state.Marshal(context.Background(), llb.LinuxAmd64)
	if err != nil {
		return err
	}
	bytes, err := definition.ToPB().Marshal()
	if err != nil {
		return err
	}
	seconds := time.Since(start).Seconds()
	return json.NewEncoder(os.Stdout).Encode(report{
		Seconds: seconds,
		Digest:  digest.FromBytes(definition.Def[len(definition.Def)-1]).String(),
		Ops:     len(definition.Def),
		Bytes:   len(bytes),
	})
}

func chain(count int) llb.State {
	top := image()
	for number := range count {
		top = exec(top, number)
	}
	return top
}

func fan(count int) llb.State {
	base := image()
	inputs := make([]llb.State, 0, count)
	for number := range count {
		inputs = append(inputs, exec(base, number))
	}
	return llb.Merge(inputs)
}

func image() llb.State {
	return llb.Image("docker.io/library/busybox:latest")
}

func exec(base llb.State, number int) llb.State {
	return base.Run(llb.Args([]string{"/bin/sh", "-c", fmt.Sprintf("echo %d", number)})).Root()
}
