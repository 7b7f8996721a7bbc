package main

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/llbbuild"
	"github.com/moby/buildkit/solver/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// graph holds the states of the nodes that are there already.
type graph struct {
	files  []*llb.SourceMap
	states [][]llb.State
}

// marshal makes the definition of a description.
func marshal(ctx context.Context, b build) (answer, error) {
	var g graph
	for _, f := range b.Files {
		origin, err := f.origin()
		if err != nil {
			return answer{}, fmt.Errorf("file %s: %w", f.Filename, err)
		}
		g.files = append(g.files, llb.NewSourceMap(origin, f.Filename, f.Language, []byte(f.Data)))
	}
	if err := g.add(b.Nodes); err != nil {
		return answer{}, err
	}
	target, err := g.state(b.Target)
	if err != nil {
		return answer{}, err
	}
	opts := []llb.ConstraintsOpt{llb.LinuxAmd64, llb.LocalUniqueID(b.UniqueID), llb.Require(b.Workers...)}
	if b.Platform != nil {
		opts = append(opts, llb.Platform(b.Platform.spec()))
	}
	if b.Caps {
		opts = append(opts, llb.WithCaps(pb.Caps.CapSet(pb.Caps.All())))
	}
	def, err := target.Marshal(ctx, opts...)
	if err != nil {
		return answer{}, err
	}
	return answerOf(def.ToPB()), nil
}

func (f sourceFile) origin() (*llb.State, error) {
	if len(f.Origin) == 0 {
		return nil, nil
	}
	var g graph
	if err := g.add(f.Origin); err != nil {
		return nil, err
	}
	state, err := g.state(&ref{Node: len(f.Origin) - 1})
	return &state, err
}

func (g *graph) add(nodes []node) error {
	for i, n := range nodes {
		states, err := n.states(g)
		if err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
		g.states = append(g.states, states)
	}
	return nil
}

// state gives an output of an earlier node, whatever the working directory of that node was.
func (g *graph) state(r *ref) (llb.State, error) {
	if r == nil {
		return llb.Scratch(), nil
	}
	if r.Node >= len(g.states) || r.Output >= len(g.states[r.Node]) {
		return llb.State{}, fmt.Errorf("output %d of node %d is not there yet", r.Output, r.Node)
	}
	return g.states[r.Node][r.Output].Dir("/"), nil
}

func (g *graph) stateIn(r *ref, dir string) (llb.State, error) {
	s, err := g.state(r)
	if dir != "" {
		s = s.Dir(dir)
	}
	return s, err
}

func (g *graph) statesOf(refs []*ref) ([]llb.State, error) {
	states := make([]llb.State, 0, len(refs))
	for _, r := range refs {
		s, err := g.state(r)
		if err != nil {
			return nil, err
		}
		states = append(states, s)
	}
	return states, nil
}

// states makes a node, and gives its outputs.
func (n node) states(g *graph) ([]llb.State, error) {
	common, err := n.Meta.options(g)
	if err != nil {
		return nil, err
	}
	one := func(s llb.State, err error) ([]llb.State, error) { return []llb.State{s}, err }
	switch o := n.Op; {
	case o.Image != nil:
		return one(o.Image.state(common), nil)
	case o.Local != nil:
		return one(o.Local.state(common))
	case o.Git != nil:
		return one(o.Git.state(common), nil)
	case o.HTTP != nil:
		return one(o.HTTP.state(common), nil)
	case o.OCILayout != nil:
		return one(o.OCILayout.state(common), nil)
	case o.Blob != nil:
		return one(o.Blob.state(common), nil)
	case o.Exec != nil:
		return o.Exec.states(g, common)
	case o.File != nil:
		return one(o.File.state(g, common))
	case o.Merge != nil:
		inputs, err := g.statesOf(o.Merge.Inputs)
		return one(llb.Merge(inputs, common...), err)
	case o.Diff != nil:
		sides, err := g.statesOf([]*ref{o.Diff.Lower, o.Diff.Upper})
		if err != nil {
			return nil, err
		}
		return one(llb.Diff(sides[0], sides[1], common...), nil)
	case o.Passthrough != nil:
		return o.Passthrough.states(g, common)
	case o.Requires != nil:
		input, err := g.state(o.Requires.Input)
		if err != nil {
			return nil, err
		}
		deps, err := g.statesOf(o.Requires.Deps)
		return one(input.Requires(o.Requires.ID, deps...), err)
	case o.Build != nil:
		return one(o.Build.state(g, common))
	}
	return nil, errors.New("a node without an op")
}

func (p passthrough) states(g *graph, common []llb.ConstraintsOpt) ([]llb.State, error) {
	var inputs []llb.PassthroughInput
	outputs := 0
	for _, in := range p.Inputs {
		s, err := g.state(in.Input)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, llb.PassthroughInput{State: s, Output: in.Output})
		if in.Output && s.Output() != nil {
			outputs++
		}
	}
	passthrough := llb.NewPassthroughOp(p.ID, inputs, common...)
	var states []llb.State
	for i := range outputs {
		states = append(states, llb.NewState(passthrough.OutputAt(i)))
	}
	return states, nil
}

func (b buildOp) state(g *graph, common []llb.ConstraintsOpt) (llb.State, error) {
	input, err := g.state(b.Input)
	if err != nil {
		return llb.State{}, err
	}
	var opts []llbbuild.BuildOption
	if b.Filename != "" {
		opts = append(opts, llbbuild.WithFilename(b.Filename))
	}
	for _, opt := range common {
		opts = append(opts, llbbuild.WithConstraints(opt))
	}
	return input.With(llbbuild.Build(opts...)), nil
}

// options gives what can be said about every kind of op.
func (m meta) options(g *graph) ([]llb.ConstraintsOpt, error) {
	var opts []llb.ConstraintsOpt
	add := func(set bool, opt llb.ConstraintsOpt) {
		if set {
			opts = append(opts, opt)
		}
	}
	if m.Platform != nil {
		add(true, llb.Platform(m.Platform.spec()))
	}
	add(len(m.Workers) > 0, llb.Require(m.Workers...))
	add(m.UniqueID != "", llb.LocalUniqueID(m.UniqueID))
	description := map[string]string{}
	for _, pair := range m.Description {
		maps.Copy(description, map[string]string{pair[0]: pair[1]})
	}
	add(len(description) > 0, llb.WithDescription(description))
	add(m.CustomName != "", llb.WithCustomName(m.CustomName))
	add(m.IgnoreCache, llb.IgnoreCache)
	add(m.ExportCache == "with", llb.WithExportCache())
	add(m.ExportCache == "without", llb.WithoutExportCache())
	if p := m.ProgressGroup; p != nil {
		add(true, llb.ProgressGroup(p.ID, p.Name, p.Weak))
	}
	if r := m.LinuxResources; r != nil {
		add(true, llb.WithLinuxResources(llb.LinuxResources{
			Memory: r.Memory, MemorySwap: r.MemorySwap,
			CPUShares: r.CPUShares, CPUPeriod: r.CPUPeriod, CPUQuota: r.CPUQuota,
			CpusetCpus: r.CPUSetCPUs, CpusetMems: r.CPUSetMems,
		}))
	}
	for _, l := range m.Locations {
		if l.File >= len(g.files) {
			return nil, fmt.Errorf("file %d is not there", l.File)
		}
		var ranges []*pb.Range
		for _, r := range l.Ranges {
			ranges = append(ranges, &pb.Range{Start: r.Start.pb(), End: r.End.pb()})
		}
		add(true, g.files[l.File].Location(ranges))
	}
	return opts, nil
}

func (p platform) spec() ocispecs.Platform {
	return ocispecs.Platform{
		OS: p.OS, Architecture: p.Architecture, Variant: p.Variant,
		OSVersion: p.OSVersion, OSFeatures: p.OSFeatures,
	}
}

func (p position) pb() *pb.Position {
	return &pb.Position{Line: p.Line, Character: p.Character}
}
