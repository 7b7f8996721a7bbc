package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/moby/buildkit/client/llb"
)

// file does the actions of its chain; the other chains are what copies of later ones are from.
type file struct {
	Chains []chain `json:"chains"`
	Chain  chain   `json:"chain"`
}

type chain struct {
	Base    *ref     `json:"base"`
	Dir     string   `json:"dir"`
	Actions []action `json:"actions"`
}

// action is exactly one of these.
type action struct {
	Copy    *copyAction `json:"copy"`
	Mkdir   *mkdir      `json:"mkdir"`
	Mkfile  *mkfile     `json:"mkfile"`
	Rm      *rm         `json:"rm"`
	Symlink *symlink    `json:"symlink"`
}

type copyAction struct {
	From            copySource `json:"from"`
	Src             string     `json:"src"`
	Dest            string     `json:"dest"`
	Owner           *owner     `json:"owner"`
	Mode            *copyMode  `json:"mode"`
	FollowSymlinks  bool       `json:"follow_symlinks"`
	DirContents     bool       `json:"dir_contents"`
	Unpack          bool       `json:"unpack"`
	CreateDestPath  bool       `json:"create_dest_path"`
	Wildcard        bool       `json:"wildcard"`
	EmptyWildcard   bool       `json:"empty_wildcard"`
	Created         *int64     `json:"created"`
	Include         []string   `json:"include"`
	Exclude         []string   `json:"exclude"`
	ReplaceExisting bool       `json:"replace_existing"`
	RequiredPaths   []string   `json:"required_paths"`
}

// copySource is a state or, by its position, a chain.
type copySource struct {
	State *copyState `json:"state"`
	Chain *int       `json:"chain"`
}

type copyState struct {
	Input *ref   `json:"input"`
	Dir   string `json:"dir"`
}

type copyMode struct {
	Bits     *uint32 `json:"bits"`
	Symbolic string  `json:"symbolic"`
}

// owner is a text or two numbers.
type owner struct {
	Text string  `json:"text"`
	IDs  *[2]int `json:"ids"`
}

type mkdir struct {
	Path    string `json:"path"`
	Mode    uint32 `json:"mode"`
	Parents bool   `json:"parents"`
	Owner   *owner `json:"owner"`
	Created *int64 `json:"created"`
}

type mkfile struct {
	Path    string `json:"path"`
	Mode    uint32 `json:"mode"`
	Data    string `json:"data"`
	Owner   *owner `json:"owner"`
	Created *int64 `json:"created"`
}

type rm struct {
	Path     string `json:"path"`
	NotFound bool   `json:"not_found"`
	Wildcard bool   `json:"wildcard"`
}

type symlink struct {
	Target  string `json:"target"`
	Path    string `json:"path"`
	Owner   *owner `json:"owner"`
	Created *int64 `json:"created"`
}

func (f file) state(g *graph, common []llb.ConstraintsOpt) (llb.State, error) {
	var inputs []llb.CopyInput
	for _, c := range f.Chains {
		base, err := g.stateIn(c.Base, c.Dir)
		if err != nil {
			return llb.State{}, err
		}
		fa, err := c.action(g, inputs)
		if err != nil {
			return llb.State{}, err
		}
		inputs = append(inputs, fa.WithState(base))
	}
	base, err := g.stateIn(f.Chain.Base, f.Chain.Dir)
	if err != nil {
		return llb.State{}, err
	}
	fa, err := f.Chain.action(g, inputs)
	if err != nil {
		return llb.State{}, err
	}
	return base.File(fa, common...), nil
}

func (c chain) action(g *graph, chains []llb.CopyInput) (*llb.FileAction, error) {
	if len(c.Actions) == 0 {
		return nil, errors.New("a chain without actions")
	}
	// A method of the empty action is the function of that name.
	var fa *llb.FileAction
	for _, a := range c.Actions {
		var err error
		if fa, err = a.after(fa, g, chains); err != nil {
			return nil, err
		}
	}
	return fa, nil
}

func (a action) after(fa *llb.FileAction, g *graph, chains []llb.CopyInput) (*llb.FileAction, error) {
	switch {
	case a.Copy != nil:
		from, err := a.Copy.From.input(g, chains)
		if err != nil {
			return nil, err
		}
		return fa.Copy(from, a.Copy.Src, a.Copy.Dest, a.Copy.options()...), nil
	case a.Mkdir != nil:
		m := a.Mkdir
		opts := []llb.MkdirOption{llb.WithParents(m.Parents)}
		for _, opt := range ownership(m.Owner, m.Created) {
			opts = append(opts, opt)
		}
		return fa.Mkdir(m.Path, os.FileMode(m.Mode), opts...), nil
	case a.Mkfile != nil:
		m := a.Mkfile
		data, err := hex.DecodeString(m.Data)
		if err != nil {
			return nil, err
		}
		var opts []llb.MkfileOption
		for _, opt := range ownership(m.Owner, m.Created) {
			opts = append(opts, opt)
		}
		return fa.Mkfile(m.Path, os.FileMode(m.Mode), data, opts...), nil
	case a.Rm != nil:
		r := a.Rm
		return fa.Rm(r.Path, llb.WithAllowNotFound(r.NotFound), llb.WithAllowWildcard(r.Wildcard)), nil
	case a.Symlink != nil:
		s := a.Symlink
		var opts []llb.SymlinkOption
		for _, opt := range ownership(s.Owner, s.Created) {
			opts = append(opts, opt)
		}
		return fa.Symlink(s.Target, s.Path, opts...), nil
	}
	return nil, errors.New("an action without a kind")
}

func (s copySource) input(g *graph, chains []llb.CopyInput) (llb.CopyInput, error) {
	switch {
	case s.State != nil:
		return g.stateIn(s.State.Input, s.State.Dir)
	case s.Chain != nil && *s.Chain < len(chains):
		return chains[*s.Chain], nil
	}
	return nil, fmt.Errorf("nothing to copy from: %+v", s)
}

func (c copyAction) options() []llb.CopyOption {
	info := llb.CopyInfo{
		FollowSymlinks:                 c.FollowSymlinks,
		CopyDirContentsOnly:            c.DirContents,
		IncludePatterns:                c.Include,
		RequiredPaths:                  c.RequiredPaths,
		AttemptUnpack:                  c.Unpack,
		CreateDestPath:                 c.CreateDestPath,
		AllowWildcard:                  c.Wildcard,
		AllowEmptyWildcard:             c.EmptyWildcard,
		AlwaysReplaceExistingDestPaths: c.ReplaceExisting,
	}
	// The struct comes first: it takes the place of all that was said before it.
	opts := []llb.CopyOption{&info, llb.WithExcludePatterns(c.Exclude)}
	if m := c.Mode; m != nil && m.Bits != nil {
		opts = append(opts, llb.ChmodOpt{Mode: os.FileMode(*m.Bits)})
	} else if m != nil {
		opts = append(opts, llb.ChmodOpt{ModeStr: m.Symbolic})
	}
	for _, opt := range ownership(c.Owner, c.Created) {
		opts = append(opts, opt)
	}
	return opts
}

// ownership gives the options that all actions take which make files.
func ownership(o *owner, created *int64) []llb.ChownOption {
	var opts []llb.ChownOption
	if o != nil && o.IDs != nil {
		opts = append(opts, llb.WithUIDGID(o.IDs[0], o.IDs[1]))
	} else if o != nil {
		opts = append(opts, llb.WithUser(o.Text))
	}
	if created != nil {
		opts = append(opts, llb.WithCreatedTime(time.Unix(0, *created)))
	}
	return opts
}
