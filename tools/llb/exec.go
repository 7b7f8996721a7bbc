package main

import (
	"fmt"
	"net"

	"github.com/moby/buildkit/client/llb"
)

type exec struct {
	Args         []string    `json:"args"`
	Env          [][2]string `json:"env"`
	Dirs         []string    `json:"dirs"`
	User         string      `json:"user"`
	Hostname     string      `json:"hostname"`
	Network      string      `json:"network"`
	Insecure     bool        `json:"insecure"`
	Proxy        *proxy      `json:"proxy"`
	ExtraHosts   []extraHost `json:"extra_hosts"`
	Ulimits      []ulimit    `json:"ulimits"`
	CgroupParent string      `json:"cgroup_parent"`
	ExitCodes    []int       `json:"exit_codes"`
	Devices      []device    `json:"devices"`
	Root         *ref        `json:"root"`
	ReadonlyRoot bool        `json:"readonly_root"`
	Mounts       []mount     `json:"mounts"`
	Secrets      []secret    `json:"secrets"`
	SSH          []ssh       `json:"ssh"`
}

type proxy struct {
	HTTP  string `json:"http"`
	HTTPS string `json:"https"`
	FTP   string `json:"ftp"`
	No    string `json:"no"`
	All   string `json:"all"`
}

type extraHost struct {
	Host string `json:"host"`
	IP   string `json:"ip"`
}

type ulimit struct {
	Name string `json:"name"`
	Soft int64  `json:"soft"`
	Hard int64  `json:"hard"`
}

type device struct {
	Name     string `json:"name"`
	Optional bool   `json:"optional"`
}

type mount struct {
	Dest         string `json:"dest"`
	Input        *ref   `json:"input"`
	Selector     string `json:"selector"`
	Readonly     bool   `json:"readonly"`
	NoOutput     bool   `json:"no_output"`
	ContentCache string `json:"content_cache"`
	Cache        *cache `json:"cache"`
	Tmpfs        *tmpfs `json:"tmpfs"`
}

type cache struct {
	ID      string `json:"id"`
	Sharing string `json:"sharing"`
}

type tmpfs struct {
	Size int64 `json:"size"`
}

type secret struct {
	ID       string  `json:"id"`
	Dest     *string `json:"dest"`
	Env      *string `json:"env"`
	File     *access `json:"file"`
	Optional bool    `json:"optional"`
}

type ssh struct {
	ID       string  `json:"id"`
	Dest     string  `json:"dest"`
	File     *access `json:"file"`
	Optional bool    `json:"optional"`
}

// access says who may use a secret or a socket.
type access struct {
	UID  int `json:"uid"`
	GID  int `json:"gid"`
	Mode int `json:"mode"`
}

// states gives the root, then the mounts. Those that are no output are there too, but cannot be used.
func (e exec) states(g *graph, common []llb.ConstraintsOpt) ([]llb.State, error) {
	root, err := g.state(e.Root)
	if err != nil {
		return nil, err
	}
	opts, err := e.options()
	if err != nil {
		return nil, err
	}
	run := root.Run(append(opts, convert[llb.RunOption](common)...)...)
	states := []llb.State{run.Root()}
	for _, m := range e.Mounts {
		input, err := g.state(m.Input)
		if err != nil {
			return nil, err
		}
		opts, err := m.options()
		if err != nil {
			return nil, err
		}
		states = append(states, run.AddMount(m.Dest, input, opts...))
	}
	return states, nil
}

func (e exec) options() ([]llb.RunOption, error) {
	opts := []llb.RunOption{llb.Args(e.Args)}
	for _, pair := range e.Env {
		opts = append(opts, llb.AddEnv(pair[0], pair[1]))
	}
	for _, dir := range e.Dirs {
		opts = append(opts, llb.Dir(dir))
	}
	if e.User != "" {
		opts = append(opts, llb.User(e.User))
	}
	if e.Hostname != "" {
		opts = append(opts, llb.Hostname(e.Hostname))
	}
	switch e.Network {
	case "":
	case "host":
		opts = append(opts, llb.Network(llb.NetModeHost))
	case "none":
		opts = append(opts, llb.Network(llb.NetModeNone))
	default:
		return nil, fmt.Errorf("unknown network %q", e.Network)
	}
	if e.Insecure {
		opts = append(opts, llb.Security(llb.SecurityModeInsecure))
	}
	if p := e.Proxy; p != nil {
		env := llb.ProxyEnv{HTTPProxy: p.HTTP, HTTPSProxy: p.HTTPS, FTPProxy: p.FTP, NoProxy: p.No, AllProxy: p.All}
		opts = append(opts, llb.WithProxy(env))
	}
	for _, host := range e.ExtraHosts {
		ip := net.ParseIP(host.IP)
		if ip == nil {
			return nil, fmt.Errorf("no address: %q", host.IP)
		}
		opts = append(opts, llb.AddExtraHost(host.Host, ip))
	}
	for _, limit := range e.Ulimits {
		opts = append(opts, llb.AddUlimit(llb.UlimitName(limit.Name), limit.Soft, limit.Hard))
	}
	if e.CgroupParent != "" {
		opts = append(opts, llb.WithCgroupParent(e.CgroupParent))
	}
	if len(e.ExitCodes) > 0 {
		opts = append(opts, llb.ValidExitCodes(e.ExitCodes...))
	}
	for _, d := range e.Devices {
		device := []llb.CDIDeviceOption{llb.CDIDeviceName(d.Name)}
		if d.Optional {
			device = append(device, llb.CDIDeviceOptional)
		}
		opts = append(opts, llb.AddCDIDevice(device...))
	}
	if e.ReadonlyRoot {
		opts = append(opts, llb.ReadonlyRootFS())
	}
	for _, s := range e.Secrets {
		opts = append(opts, s.option())
	}
	for _, s := range e.SSH {
		opts = append(opts, s.option())
	}
	return opts, nil
}

func (m mount) options() ([]llb.MountOption, error) {
	var opts []llb.MountOption
	if m.Selector != "" {
		opts = append(opts, llb.SourcePath(m.Selector))
	}
	if m.Readonly {
		opts = append(opts, llb.Readonly)
	}
	if m.NoOutput {
		opts = append(opts, llb.ForceNoOutput)
	}
	switch m.ContentCache {
	case "":
	case "on":
		opts = append(opts, llb.ContentCache(llb.MountContentCacheOn))
	case "off":
		opts = append(opts, llb.ContentCache(llb.MountContentCacheOff))
	default:
		return nil, fmt.Errorf("unknown content cache %q", m.ContentCache)
	}
	if c := m.Cache; c != nil {
		sharing, known := map[string]llb.CacheMountSharingMode{
			"shared": llb.CacheMountShared, "private": llb.CacheMountPrivate, "locked": llb.CacheMountLocked,
		}[c.Sharing]
		if !known {
			return nil, fmt.Errorf("unknown sharing %q", c.Sharing)
		}
		opts = append(opts, llb.AsPersistentCacheDir(c.ID, sharing))
	}
	if t := m.Tmpfs; t != nil {
		opts = append(opts, llb.Tmpfs(llb.TmpfsSize(t.Size)))
	}
	return opts, nil
}

func (s secret) option() llb.RunOption {
	var opts []llb.SecretOption
	if s.Env != nil {
		opts = append(opts, llb.SecretAsEnvName(*s.Env))
	}
	if f := s.File; f != nil {
		opts = append(opts, llb.SecretFileOpt(f.UID, f.GID, f.Mode))
	}
	if s.Optional {
		opts = append(opts, llb.SecretOptional)
	}
	return llb.AddSecretWithDest(s.ID, s.Dest, opts...)
}

func (s ssh) option() llb.RunOption {
	opts := []llb.SSHOption{llb.SSHID(s.ID), llb.SSHSocketTarget(s.Dest)}
	if f := s.File; f != nil {
		opts = append(opts, llb.SSHSocketOpt(s.Dest, f.UID, f.GID, f.Mode))
	}
	if s.Optional {
		opts = append(opts, llb.SSHOptional)
	}
	return llb.AddSSHSocket(opts...)
}
