//! Every op that the reference Go client makes for the same graph: bytes, digests, order, capabilities.
//!
//! `goldens.json` was written by BuildKit's `client/llb`: v0.32.2, v0.33.1 and v0.34.2 give the same, and from
//! `file-chain-copied` on v0.33.1 was asked alone.
//!
//! The last op of each case is its terminal one. What the Go client does to its options before it has an op is
//! written out here: the order of the environment, normalized platforms of execs, default destinations.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::*;
use buildkit_proto::pb;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    name: String,
    ops: Vec<GoldenOp>,
}

#[derive(Deserialize)]
struct GoldenOp {
    digest: String,
    hex: String,
    caps: Vec<String>,
    #[serde(default)]
    description: BTreeMap<String, String>,
}

type Built = Result<Option<Output>, OpError>;

type Case = (&'static str, fn(&mut Graph) -> Built);

const CASES: &[Case] = &[
    ("image", image),
    ("image-arm64", image_arm64),
    ("image-arm64v8", image_arm64v8),
    ("image-state-platform-arm-nonorm", exec_of_another_platform),
    ("scratch", |_| Ok(None)),
    ("run", run),
    ("run-withcaps", run_with_caps),
    ("run-env-dir-user", run_with_options),
    ("mounts-root", |graph| mounts(graph, "/")),
    ("mounts-z", |graph| mounts(graph, "/z")),
    ("local", local),
    ("local-session", local_session),
    ("file", file),
    ("file-copyinfo", file_copy_options),
    ("file-copymodestr", file_copy_symbolic_mode),
    ("file-withstate", file_within_file),
    ("merge", merge),
    ("diff", diff),
    ("diff-upper-scratch", diff_upper_scratch),
    ("passthrough", passthrough),
    ("build", |graph| build(graph, "")),
    ("build-fn", |graph| build(graph, "fn")),
    ("git", git),
    ("git-ref", git_options),
    ("git-ssh", git_ssh),
    ("http", http),
    ("imageblob", image_blob),
    ("constraints", constraints),
    ("file-chain-copied", file_chain_copied),
    ("file-chain-of-chains", file_chain_of_chains),
    ("mounts-more", more_mounts),
    ("image-options", image_options),
    ("merge-repeated", merge_repeated),
    ("diff-same", diff_same),
    ("passthrough-outputs", passthrough_outputs),
];

/// What the Go client writes and a daemon refuses: a limit of 0 layers. Its bytes are compared where the source is.
const REFUSED: &[Case] = &[("oci", oci)];

#[test]
fn every_golden_has_a_case() {
    let goldens: BTreeSet<String> = goldens().into_iter().map(|golden| golden.name).collect();
    let cases: Vec<String> = CASES.iter().chain(REFUSED).map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(cases.len(), goldens.len(), "no case twice");
    assert_eq!(BTreeSet::from_iter(cases), goldens);
}

#[test]
fn graphs_give_the_bytes_of_the_go_client() {
    let goldens: BTreeMap<String, Golden> = goldens().into_iter().map(|g| (g.name.clone(), g)).collect();
    for (name, build) in CASES {
        let mut graph = Graph::new();
        let target = build(&mut graph).unwrap_or_else(|error| panic!("{name}: {error}"));
        let definition = graph.definition(target).unwrap_or_else(|error| panic!("{name}: {error}"));
        let golden = &goldens[*name];
        for (position, (op, expected)) in definition.ops().iter().zip(&golden.ops).enumerate() {
            assert_eq!(hex(&op.bytes), expected.hex, "bytes of op {position} of {name}:\n{definition}");
            assert_eq!(op.digest.to_string(), expected.digest, "digest of op {position} of {name}");
            let metadata = &definition.metadata()[&op.digest];
            assert_eq!(
                metadata.caps.iter().collect::<Vec<_>>(),
                expected.caps,
                "capabilities of op {position} of {name}"
            );
            assert_eq!(metadata.description, expected.description, "description of op {position} of {name}");
        }
        assert_eq!(definition.ops().len(), golden.ops.len(), "ops of {name}:\n{definition}");
        assert_eq!(definition.metadata().len(), golden.ops.len(), "metadata of {name}");
        assert_eq!(Definition::decode(&definition.encode()).as_ref(), Ok(&definition), "{name}");
    }
}

#[test]
fn what_a_daemon_refuses_is_no_op() {
    for (name, build) in REFUSED {
        let error = build(&mut Graph::new()).err().unwrap_or_else(|| panic!("{name} is refused"));
        assert!(error.to_string().contains("oci-layout://name@sha256:"), "{error}");
    }
}

#[test]
fn definitions_of_the_go_client_are_read_back() {
    for golden in goldens() {
        let def: Vec<_> = golden.ops.iter().map(|op| unhex(&op.hex).into()).collect();
        let message = pb::Definition { def, ..pb::Definition::default() };
        let definition =
            Definition::from_pb(message).unwrap_or_else(|error| panic!("{}: {error}", golden.name));
        let digests: Vec<String> = definition.ops().iter().map(|op| op.digest.to_string()).collect();
        let expected: Vec<String> = golden.ops.iter().map(|op| op.digest.clone()).collect();
        assert_eq!(digests, expected, "{}", golden.name);
        assert_eq!(definition.head().is_none(), golden.ops.is_empty(), "{}", golden.name);
        assert_eq!(Definition::decode(&definition.encode()).as_ref(), Ok(&definition), "{}", golden.name);
        let bytes = definition.encode();
        let read = Definition::decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", golden.name));
        let json: serde_json::Value = serde_json::from_str(&read.to_json()).unwrap();
        assert_eq!(
            json["ops"].as_array().unwrap().len(),
            golden.ops.len().saturating_sub(1),
            "{}",
            golden.name
        );
        assert!(read.to_mermaid().starts_with("flowchart TD\n"), "{}", golden.name);
        assert_eq!(read.encode(), bytes, "printing changes nothing of {}", golden.name);
        let lines = definition.to_string().lines().filter(|line| !line.starts_with(' ')).count();
        assert_eq!(lines, golden.ops.len().max(1), "{}:\n{definition}", golden.name);
    }
}

fn image(graph: &mut Graph) -> Built {
    busybox(graph).map(Some)
}

fn image_arm64(graph: &mut Graph) -> Built {
    let mut op = ImageSource::new(name("alpine:3.20"), Platform::new("linux", "arm64"));
    op.resolve_mode = ResolveMode::Pull;
    add(graph, op)
}

fn image_arm64v8(graph: &mut Graph) -> Built {
    add(graph, ImageSource::new(name("alpine"), Platform::new("linux", "arm64").with_variant("v8")))
}

fn exec_of_another_platform(graph: &mut Graph) -> Built {
    let base = alpine(graph)?;
    add(graph, ExecOp::new(Some(base), ["true"], Platform::new("linux", "arm").normalized()))
}

fn run(graph: &mut Graph) -> Built {
    let base = busybox(graph)?;
    add(graph, ExecOp::new(Some(base), ["/bin/sh", "-c", "echo hi"], amd64()))
}

fn run_with_caps(graph: &mut Graph) -> Built {
    let base = busybox(graph)?;
    let mut metadata = Metadata::default();
    metadata.caps.insert(caps::EXEC_META_SETS_DEFAULT_PATH);
    let op = ExecOp::new(Some(base), ["/bin/sh", "-c", "echo hi"], amd64());
    Ok(Some(graph.add(op, metadata)?.root()))
}

fn run_with_options(graph: &mut Graph) -> Built {
    let base = busybox(graph)?;
    let mut op = ExecOp::new(None, ["true"], amd64());
    op.mounts = vec![Mount::bind("/", Some(base)).readonly(), Mount::bind("/out", None)];
    op.env = vec!["A=1".to_owned(), "B=3".to_owned()];
    op.cwd = "/work".to_owned();
    op.user = "root".to_owned();
    op.hostname = "h".to_owned();
    op.network = Network::None;
    op.security = Security::Insecure;
    op.proxy = Some(ProxyEnv { http: "p".to_owned(), ..ProxyEnv::default() });
    op.extra_hosts = vec![ExtraHost { host: "foo".to_owned(), ip: "1.2.3.4".parse().unwrap() }];
    op.ulimits = vec![Ulimit { name: "nofile".to_owned(), soft: 10, hard: 20 }];
    op.cgroup_parent = "cg".to_owned();
    op.valid_exit_codes = vec![0, 2];
    op.devices = vec![Device { name: "v/c=d".to_owned(), optional: true }];
    assert_eq!((op.output_at("/"), op.output_at("/out")), (None, Some(0)));
    add(graph, op)
}

fn mounts(graph: &mut Graph, target: &str) -> Built {
    let (base, other) = (busybox(graph)?, alpine(graph)?);
    let mut op = ExecOp::new(Some(base), ["true"], amd64());
    op.mounts.extend([
        Mount::bind("/z", None),
        Mount::tmpfs("/tmpfs", 100),
        Mount::bind("/ro", Some(other)).selecting("/etc").readonly(),
        Mount::cache("/cache", "id", CacheSharing::Locked),
        Mount::bind("/bind-no", Some(other)).without_output(),
        Mount::bind("/a", Some(base)),
    ]);
    op.secrets = vec![SecretMount { optional: true, ..SecretMount::new("x", "/run/secrets/x") }];
    op.secret_env = vec![SecretEnv::new("y", "ENVX")];
    op.ssh = vec![SshMount::new("", SshMount::default_dest(0)), SshMount::new("two", "/sock")];
    op.env = vec![format!("SSH_AUTH_SOCK={}", op.ssh[0].dest)];
    let index = op.output_at(target).expect("an output");
    Ok(Some(graph.add(op, Metadata::default())?.output(index)))
}

fn local(graph: &mut Graph) -> Built {
    context(graph).map(Some)
}

fn local_session(graph: &mut Graph) -> Built {
    add(graph, LocalSource::new("context", LocalIdentity::Session("sess".to_owned())))
}

fn file(graph: &mut Graph) -> Built {
    let (base, context, other) = (busybox(graph)?, context(graph)?, alpine(graph)?);
    let actions: [Action; 6] = [
        MkdirAction { parents: true, ..MkdirAction::new(path::resolve("/d", "sub"), 0o755) }.into(),
        MkfileAction::new("/f", 0o644, "hi").into(),
        CopyAction::new(context, "/src", path::resolve_destination("/d", "dst/")).into(),
        CopyAction { owner: Some(Owner::parse("bob:staff")), ..CopyAction::new(other, "/etc/passwd", "/x") }
            .into(),
        RmAction { allow_not_found: true, ..RmAction::new("/gone") }.into(),
        SymlinkAction::new("a", "/b").into(),
    ];
    Ok(Some(graph.add(FileOp::chain(Some(base), actions), Metadata::named("files"))?.root()))
}

fn file_copy_options(graph: &mut Graph) -> Built {
    let from = busybox(graph)?;
    let copy = CopyAction {
        owner: Some(Owner::ids(0, 5)),
        mode: Some(CopyMode::Bits(0o700)),
        follow_symlinks: true,
        dir_contents: true,
        unpack: true,
        create_dest_path: true,
        allow_wildcard: true,
        allow_empty_wildcard: true,
        created: Some(5_000_000_000),
        include: vec!["x".to_owned()],
        exclude: Vec::new(),
        replace_existing: true,
        required_paths: vec!["r".to_owned()],
        ..CopyAction::new(from, "/a", path::resolve_destination("/", "b/."))
    };
    add(graph, FileOp::chain(None, [copy]))
}

fn file_copy_symbolic_mode(graph: &mut Graph) -> Built {
    let from = busybox(graph)?;
    let mode = Some(CopyMode::Symbolic("u+x".to_owned()));
    add(graph, FileOp::chain(None, [CopyAction { mode, ..CopyAction::new(from, "/a", "/b") }]))
}

fn file_within_file(graph: &mut Graph) -> Built {
    let base = busybox(graph)?;
    let mut op = FileOp::default();
    let inner = op.push(FileInput::Scratch, MkfileAction::new("/in", 0o600, "x"));
    op.push(base, CopyAction::new(inner, "/ced/in", "/out"));
    add(graph, op)
}

fn merge(graph: &mut Graph) -> Built {
    let inputs = [busybox(graph)?, alpine(graph)?];
    add(graph, MergeOp::new(inputs))
}

fn diff(graph: &mut Graph) -> Built {
    let lower = busybox(graph)?;
    let upper = add(graph, ExecOp::new(Some(lower), ["touch", "/x"], amd64()))?;
    add(graph, DiffOp { lower: Some(lower), upper })
}

fn diff_upper_scratch(graph: &mut Graph) -> Built {
    let lower = Some(busybox(graph)?);
    add(graph, DiffOp { lower, upper: None })
}

fn passthrough(graph: &mut Graph) -> Built {
    let (input, other) = (busybox(graph)?, alpine(graph)?);
    add(graph, PassthroughOp::requiring("id1", input, [other]))
}

fn build(graph: &mut Graph, filename: &str) -> Built {
    let input = busybox(graph)?;
    add(graph, BuildOp { filename: filename.to_owned(), ..BuildOp::new(input, amd64()) })
}

fn git(graph: &mut Graph) -> Built {
    add(graph, GitSource::new("github.com/moby/buildkit.git#v0.11.6:sub".parse().unwrap()))
}

fn git_options(graph: &mut Graph) -> Built {
    let op = GitSource {
        git_ref: "main".to_owned(),
        checksum: "abc".to_owned(),
        keep_git_dir: true,
        skip_submodules: true,
        mtime: Some(GitMtime::Commit),
        ..GitSource::new("https://github.com/moby/buildkit.git".parse().unwrap())
    };
    add(graph, op)
}

fn git_ssh(graph: &mut Graph) -> Built {
    let op = GitSource {
        known_ssh_hosts: vec!["gh k1".to_owned(), "gh k2".to_owned()],
        ..GitSource::new("git@github.com:moby/buildkit.git".parse().unwrap())
    };
    add(graph, op)
}

fn http(graph: &mut Graph) -> Built {
    let op = HttpSource {
        checksum: Some(Digest::of(b"")),
        file: FetchedFile { name: "f".to_owned(), mode: 0o755, uid: 1, gid: 2 },
        accept: "x".to_owned(),
        user_agent: "y".to_owned(),
        ..HttpSource::new("https://example.com/a")
    };
    add(graph, op)
}

fn oci(graph: &mut Graph) -> Built {
    let op = OciLayoutSource {
        session: "sess".to_owned(),
        store: "store".to_owned(),
        layer_limit: Some(0),
        ..OciLayoutSource::new(format!("name@{}", Digest::of(b"")), amd64())
    };
    add(graph, op)
}

fn image_blob(graph: &mut Graph) -> Built {
    let file = FetchedFile { name: "f".to_owned(), ..FetchedFile::default() };
    add(graph, BlobSource { file, ..BlobSource::new(name(&format!("busybox@{}", Digest::of(b"")))) })
}

fn constraints(graph: &mut Graph) -> Built {
    let base = Op::from(ImageSource::new(name("busybox"), amd64())).on_workers(["base==1", "a==b"]);
    let base = add(graph, base)?;
    let op = Op::from(ExecOp::new(base, ["x"], amd64())).on_workers(["base==1", "c==d"]);
    let metadata = Metadata {
        ignore_cache: true,
        export_cache: Some(true),
        linux_resources: Some(LinuxResources { memory: 1, ..LinuxResources::default() }),
        ..Metadata::default()
    };
    Ok(Some(graph.add(op, metadata)?.root()))
}

/// A chain of actions on another base is copied from: the first base is registered before the other.
fn file_chain_copied(graph: &mut Graph) -> Built {
    let (base, other, files) = (busybox(graph)?, alpine(graph)?, files(graph)?);
    let mut op = FileOp::default();
    let inner = op.push(files, CopyAction::new(other, "/x", "/y"));
    let inner = op.push(inner, MkdirAction::new("/z", 0o755));
    let outer = op.push(base, CopyAction::new(inner, "/s", "/d"));
    op.push(outer, CopyAction::new(other, "/q", "/r"));
    add(graph, op)
}

fn file_chain_of_chains(graph: &mut Graph) -> Built {
    let (base, other, files) = (busybox(graph)?, alpine(graph)?, files(graph)?);
    let mut op = FileOp::default();
    // The order in which actions are added does not matter: the wire has the outer chain first.
    let inner = op.push(other, MkfileAction::new("/i", 0o600, "i"));
    let inner = op.push(inner, CopyAction::new(files, "/l", "/l"));
    let outer = op.push(base, MkdirAction::new("/m", 0o700));
    let copy = CopyAction { owner: Some(Owner::parse("u")), ..CopyAction::new(inner, "/i", "/i") };
    let outer = op.push(outer, copy);
    op.push(outer, RmAction { allow_wildcard: true, ..RmAction::new("/k") });
    add(graph, op)
}

fn more_mounts(graph: &mut Graph) -> Built {
    let (base, other) = (busybox(graph)?, alpine(graph)?);
    let mut op = ExecOp::new(Some(base), ["x"], amd64());
    let hosts = [("v6", "2001:db8::1"), ("m", "::ffff:1.2.3.4"), ("c", "::1.2.3.4"), ("lo", "::1")];
    let host = |(host, ip): (&str, &str)| ExtraHost { host: host.to_owned(), ip: ip.parse().unwrap() };
    op.extra_hosts = hosts.into_iter().map(host).collect();
    op.network = Network::Host;
    let cache = Mount::cache("/c", "id", CacheSharing::Private);
    op.mounts.extend([
        cache.with_input(Some(other)).selecting("/cache").readonly(),
        Mount { content_cache: ContentCache::Off, ..Mount::bind("/cc", Some(other)) },
        Mount::bind("/s", None).readonly(),
        Mount::tmpfs("/t", 0),
        Mount::bind("/b", Some(other)).selecting("sub").without_output(),
    ]);
    op.secrets = vec![SecretMount { uid: 1, gid: 2, mode: 0o440, ..SecretMount::new("sid", "/run/s") }];
    add(graph, op)
}

fn image_options(graph: &mut Graph) -> Built {
    let mut op = ImageSource::new(name("busybox:1"), amd64());
    op.resolve_mode = ResolveMode::PreferLocal;
    op.layer_limit = Some(3);
    op.checksum = Some(Digest::of(b""));
    add(graph, op)
}

fn merge_repeated(graph: &mut Graph) -> Built {
    let (input, other) = (busybox(graph)?, alpine(graph)?);
    add(graph, MergeOp::new([input, other, input]))
}

fn diff_same(graph: &mut Graph) -> Built {
    let input = Some(busybox(graph)?);
    add(graph, DiffOp { lower: input, upper: input })
}

fn passthrough_outputs(graph: &mut Graph) -> Built {
    let (input, other) = (busybox(graph)?, alpine(graph)?);
    add(graph, PassthroughOp { id: "p".to_owned(), inputs: vec![input, other, input], outputs: vec![1, 2] })
}

fn busybox(graph: &mut Graph) -> Result<Output, OpError> {
    Ok(graph
        .add(ImageSource::new(name("busybox"), amd64()), Metadata::default())?
        .root())
}

fn alpine(graph: &mut Graph) -> Result<Output, OpError> {
    Ok(graph
        .add(ImageSource::new(name("alpine"), amd64()), Metadata::default())?
        .root())
}

fn context(graph: &mut Graph) -> Result<Output, OpError> {
    let op = LocalSource {
        shared_key_hint: "context".to_owned(),
        exclude: vec!["*.tmp".to_owned(), "<a&b>".to_owned()],
        follow_paths: vec!["a".to_owned()],
        ..LocalSource::new("context", LocalIdentity::Unique("fixed-unique-id".to_owned()))
    };
    Ok(graph.add(op, Metadata::default())?.root())
}

fn files(graph: &mut Graph) -> Result<Output, OpError> {
    let op = LocalSource {
        shared_key_hint: "h".to_owned(),
        include: vec!["a".to_owned(), "b".to_owned()],
        exclude: vec!["c".to_owned()],
        follow_paths: vec!["d".to_owned()],
        ..LocalSource::new("ctx", LocalIdentity::Session("s".to_owned()))
    };
    Ok(graph.add(op, Metadata::default())?.root())
}

fn add(graph: &mut Graph, op: impl Into<Op>) -> Built {
    Ok(Some(graph.add(op, Metadata::default())?.root()))
}

fn amd64() -> Platform {
    Platform::new("linux", "amd64")
}

fn name(text: &str) -> ImageRef {
    text.parse().unwrap()
}

fn goldens() -> Vec<Golden> {
    serde_json::from_str(include_str!("goldens.json")).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).unwrap())
        .collect()
}
