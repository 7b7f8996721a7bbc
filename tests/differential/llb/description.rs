//! What is said to both sides about a build, neutral between them.
//!
//! It goes to the Go side as JSON: what is empty, false or `None` is left out. The coverage that the test demands
//! is read off the schema of these types, so a field or a variant that is added here must be generated too.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

macro_rules! described {
    ($($(#[$doc:meta])* struct $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, JsonSchema, Serialize)]
            pub(crate) struct $name {
                $($(#[$field_doc])* pub(crate) $field: $type,)*
            }
        )*
    };
}

macro_rules! one_of {
    ($($(#[$doc:meta])* enum $name:ident { $($variant:ident $(($type:ty))?,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, JsonSchema, Serialize)]
            #[serde(rename_all = "snake_case")]
            pub(crate) enum $name {
                $($variant $(($type))?,)*
            }
        )*
    };
}

described! {
    struct Build {
        name: String,
        /// Of ops that have none of their own; `linux/amd64` if it is not said.
        platform: Option<Platform>,
        /// Worker filters of every op, before the op's own.
        workers: Vec<String>,
        /// Of local sources without one of their own.
        unique_id: String,
        /// The client knows that the daemon can do everything.
        caps: bool,
        files: Vec<SourceFile>,
        nodes: Vec<Node>,
        target: Option<Ref>,
    }

    struct Platform {
        os: String,
        architecture: String,
        variant: String,
        os_version: String,
        os_features: Vec<String>,
    }

    struct SourceFile {
        filename: String,
        language: String,
        data: String,
        /// The file comes from the last of these, if there are any.
        origin: Vec<Node>,
    }

    /// An output of an earlier node. Of an exec it is the mount at this position, the root being the first.
    struct Ref {
        node: usize,
        output: usize,
    }

    struct Meta {
        platform: Option<Platform>,
        workers: Vec<String>,
        unique_id: String,
        description: Vec<(String, String)>,
        custom_name: String,
        ignore_cache: bool,
        export_cache: Option<ExportCache>,
        progress_group: Option<ProgressGroup>,
        linux_resources: Option<LinuxResources>,
        locations: Vec<Location>,
    }

    struct ProgressGroup {
        id: String,
        name: String,
        weak: bool,
    }

    struct LinuxResources {
        memory: i64,
        memory_swap: i64,
        cpu_shares: u64,
        cpu_period: u64,
        cpu_quota: i64,
        cpuset_cpus: String,
        cpuset_mems: String,
    }

    struct Location {
        file: usize,
        ranges: Vec<Range>,
    }

    struct Range {
        start: Position,
        end: Position,
    }

    struct Position {
        line: i32,
        character: i32,
    }

    struct Image {
        reference: String,
        resolve_mode: Option<ResolveMode>,
        layer_limit: Option<u32>,
        checksum: String,
        internal: bool,
    }

    struct Local {
        name: String,
        session: String,
        include: Vec<String>,
        exclude: Vec<String>,
        follow_paths: Vec<String>,
        shared_key_hint: String,
        differ: Option<Differ>,
        metadata_only: Option<MetadataOnly>,
    }

    struct MetadataOnly {
        except: Vec<String>,
    }

    /// Known hosts are always given for ssh: without them the Go client asks the host, over the network.
    struct Git {
        url: String,
        #[serde(rename = "ref")]
        reference: String,
        subdir: String,
        keep_git_dir: bool,
        auth_token: Option<SecretName>,
        auth_header: Option<SecretName>,
        known_hosts: Vec<String>,
        ssh_socket: String,
        checksum: String,
        skip_submodules: bool,
        mtime: Option<Mtime>,
        advice: bool,
        fetch_by_commit: bool,
        bundle: Option<Bundle>,
        checkout_bundle: bool,
    }

    /// Empty for no secret, where `None` means the default one.
    struct SecretName {
        name: String,
    }

    struct Bundle {
        locator: String,
        session: String,
        store: String,
    }

    struct Http {
        url: String,
        checksum: String,
        auth_header: String,
        headers: Option<Headers>,
        signature: Option<Signature>,
        #[serde(flatten)]
        file: FetchedFile,
    }

    struct Headers {
        accept: String,
        user_agent: String,
    }

    struct Signature {
        public_key: String,
        signature: String,
    }

    struct FetchedFile {
        filename: String,
        mode: u16,
        uid: u32,
        gid: u32,
    }

    struct OciLayout {
        reference: String,
        session: String,
        store: String,
        layer_limit: Option<u32>,
    }

    /// From a registry, unless it has a layout.
    struct Blob {
        reference: String,
        layout: Option<Layout>,
        #[serde(flatten)]
        file: FetchedFile,
    }

    struct Layout {
        session: String,
        store: String,
    }

    struct Exec {
        args: Vec<String>,
        env: Vec<(String, String)>,
        /// Each relative to the one before it.
        dirs: Vec<String>,
        user: String,
        hostname: String,
        network: Option<Network>,
        insecure: bool,
        proxy: Option<Proxy>,
        extra_hosts: Vec<ExtraHost>,
        ulimits: Vec<Ulimit>,
        cgroup_parent: String,
        exit_codes: Vec<i32>,
        devices: Vec<Device>,
        root: Option<Ref>,
        readonly_root: bool,
        mounts: Vec<Mount>,
        secrets: Vec<Secret>,
        ssh: Vec<Ssh>,
    }

    struct Proxy {
        http: String,
        https: String,
        ftp: String,
        no: String,
        all: String,
    }

    struct ExtraHost {
        host: String,
        ip: String,
    }

    struct Ulimit {
        name: String,
        soft: i64,
        hard: i64,
    }

    struct Device {
        name: String,
        optional: bool,
    }

    struct Mount {
        dest: String,
        input: Option<Ref>,
        selector: String,
        readonly: bool,
        no_output: bool,
        content_cache: Option<ContentCache>,
        cache: Option<Cache>,
        tmpfs: Option<Tmpfs>,
    }

    struct Tmpfs {
        size: i64,
    }

    struct Secret {
        id: String,
        dest: Option<String>,
        env: Option<String>,
        file: Option<Access>,
        optional: bool,
    }

    struct Ssh {
        id: String,
        /// Empty for the default one.
        dest: String,
        file: Option<Access>,
        optional: bool,
    }

    struct Access {
        uid: u32,
        gid: u32,
        mode: u32,
    }

    /// The actions of one chain; the other chains are what copies of later ones are from.
    struct File {
        chains: Vec<Chain>,
        chain: Chain,
    }

    struct Chain {
        base: Option<Ref>,
        dir: String,
        actions: Vec<Action>,
    }

    struct Mkdir {
        path: String,
        mode: u16,
        parents: bool,
        owner: Option<Owner>,
        created: Option<i64>,
    }

    struct Mkfile {
        path: String,
        mode: u16,
        /// In hexadecimal digits.
        data: String,
        owner: Option<Owner>,
        created: Option<i64>,
    }

    struct Rm {
        path: String,
        not_found: bool,
        wildcard: bool,
    }

    struct Symlink {
        target: String,
        path: String,
        owner: Option<Owner>,
        created: Option<i64>,
    }

    struct CopyState {
        input: Option<Ref>,
        dir: String,
    }

    struct Merge {
        inputs: Vec<Option<Ref>>,
    }

    struct Diff {
        lower: Option<Ref>,
        upper: Option<Ref>,
    }

    struct Passthrough {
        id: String,
        inputs: Vec<PassthroughInput>,
    }

    struct PassthroughInput {
        input: Option<Ref>,
        output: bool,
    }

    struct Requires {
        id: String,
        input: Option<Ref>,
        deps: Vec<Option<Ref>>,
    }

    struct NestedBuild {
        input: Option<Ref>,
        filename: String,
    }
}

/// One op, and what is said about it.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Node {
    pub(crate) meta: Meta,
    pub(crate) op: Op,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Differ {
    pub(crate) kind: DifferKind,
    pub(crate) required: bool,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Cache {
    pub(crate) id: String,
    pub(crate) sharing: Sharing,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Copy {
    pub(crate) from: CopySource,
    pub(crate) src: String,
    pub(crate) dest: String,
    pub(crate) owner: Option<Owner>,
    pub(crate) mode: Option<CopyMode>,
    pub(crate) follow_symlinks: bool,
    pub(crate) dir_contents: bool,
    pub(crate) unpack: bool,
    pub(crate) create_dest_path: bool,
    pub(crate) wildcard: bool,
    pub(crate) empty_wildcard: bool,
    pub(crate) created: Option<i64>,
    pub(crate) include: Vec<String>,
    pub(crate) exclude: Vec<String>,
    pub(crate) replace_existing: bool,
    pub(crate) required_paths: Vec<String>,
}

one_of! {
    enum Op {
        Image(Image),
        Local(Local),
        Git(Git),
        Http(Http),
        OciLayout(OciLayout),
        Blob(Blob),
        Exec(Box<Exec>),
        File(File),
        Merge(Merge),
        Diff(Diff),
        Passthrough(Passthrough),
        Requires(Requires),
        Build(NestedBuild),
    }

    enum ExportCache { With, Without, }

    enum ResolveMode { Pull, PreferLocal, }

    enum DifferKind { None, Metadata, }

    enum Mtime { Checkout, Commit, }

    enum Network { Host, None, }

    enum ContentCache { On, Off, }

    enum Sharing { Shared, Private, Locked, }

    enum Action {
        Copy(Box<Copy>),
        Mkdir(Mkdir),
        Mkfile(Mkfile),
        Rm(Rm),
        Symlink(Symlink),
    }

    enum CopySource {
        State(CopyState),
        Chain(usize),
    }

    enum CopyMode {
        Bits(u16),
        Symbolic(String),
    }

    enum Owner {
        Text(String),
        Ids((u32, u32)),
    }
}

impl Build {
    /// The description as the other side reads it.
    pub(crate) fn to_json(&self) -> Value {
        said(serde_json::to_value(self).expect("a description is JSON"))
    }
}

impl Mount {
    pub(crate) fn is_output(&self) -> bool {
        !self.readonly && !self.no_output && self.cache.is_none() && self.tmpfs.is_none()
    }
}

impl From<Op> for Node {
    fn from(op: Op) -> Self {
        Self { meta: Meta::default(), op }
    }
}

/// Without the members of objects that say nothing.
fn said(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(key, value)| (key, said(value)));
            members.filter(|(_, value)| !says_nothing(value)).collect()
        }
        Value::Array(items) => items.into_iter().map(said).collect(),
        value => value,
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
