//! The builds of the golden vectors, by their names there.

use super::*;

pub(super) const ALL: &[(&str, Make)] = &[
    ("image", |d| Some(d.image("busybox"))),
    ("image-arm64", image_arm64),
    ("image-arm64v8", |d| Some(of_platform(d, "alpine", "arm64", "v8"))),
    ("image-state-platform-arm-nonorm", exec_of_another_platform),
    ("scratch", |_| None),
    ("run", |d| Some(hello(d))),
    ("run-withcaps", run_with_caps),
    ("run-env-dir-user", run_with_options),
    ("mounts-root", |d| Some(mounts(d))),
    ("mounts-z", |d| Some(mounts(d).output(1))),
    ("local", |d| Some(context(d))),
    ("local-session", local_session),
    ("file", files),
    ("file-copyinfo", file_copy_options),
    ("file-copymodestr", file_copy_symbolic_mode),
    ("file-withstate", file_within_file),
    ("merge", merge),
    ("diff", diff),
    ("diff-upper-scratch", diff_upper_scratch),
    ("passthrough", passthrough),
    ("constraints", constraints),
    ("build", |d| Some(nested(d, ""))),
    ("build-fn", |d| Some(nested(d, "fn"))),
    ("git", git),
    ("git-ref", git_ref),
    ("git-ssh", git_ssh),
    ("http", http),
    ("imageblob", image_blob),
    ("file-chain-copied", file_chain_copied),
    ("file-chain-of-chains", file_chain_of_chains),
    ("mounts-more", more_mounts),
    ("image-options", image_options),
    ("merge-repeated", merge_repeated),
    ("diff-same", diff_same),
    ("passthrough-outputs", passthrough_outputs),
];

const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const REPOSITORY: &str = "https://github.com/moby/buildkit.git";

fn of_platform(d: &mut Draft, name: &str, architecture: &str, variant: &str) -> Ref {
    let image = d.image(name);
    d.meta().platform = platform("linux", architecture, variant);
    image
}

fn image_arm64(d: &mut Draft) -> Option<Ref> {
    let resolve_mode = Some(ResolveMode::Pull);
    let image = Image { reference: "alpine:3.20".to_owned(), resolve_mode, ..Image::default() };
    let image = d.add(Op::Image(image));
    d.meta().platform = platform("linux", "arm64", "");
    Some(image)
}

fn exec_of_another_platform(d: &mut Draft) -> Option<Ref> {
    let base = d.image("alpine");
    let run = d.run(&base, &["true"]);
    d.meta().platform = platform("linux", "arm", "v7");
    Some(run)
}

fn hello(d: &mut Draft) -> Ref {
    let base = d.image("busybox");
    d.run(&base, &["/bin/sh", "-c", "echo hi"])
}

fn run_with_caps(d: &mut Draft) -> Option<Ref> {
    d.build.caps = true;
    Some(hello(d))
}

fn run_with_options(d: &mut Draft) -> Option<Ref> {
    let base = d.image("busybox");
    let run = d.add(Op::Exec(Box::new(Exec {
        env: pairs(&[("A", "1"), ("B", "3")]),
        dirs: texts(&["/work"]),
        user: "root".to_owned(),
        hostname: "h".to_owned(),
        network: Some(Network::None),
        insecure: true,
        proxy: Some(Proxy { http: "p".to_owned(), ..Proxy::default() }),
        extra_hosts: vec![host("foo", "1.2.3.4")],
        ulimits: vec![Ulimit { name: "nofile".to_owned(), soft: 10, hard: 20 }],
        cgroup_parent: "cg".to_owned(),
        exit_codes: vec![0, 2],
        devices: vec![Device { name: "v/c=d".to_owned(), optional: true }],
        readonly_root: true,
        mounts: vec![bind("/out", None)],
        ..exec(&base, &["true"])
    })));
    Some(run.output(1))
}

fn mounts(d: &mut Draft) -> Ref {
    let (base, other) = (d.image("busybox"), d.image("alpine"));
    let ssh = Ssh { id: "two".to_owned(), dest: "/sock".to_owned(), ..Ssh::default() };
    d.add(Op::Exec(Box::new(Exec {
        mounts: vec![
            bind("/z", None),
            Mount { tmpfs: Some(Tmpfs { size: 100 }), ..bind("/tmpfs", None) },
            Mount { selector: "/etc".to_owned(), readonly: true, ..bind("/ro", Some(&other)) },
            cache("/cache", "id", Sharing::Locked),
            Mount { no_output: true, ..bind("/bind-no", Some(&other)) },
            bind("/a", Some(&base)),
        ],
        secrets: vec![
            Secret { optional: true, ..secret("x", Some("/run/secrets/x"), None) },
            secret("y", None, Some("ENVX")),
        ],
        ssh: vec![Ssh::default(), ssh],
        ..exec(&base, &["true"])
    })))
}

fn more_mounts(d: &mut Draft) -> Option<Ref> {
    let (base, other) = (d.image("busybox"), d.image("alpine"));
    let hosts = [("v6", "2001:db8::1"), ("m", "::ffff:1.2.3.4"), ("c", "::1.2.3.4"), ("lo", "::1")];
    let file = Some(Access { uid: 1, gid: 2, mode: 0o440 });
    let with_input = cache("/c", "id", Sharing::Private);
    let with_input = Mount { input: Some(other.clone()), selector: "/cache".to_owned(), ..with_input };
    Some(d.add(Op::Exec(Box::new(Exec {
        extra_hosts: hosts.iter().map(|(name, ip)| host(name, ip)).collect(),
        network: Some(Network::Host),
        mounts: vec![
            Mount { readonly: true, ..with_input },
            Mount { content_cache: Some(ContentCache::Off), ..bind("/cc", Some(&other)) },
            Mount { readonly: true, ..bind("/s", None) },
            Mount { tmpfs: Some(Tmpfs::default()), ..bind("/t", None) },
            Mount { selector: "sub".to_owned(), no_output: true, ..bind("/b", Some(&other)) },
        ],
        secrets: vec![Secret { file, ..secret("sid", Some("/run/s"), None) }],
        ..exec(&base, &["x"])
    }))))
}

fn context(d: &mut Draft) -> Ref {
    d.add(Op::Local(Local {
        name: "context".to_owned(),
        exclude: texts(&["*.tmp", "<a&b>"]),
        follow_paths: texts(&["a"]),
        shared_key_hint: "context".to_owned(),
        ..Local::default()
    }))
}

fn local_session(d: &mut Draft) -> Option<Ref> {
    let (name, session) = ("context".to_owned(), "sess".to_owned());
    Some(d.add(Op::Local(Local { name, session, ..Local::default() })))
}

fn files(d: &mut Draft) -> Option<Ref> {
    let (base, context, other) = (d.image("busybox"), context(d), d.image("alpine"));
    let bob = Copy {
        owner: Some(Owner::Text("bob:staff".to_owned())),
        ..copy(files_of(&other), "/etc/passwd", "/x")
    };
    let actions = vec![
        Action::Mkdir(Mkdir { parents: true, ..mkdir("sub", 0o755) }),
        mkfile("/f", 0o644, "6869"),
        copied(&context, "src", "dst/"),
        Action::Copy(Box::new(bob)),
        Action::Rm(Rm { path: "/gone".to_owned(), not_found: true, wildcard: false }),
        Action::Symlink(Symlink { target: "a".to_owned(), path: "/b".to_owned(), ..Symlink::default() }),
    ];
    let files = d.file(Some(&base), "/d", actions);
    d.meta().custom_name = "files".to_owned();
    Some(files)
}

fn file_copy_options(d: &mut Draft) -> Option<Ref> {
    let from = d.image("busybox");
    let copy = Copy {
        owner: Some(Owner::Ids((0, 5))),
        mode: Some(CopyMode::Bits(0o700)),
        follow_symlinks: true,
        dir_contents: true,
        unpack: true,
        create_dest_path: true,
        wildcard: true,
        empty_wildcard: true,
        created: Some(5_000_000_000),
        include: texts(&["x"]),
        replace_existing: true,
        required_paths: texts(&["r"]),
        ..copy(files_of(&from), "a", "b/.")
    };
    Some(d.file(None, "", vec![Action::Copy(Box::new(copy))]))
}

fn file_copy_symbolic_mode(d: &mut Draft) -> Option<Ref> {
    let from = d.image("busybox");
    let mode = Some(CopyMode::Symbolic("u+x".to_owned()));
    let copy = Copy { mode, ..copy(files_of(&from), "/a", "/b") };
    Some(d.file(None, "", vec![Action::Copy(Box::new(copy))]))
}

fn file_within_file(d: &mut Draft) -> Option<Ref> {
    let base = d.image("busybox");
    let inner = Chain { base: None, dir: "/ced".to_owned(), actions: vec![mkfile("/in", 0o600, "78")] };
    let outer = vec![Action::Copy(Box::new(copy(CopySource::Chain(0), "in", "/out")))];
    Some(d.add(chains(vec![inner], Some(&base), outer)))
}

/// A chain of actions on another base is copied from: the first base is registered before the other.
fn file_chain_copied(d: &mut Draft) -> Option<Ref> {
    let (base, other, files) = (d.image("busybox"), d.image("alpine"), other_context(d));
    let actions = vec![copied(&other, "/x", "/y"), Action::Mkdir(mkdir("/z", 0o755))];
    let inner = Chain { base: Some(files), dir: String::new(), actions };
    let from_chain = copy(CopySource::Chain(0), "/s", "/d");
    let outer = vec![Action::Copy(Box::new(from_chain)), copied(&other, "/q", "/r")];
    Some(d.add(chains(vec![inner], Some(&base), outer)))
}

fn file_chain_of_chains(d: &mut Draft) -> Option<Ref> {
    let (base, other, files) = (d.image("busybox"), d.image("alpine"), other_context(d));
    let actions = vec![mkfile("/i", 0o600, "69"), copied(&files, "/l", "/l")];
    let inner = Chain { base: Some(other), dir: String::new(), actions };
    let owner = Some(Owner::Text("u".to_owned()));
    let outer = vec![
        Action::Mkdir(mkdir("/m", 0o700)),
        Action::Copy(Box::new(Copy { owner, ..copy(CopySource::Chain(0), "/i", "/i") })),
        Action::Rm(Rm { path: "/k".to_owned(), not_found: false, wildcard: true }),
    ];
    Some(d.add(chains(vec![inner], Some(&base), outer)))
}

fn merge(d: &mut Draft) -> Option<Ref> {
    let inputs = vec![Some(d.image("busybox")), Some(d.image("alpine"))];
    Some(d.add(Op::Merge(Merge { inputs })))
}

fn merge_repeated(d: &mut Draft) -> Option<Ref> {
    let (input, other) = (d.image("busybox"), d.image("alpine"));
    Some(d.add(Op::Merge(Merge { inputs: vec![Some(input.clone()), Some(other), Some(input)] })))
}

fn diff(d: &mut Draft) -> Option<Ref> {
    let lower = d.image("busybox");
    let upper = Some(d.run(&lower, &["touch", "/x"]));
    Some(d.add(Op::Diff(Diff { lower: Some(lower), upper })))
}

fn diff_upper_scratch(d: &mut Draft) -> Option<Ref> {
    let lower = Some(d.image("busybox"));
    Some(d.add(Op::Diff(Diff { lower, upper: None })))
}

fn diff_same(d: &mut Draft) -> Option<Ref> {
    let input = Some(d.image("busybox"));
    Some(d.add(Op::Diff(Diff { lower: input.clone(), upper: input })))
}

fn passthrough(d: &mut Draft) -> Option<Ref> {
    let (input, other) = (d.image("busybox"), d.image("alpine"));
    let deps = vec![Some(other)];
    Some(d.add(Op::Requires(Requires { id: "id1".to_owned(), input: Some(input), deps })))
}

fn passthrough_outputs(d: &mut Draft) -> Option<Ref> {
    let (input, other) = (d.image("busybox"), d.image("alpine"));
    let inputs = [(&input, false), (&other, true), (&input, true)];
    let inputs = inputs.map(|(input, output)| PassthroughInput { input: Some(input.clone()), output });
    Some(d.add(Op::Passthrough(Passthrough { id: "p".to_owned(), inputs: inputs.into() })))
}

fn constraints(d: &mut Draft) -> Option<Ref> {
    d.build.workers = texts(&["base==1"]);
    let base = d.image("busybox");
    d.meta().workers = texts(&["a==b"]);
    let run = d.run(&base, &["x"]);
    *d.meta() = Meta {
        workers: texts(&["c==d"]),
        ignore_cache: true,
        export_cache: Some(ExportCache::With),
        linux_resources: Some(LinuxResources { memory: 1, ..LinuxResources::default() }),
        ..Meta::default()
    };
    Some(run)
}

fn nested(d: &mut Draft, filename: &str) -> Ref {
    let input = Some(d.image("busybox"));
    d.add(Op::Build(NestedBuild { input, filename: filename.to_owned() }))
}

fn git(d: &mut Draft) -> Option<Ref> {
    let (reference, subdir) = ("v0.11.6".to_owned(), "sub".to_owned());
    Some(d.add(Op::Git(Git { url: REPOSITORY.to_owned(), reference, subdir, ..Git::default() })))
}

fn git_ref(d: &mut Draft) -> Option<Ref> {
    Some(d.add(Op::Git(Git {
        url: REPOSITORY.to_owned(),
        reference: "main".to_owned(),
        checksum: "abc".to_owned(),
        keep_git_dir: true,
        skip_submodules: true,
        mtime: Some(Mtime::Commit),
        ..Git::default()
    })))
}

fn git_ssh(d: &mut Draft) -> Option<Ref> {
    let (url, known_hosts) = ("git@github.com:moby/buildkit.git".to_owned(), texts(&["gh k1", "gh k2"]));
    Some(d.add(Op::Git(Git { url, known_hosts, ..Git::default() })))
}

fn http(d: &mut Draft) -> Option<Ref> {
    Some(d.add(Op::Http(Http {
        url: "https://example.com/a".to_owned(),
        checksum: EMPTY.to_owned(),
        headers: Some(Headers { accept: "x".to_owned(), user_agent: "y".to_owned() }),
        file: FetchedFile { filename: "f".to_owned(), mode: 0o755, uid: 1, gid: 2 },
        ..Http::default()
    })))
}

fn image_blob(d: &mut Draft) -> Option<Ref> {
    let file = FetchedFile { filename: "f".to_owned(), ..FetchedFile::default() };
    Some(d.add(Op::Blob(Blob { reference: format!("busybox@{EMPTY}"), file, ..Blob::default() })))
}

fn image_options(d: &mut Draft) -> Option<Ref> {
    Some(d.add(Op::Image(Image {
        reference: "busybox:1".to_owned(),
        resolve_mode: Some(ResolveMode::PreferLocal),
        layer_limit: Some(3),
        checksum: EMPTY.to_owned(),
        internal: false,
    })))
}

fn other_context(d: &mut Draft) -> Ref {
    d.add(Op::Local(Local {
        name: "ctx".to_owned(),
        session: "s".to_owned(),
        include: texts(&["a", "b"]),
        exclude: texts(&["c"]),
        follow_paths: texts(&["d"]),
        shared_key_hint: "h".to_owned(),
        ..Local::default()
    }))
}

fn chains(chains: Vec<Chain>, base: Option<&Ref>, actions: Vec<Action>) -> Op {
    Op::File(File { chains, chain: Chain { base: base.cloned(), dir: String::new(), actions } })
}

fn mkfile(path: &str, mode: u16, data: &str) -> Action {
    Action::Mkfile(Mkfile { path: path.to_owned(), mode, data: data.to_owned(), ..Mkfile::default() })
}

fn secret(id: &str, dest: Option<&str>, env: Option<&str>) -> Secret {
    let (dest, env) = (dest.map(str::to_owned), env.map(str::to_owned));
    Secret { id: id.to_owned(), dest, env, ..Secret::default() }
}

fn host(host: &str, ip: &str) -> ExtraHost {
    ExtraHost { host: host.to_owned(), ip: ip.to_owned() }
}
