//! Builds that could be a project's.

use super::*;

pub(super) const ALL: &[(&str, Make)] = &[
    ("a node service in three stages", node_service),
    ("a go program for another platform", go_cross_build),
    ("packages beside each other", packages),
    ("an image behind its tests", tested_image),
    ("a build that a build wrote", written_build),
    ("what the client repeats", repetitions),
];

fn node_service(d: &mut Draft) -> Option<Ref> {
    d.build.files.push(SourceFile {
        filename: "Dockerfile".to_owned(),
        language: "Dockerfile".to_owned(),
        data: "FROM node:22\nCOPY package*.json ./\nRUN npm ci\n".to_owned(),
        origin: vec![Op::Local(Local { name: "dockerfile".to_owned(), ..Local::default() }).into()],
    });
    let node = d.image("node:22-bookworm");
    *d.meta() = named_at("[deps 1/3] FROM node:22-bookworm", 1);
    let context = d.add(Op::Local(Local {
        name: "context".to_owned(),
        session: "session".to_owned(),
        exclude: texts(&["node_modules", "**/*.log", "!keep<&>.log"]),
        follow_paths: texts(&["package*.json", "src"]),
        shared_key_hint: "context".to_owned(),
        ..Local::default()
    }));
    let manifests = Copy {
        follow_symlinks: true,
        dir_contents: true,
        create_dest_path: true,
        wildcard: true,
        empty_wildcard: true,
        ..copy(files_of(&context), "package*.json", "./")
    };
    let deps = d.file(Some(&node), "/app", vec![Action::Copy(Box::new(manifests))]);
    *d.meta() = named_at("[deps 2/3] COPY package*.json ./", 2);
    let install = Exec {
        dirs: texts(&["/app"]),
        env: pairs(&[("NODE_ENV", "production"), ("PATH", "/usr/local/bin:/bin")]),
        mounts: vec![cache("/root/.npm", "//root/.npm", Sharing::Shared)],
        secrets: vec![Secret {
            id: "npmrc".to_owned(),
            dest: Some("/root/.npmrc".to_owned()),
            ..Secret::default()
        }],
        ..exec(&deps, &["/bin/sh", "-c", "npm ci"])
    };
    let install = d.add(Op::Exec(Box::new(install)));
    *d.meta() = named_at("[deps 3/3] RUN npm ci", 3);
    let sources = d.file(Some(&install), "/app", vec![copied(&context, "src", "src/")]);
    let built = d
        .add(Op::Exec(Box::new(Exec { dirs: texts(&["/app"]), ..exec(&sources, &["npm", "run", "build"]) })));
    let slim = d.image("node:22-slim");
    let owner = Some(Owner::Text("node:node".to_owned()));
    let made = Copy { owner, create_dest_path: true, ..copy(files_of(&built), "/app/dist", "/srv/") };
    Some(d.file(Some(&slim), "", vec![Action::Copy(Box::new(made))]))
}

fn go_cross_build(d: &mut Draft) -> Option<Ref> {
    d.build.platform = platform("linux", "arm64", "");
    let go = d.image("golang:1.26-alpine");
    d.meta().platform = platform("linux", "amd64", "");
    let context = d.add(Op::Local(Local { name: "context".to_owned(), ..Local::default() }));
    let build = Exec {
        dirs: texts(&["/src"]),
        env: pairs(&[("GOOS", "linux"), ("GOARCH", "arm64"), ("CGO_ENABLED", "0")]),
        network: Some(Network::None),
        mounts: vec![
            Mount { readonly: true, ..bind("/src", Some(&context)) },
            cache("/var/cache/go-build", "go-build", Sharing::Locked),
            Mount { tmpfs: Some(Tmpfs { size: 1 << 30 }), ..bind("/tmp", None) },
            bind("/out", None),
        ],
        ..exec(&go, &["go", "build", "-o", "/out/app", "./cmd/<app>"])
    };
    let build = d.add(Op::Exec(Box::new(build)));
    let ca = d.run(&go, &["apk", "add", "ca-certificates"]);
    let base = d.image("gcr.io/distroless/static");
    let certificates = copied(&ca, "/etc/ssl/certs/", "/etc/ssl/certs/");
    Some(d.file(Some(&base), "", vec![copied(&build.output(4), "app", "/"), certificates]))
}

fn packages(d: &mut Draft) -> Option<Ref> {
    let base = d.image("debian:trixie");
    let mut inputs = vec![Some(base.clone())];
    for (name, weak) in [("curl", true), ("git", true), ("make", false)] {
        let installed = d.run(&base, &["apt-get", "install", "-y", name]);
        let group = ProgressGroup { id: "packages".to_owned(), name: "install packages".to_owned(), weak };
        d.meta().progress_group = Some(group);
        inputs.push(Some(d.add(Op::Diff(Diff { lower: Some(base.clone()), upper: Some(installed) }))));
    }
    inputs.insert(2, None);
    Some(d.add(Op::Merge(Merge { inputs })))
}

fn tested_image(d: &mut Draft) -> Option<Ref> {
    let base = d.image("busybox");
    let tools = d.add(Op::Http(Http {
        url: "https://example.org/tools.tar.gz".to_owned(),
        file: FetchedFile { filename: "tools.tgz".to_owned(), mode: 0o444, uid: 0, gid: 0 },
        ..Http::default()
    }));
    let unpacked = Copy { unpack: true, ..copy(files_of(&tools), "tools.tgz", "/opt/") };
    let image = d.file(Some(&base), "", vec![Action::Copy(Box::new(unpacked))]);
    let mut deps = Vec::new();
    for suite in ["unit", "e2e"] {
        let out = bind("/reports", None);
        let test = Exec { mounts: vec![out], exit_codes: vec![0, 5], ..exec(&image, &["test", suite]) };
        deps.push(Some(d.add(Op::Exec(Box::new(test))).output(1)));
        d.meta().ignore_cache = suite == "e2e";
    }
    Some(d.add(Op::Requires(Requires { id: "gate".to_owned(), input: Some(image), deps })))
}

fn written_build(d: &mut Draft) -> Option<Ref> {
    let frontend = d.add(Op::Git(Git {
        url: "https://github.com/moby/buildkit.git".to_owned(),
        reference: "master".to_owned(),
        subdir: "frontend".to_owned(),
        ..Git::default()
    }));
    let base = d.image("alpine");
    let write =
        Exec { mounts: vec![bind("/out", None)], root: Some(base), ..exec(&frontend, &["/write", "/out"]) };
    let written = d.add(Op::Exec(Box::new(write)));
    let nested = NestedBuild { input: Some(written.output(1)), filename: "llb.pb".to_owned() };
    Some(d.add(Op::Build(nested)))
}

/// Equal ops, about which different things are said in different places: what is said last is what counts.
fn repetitions(d: &mut Draft) -> Option<Ref> {
    let mut inputs = Vec::new();
    for name in ["first", "second", "third"] {
        let base = d.image("busybox");
        d.meta().description = pairs(&[("everywhere", name), (name, "")]);
        let run = d.run(&base, &["make"]);
        *d.meta() = Meta {
            custom_name: name.to_owned(),
            ignore_cache: name == "second",
            export_cache: (name != "third").then_some(ExportCache::Without),
            progress_group: (name == "first")
                .then(|| ProgressGroup { id: name.to_owned(), ..ProgressGroup::default() }),
            linux_resources: Some(LinuxResources {
                memory: i64::try_from(name.len()).expect("a small number"),
                ..LinuxResources::default()
            }),
            ..Meta::default()
        };
        inputs.push(Some(run));
    }
    Some(d.add(Op::Merge(Merge { inputs })))
}

/// A name, and a line of the first file.
fn named_at(name: &str, line: i32) -> Meta {
    let position = |character| Position { line, character };
    let range = Range { start: position(0), end: position(80) };
    Meta {
        custom_name: name.to_owned(),
        locations: vec![Location { file: 0, ranges: vec![range] }],
        ..Meta::default()
    }
}
