package main

import (
	"encoding/hex"
	"slices"

	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// answer is a definition as JSON, or an error.
type answer struct {
	Error string `json:"error,omitempty"`
	// In the order of the definition; the last one is the terminal op.
	Ops      []opBytes             `json:"ops"`
	Metadata map[string]opMetadata `json:"metadata"`
	Files    []fileAnswer          `json:"files"`
	// By op. The client also writes down that an op has no location; that is left out here.
	Locations map[string][]location `json:"locations"`
}

type opBytes struct {
	Digest string `json:"digest"`
	Hex    string `json:"hex"`
}

type opMetadata struct {
	Caps           []string          `json:"caps"`
	Description    map[string]string `json:"description"`
	IgnoreCache    bool              `json:"ignore_cache"`
	ExportCache    *bool             `json:"export_cache"`
	ProgressGroup  *progressGroup    `json:"progress_group"`
	LinuxResources *resources        `json:"linux_resources"`
}

type fileAnswer struct {
	Filename   string  `json:"filename"`
	Language   string  `json:"language"`
	Data       string  `json:"data"`
	Definition *answer `json:"definition"`
}

// refused gives an answer without definition.
func refused(err error) answer {
	a := answerOf(&pb.Definition{})
	a.Error = err.Error()
	return a
}

func answerOf(def *pb.Definition) answer {
	a := answer{
		Ops:       []opBytes{},
		Metadata:  map[string]opMetadata{},
		Files:     []fileAnswer{},
		Locations: map[string][]location{},
	}
	for _, dt := range def.Def {
		a.Ops = append(a.Ops, opBytes{Digest: digest.FromBytes(dt).String(), Hex: hex.EncodeToString(dt)})
	}
	for dgst, md := range def.Metadata {
		a.Metadata[dgst] = metadataOf(md)
	}
	for _, info := range def.Source.GetInfos() {
		f := fileAnswer{Filename: info.Filename, Language: info.Language, Data: string(info.Data)}
		if info.Definition != nil {
			origin := answerOf(info.Definition)
			f.Definition = &origin
		}
		a.Files = append(a.Files, f)
	}
	for dgst, locations := range def.Source.GetLocations() {
		for _, l := range locations.Locations {
			a.Locations[dgst] = append(a.Locations[dgst], locationOf(l))
		}
	}
	return a
}

func metadataOf(md *pb.OpMetadata) opMetadata {
	m := opMetadata{Caps: []string{}, Description: map[string]string{}, IgnoreCache: md.IgnoreCache}
	for name := range md.Caps {
		m.Caps = append(m.Caps, name)
	}
	slices.Sort(m.Caps)
	for key, text := range md.Description {
		m.Description[key] = text
	}
	if md.ExportCache != nil {
		m.ExportCache = &md.ExportCache.Value
	}
	if p := md.ProgressGroup; p != nil {
		m.ProgressGroup = &progressGroup{ID: p.Id, Name: p.Name, Weak: p.Weak}
	}
	if r := md.LinuxResources; r != nil {
		m.LinuxResources = &resources{
			Memory: r.Memory, MemorySwap: r.MemorySwap,
			CPUShares: r.CpuShares, CPUPeriod: r.CpuPeriod, CPUQuota: r.CpuQuota,
			CPUSetCPUs: r.CpusetCpus, CPUSetMems: r.CpusetMems,
		}
	}
	return m
}

func locationOf(l *pb.Location) location {
	ranges := []textRange{}
	for _, r := range l.Ranges {
		start := position{Line: r.Start.GetLine(), Character: r.Start.GetCharacter()}
		end := position{Line: r.End.GetLine(), Character: r.End.GetCharacter()}
		ranges = append(ranges, textRange{Start: start, End: end})
	}
	return location{File: int(l.SourceIndex), Ranges: ranges}
}
