package main

// What a description says. What is left out is empty, false or not said.
type build struct {
	Name     string       `json:"name"`
	Platform *platform    `json:"platform"`
	Workers  []string     `json:"workers"`
	UniqueID string       `json:"unique_id"`
	Caps     bool         `json:"caps"`
	Files    []sourceFile `json:"files"`
	Nodes    []node       `json:"nodes"`
	Target   *ref         `json:"target"`
}

type platform struct {
	OS           string   `json:"os"`
	Architecture string   `json:"architecture"`
	Variant      string   `json:"variant"`
	OSVersion    string   `json:"os_version"`
	OSFeatures   []string `json:"os_features"`
}

// sourceFile comes from the last of the nodes of its origin, if it has any.
type sourceFile struct {
	Filename string `json:"filename"`
	Language string `json:"language"`
	Data     string `json:"data"`
	Origin   []node `json:"origin"`
}

// ref is an output of an earlier node: of an exec the mount at this position, the root being the first.
type ref struct {
	Node   int `json:"node"`
	Output int `json:"output"`
}

type node struct {
	Meta meta `json:"meta"`
	Op   op   `json:"op"`
}

type meta struct {
	Platform       *platform      `json:"platform"`
	Workers        []string       `json:"workers"`
	UniqueID       string         `json:"unique_id"`
	Description    [][2]string    `json:"description"`
	CustomName     string         `json:"custom_name"`
	IgnoreCache    bool           `json:"ignore_cache"`
	ExportCache    string         `json:"export_cache"`
	ProgressGroup  *progressGroup `json:"progress_group"`
	LinuxResources *resources     `json:"linux_resources"`
	Locations      []location     `json:"locations"`
}

type progressGroup struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Weak bool   `json:"weak"`
}

type resources struct {
	Memory     int64  `json:"memory"`
	MemorySwap int64  `json:"memory_swap"`
	CPUShares  uint64 `json:"cpu_shares"`
	CPUPeriod  uint64 `json:"cpu_period"`
	CPUQuota   int64  `json:"cpu_quota"`
	CPUSetCPUs string `json:"cpuset_cpus"`
	CPUSetMems string `json:"cpuset_mems"`
}

type location struct {
	File   int         `json:"file"`
	Ranges []textRange `json:"ranges"`
}

type textRange struct {
	Start position `json:"start"`
	End   position `json:"end"`
}

type position struct {
	Line      int32 `json:"line"`
	Character int32 `json:"character"`
}

// op is exactly one of these.
type op struct {
	Image       *image       `json:"image"`
	Local       *local       `json:"local"`
	Git         *git         `json:"git"`
	HTTP        *http        `json:"http"`
	OCILayout   *ociLayout   `json:"oci_layout"`
	Blob        *blob        `json:"blob"`
	Exec        *exec        `json:"exec"`
	File        *file        `json:"file"`
	Merge       *merge       `json:"merge"`
	Diff        *diff        `json:"diff"`
	Passthrough *passthrough `json:"passthrough"`
	Requires    *requires    `json:"requires"`
	Build       *buildOp     `json:"build"`
}

type merge struct {
	Inputs []*ref `json:"inputs"`
}

type diff struct {
	Lower *ref `json:"lower"`
	Upper *ref `json:"upper"`
}

type passthrough struct {
	ID     string             `json:"id"`
	Inputs []passthroughInput `json:"inputs"`
}

type passthroughInput struct {
	Input  *ref `json:"input"`
	Output bool `json:"output"`
}

type requires struct {
	ID    string `json:"id"`
	Input *ref   `json:"input"`
	Deps  []*ref `json:"deps"`
}

type buildOp struct {
	Input    *ref   `json:"input"`
	Filename string `json:"filename"`
}
