package main

import (
	"fmt"
	"os"

	"github.com/moby/buildkit/client/llb"
	"github.com/opencontainers/go-digest"
)

type image struct {
	Reference   string `json:"reference"`
	ResolveMode string `json:"resolve_mode"`
	LayerLimit  *int   `json:"layer_limit"`
	Checksum    string `json:"checksum"`
	Internal    bool   `json:"internal"`
}

type local struct {
	Name          string        `json:"name"`
	Session       string        `json:"session"`
	Include       []string      `json:"include"`
	Exclude       []string      `json:"exclude"`
	FollowPaths   []string      `json:"follow_paths"`
	SharedKeyHint string        `json:"shared_key_hint"`
	Differ        *differ       `json:"differ"`
	MetadataOnly  *metadataOnly `json:"metadata_only"`
}

type differ struct {
	Kind     string `json:"kind"`
	Required bool   `json:"required"`
}

type metadataOnly struct {
	Except []string `json:"except"`
}

type git struct {
	URL            string      `json:"url"`
	Ref            string      `json:"ref"`
	Subdir         string      `json:"subdir"`
	KeepGitDir     bool        `json:"keep_git_dir"`
	AuthToken      *secretName `json:"auth_token"`
	AuthHeader     *secretName `json:"auth_header"`
	KnownHosts     []string    `json:"known_hosts"`
	SSHSocket      string      `json:"ssh_socket"`
	Checksum       string      `json:"checksum"`
	SkipSubmodules bool        `json:"skip_submodules"`
	MTime          string      `json:"mtime"`
	Advice         bool        `json:"advice"`
	FetchByCommit  bool        `json:"fetch_by_commit"`
	Bundle         *bundle     `json:"bundle"`
	CheckoutBundle bool        `json:"checkout_bundle"`
}

// secretName is empty for no secret, where nothing said means the default one.
type secretName struct {
	Name string `json:"name"`
}

type bundle struct {
	Locator string `json:"locator"`
	Session string `json:"session"`
	Store   string `json:"store"`
}

type http struct {
	URL        string     `json:"url"`
	Checksum   string     `json:"checksum"`
	AuthHeader string     `json:"auth_header"`
	Headers    *headers   `json:"headers"`
	Signature  *signature `json:"signature"`
	fileInfo
}

type headers struct {
	Accept    string `json:"accept"`
	UserAgent string `json:"user_agent"`
}

type signature struct {
	PublicKey string `json:"public_key"`
	Signature string `json:"signature"`
}

// fileInfo is what a source of one file says about that file.
type fileInfo struct {
	Filename string `json:"filename"`
	Mode     uint32 `json:"mode"`
	UID      int    `json:"uid"`
	GID      int    `json:"gid"`
}

type ociLayout struct {
	Reference  string `json:"reference"`
	Session    string `json:"session"`
	Store      string `json:"store"`
	LayerLimit *int   `json:"layer_limit"`
}

// blob comes from a registry, unless it has a layout.
type blob struct {
	Reference string  `json:"reference"`
	Layout    *layout `json:"layout"`
	fileInfo
}

type layout struct {
	Session string `json:"session"`
	Store   string `json:"store"`
}

func (i image) state(common []llb.ConstraintsOpt) llb.State {
	opts := convert[llb.ImageOption](common)
	switch i.ResolveMode {
	case "pull":
		opts = append(opts, llb.ResolveModeForcePull)
	case "prefer_local":
		opts = append(opts, llb.ResolveModePreferLocal)
	}
	if i.LayerLimit != nil {
		opts = append(opts, llb.WithLayerLimit(*i.LayerLimit))
	}
	if i.Checksum != "" {
		opts = append(opts, llb.WithImageChecksum(digest.Digest(i.Checksum)))
	}
	if i.Internal {
		opts = append(opts, llb.MarkImageInternal)
	}
	return llb.Image(i.Reference, opts...)
}

func (l local) state(common []llb.ConstraintsOpt) (llb.State, error) {
	opts := convert[llb.LocalOption](common)
	if l.Session != "" {
		opts = append(opts, llb.SessionID(l.Session))
	}
	opts = append(opts, llb.IncludePatterns(l.Include), llb.ExcludePatterns(l.Exclude),
		llb.FollowPaths(l.FollowPaths), llb.SharedKeyHint(l.SharedKeyHint))
	if d := l.Differ; d != nil {
		kind := map[string]llb.DiffType{"none": llb.DiffNone, "metadata": llb.DiffMetadata}[d.Kind]
		if kind == "" {
			return llb.State{}, fmt.Errorf("unknown differ %q", d.Kind)
		}
		opts = append(opts, llb.Differ(kind, d.Required))
	}
	if m := l.MetadataOnly; m != nil {
		opts = append(opts, llb.MetadataOnlyTransfer(m.Except))
	}
	return llb.Local(l.Name, opts...), nil
}

func (g git) state(common []llb.ConstraintsOpt) llb.State {
	opts := convert[llb.GitOption](common)
	flags := []struct {
		set bool
		opt llb.GitOption
	}{
		{g.Ref != "", llb.GitRef(g.Ref)},
		{g.Subdir != "", llb.GitSubDir(g.Subdir)},
		{g.KeepGitDir, llb.KeepGitDir()},
		{g.SSHSocket != "", llb.MountSSHSock(g.SSHSocket)},
		{g.Checksum != "", llb.GitChecksum(g.Checksum)},
		{g.SkipSubmodules, llb.GitSkipSubmodules()},
		{g.MTime != "", llb.GitMTime(g.MTime)},
		{g.Advice, llb.GitAdvice(true)},
		{g.FetchByCommit, llb.GitFetchByCommit()},
		{g.CheckoutBundle, llb.GitCheckoutBundle()},
	}
	for _, flag := range flags {
		if flag.set {
			opts = append(opts, flag.opt)
		}
	}
	if g.AuthToken != nil {
		opts = append(opts, llb.AuthTokenSecret(g.AuthToken.Name))
	}
	if g.AuthHeader != nil {
		opts = append(opts, llb.AuthHeaderSecret(g.AuthHeader.Name))
	}
	for _, host := range g.KnownHosts {
		opts = append(opts, llb.KnownSSHHosts(host))
	}
	if b := g.Bundle; b != nil {
		opts = append(opts, llb.GitBundleURL(b.Locator, llb.GitBundleOCIStore(b.Session, b.Store)))
	}
	return llb.Git(g.URL, "", opts...)
}

func (h http) state(common []llb.ConstraintsOpt) llb.State {
	opts := convert[llb.HTTPOption](common)
	for _, opt := range h.options() {
		opts = append(opts, opt)
	}
	if h.Checksum != "" {
		opts = append(opts, llb.Checksum(digest.Digest(h.Checksum)))
	}
	if h.AuthHeader != "" {
		opts = append(opts, llb.AuthHeaderSecret(h.AuthHeader))
	}
	if h.Headers != nil {
		opts = append(opts, llb.Header(llb.HTTPHeader(*h.Headers)))
	}
	if s := h.Signature; s != nil {
		info := llb.HTTPSignatureInfo{PubKey: []byte(s.PublicKey), Signature: []byte(s.Signature)}
		opts = append(opts, llb.VerifyPGPSignature(info))
	}
	return llb.HTTP(h.URL, opts...)
}

func (f fileInfo) options() []llb.FileInfoOption {
	return []llb.FileInfoOption{
		llb.Filename(f.Filename), llb.Chmod(os.FileMode(f.Mode)), llb.Chown(f.UID, f.GID),
	}
}

func (o ociLayout) state(common []llb.ConstraintsOpt) llb.State {
	opts := append(convert[llb.OCILayoutOption](common), llb.OCIStore(o.Session, o.Store))
	if o.LayerLimit != nil {
		opts = append(opts, llb.OCILayerLimit(*o.LayerLimit))
	}
	return llb.OCILayout(o.Reference, opts...)
}

func (b blob) state(common []llb.ConstraintsOpt) llb.State {
	opts := convert[llb.ImageBlobOption](common)
	for _, opt := range b.options() {
		opts = append(opts, opt)
	}
	if b.Layout == nil {
		return llb.ImageBlob(b.Reference, opts...)
	}
	opts = append(opts, llb.ImageBlobOCIStore(b.Layout.Session, b.Layout.Store))
	return llb.OCILayoutBlob(b.Reference, opts...)
}

// convert gives options that every kind of op takes as options of one kind.
func convert[T any](common []llb.ConstraintsOpt) []T {
	opts := make([]T, 0, len(common))
	for _, opt := range common {
		opts = append(opts, any(opt).(T))
	}
	return opts
}
