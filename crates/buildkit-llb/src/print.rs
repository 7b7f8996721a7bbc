//! Definitions as text, for goldens and for people.
//!
//! One line per op, numbered as the definition orders them, and below it one indented line for each thing
//! that is not as usual. `#3` is the first output of op 3, `#3.1` its second one, `[0]` an action of the same
//! op. Capabilities and digests are left out, so that a change shows where it is and not in all that follows.

use std::collections::BTreeMap;
use std::fmt;

use buildkit_proto::{Message as _, pb};

use crate::source_map::{Range, SourceMap};
use crate::{Definition, Digest, Metadata, Platform};

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_scratch() {
            return writeln!(f, "scratch");
        }
        let positions: BTreeMap<String, usize> =
            self.digests().enumerate().map(|(position, digest)| (digest.to_string(), position)).collect();
        for (position, op) in self.ops.iter().enumerate() {
            // Every op was made here or decoded once before.
            let message = pb::Op::decode(op.bytes.clone()).map_err(|_| fmt::Error)?;
            let inputs: Vec<String> =
                message.inputs.iter().map(|input| input_name(input, &positions)).collect();
            if position + 1 == self.ops.len() {
                writeln!(f, "result {}", inputs.join(", "))?;
                continue;
            }
            let mut text = print_op(&message, &inputs);
            if let Some(platform) = message.platform {
                text.title.push_str(&format!(" ({})", Platform::from_pb(platform)));
            }
            for filter in message.constraints.iter().flat_map(|constraints| &constraints.filter) {
                text.line(format!("worker {}", word(filter)));
            }
            if let Some(metadata) = self.metadata.get(&op.digest) {
                print_metadata(metadata, &mut text);
            }
            print_locations(op.digest, &self.source, &mut text);
            writeln!(f, "#{position} {}", text.title)?;
            for detail in &text.details {
                writeln!(f, "    {detail}")?;
            }
        }
        Ok(())
    }
}

/// What is printed of one op.
struct Text {
    title: String,
    details: Vec<String>,
}

impl Text {
    fn line(&mut self, line: String) {
        self.details.push(line);
    }

    /// A line for a text that is empty as a rule.
    fn unless_empty(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.line(format!("{name} {}", word(value)));
        }
    }
}

fn print_op(op: &pb::Op, inputs: &[String]) -> Text {
    let mut text = Text { title: String::new(), details: Vec::new() };
    match &op.op {
        Some(pb::op::Op::Source(source)) => print_source(source, &mut text),
        Some(pb::op::Op::Exec(exec)) => print_exec(exec, inputs, &mut text),
        Some(pb::op::Op::File(file)) => print_file(file, inputs, &mut text),
        Some(pb::op::Op::Merge(merge)) => {
            let merged: Vec<String> =
                merge.inputs.iter().map(|input| index_name(input.input, inputs)).collect();
            text.title = format!("merge {}", merged.join(" "));
        }
        Some(pb::op::Op::Diff(diff)) => {
            let lower = diff.lower.map_or(-1, |lower| lower.input);
            let upper = diff.upper.map_or(-1, |upper| upper.input);
            text.title = format!("diff {} -> {}", index_name(lower, inputs), index_name(upper, inputs));
        }
        Some(pb::op::Op::Passthrough(passthrough)) => {
            let outputs: Vec<String> =
                passthrough.outputs.iter().map(|&input| index_name(input, inputs)).collect();
            text.title = format!("passthrough {} {}", word(&passthrough.id), outputs.join(" "));
            text.line(format!("requires {}", inputs.join(" ")));
        }
        Some(pb::op::Op::Build(build)) => print_build(build, inputs, &mut text),
        None => text.title = format!("nothing {}", inputs.join(" ")),
    }
    text
}

fn print_source(source: &pb::SourceOp, text: &mut Text) {
    text.title = format!("source {}", word(&source.identifier));
    for attr in &source.attrs {
        text.line(format!("{} {}", attr.key(), rest(attr.value())));
    }
}

fn print_build(build: &pb::BuildOp, inputs: &[String], text: &mut Text) {
    text.title = "build".to_owned();
    for entry in &build.inputs {
        let index = entry.value.map_or(0, |input| input.input);
        text.line(format!("input {} {}", entry.key(), index_name(index, inputs)));
    }
    for attr in &build.attrs {
        text.line(format!("{} {}", attr.key(), rest(attr.value())));
    }
}

fn print_exec(exec: &pb::ExecOp, inputs: &[String], text: &mut Text) {
    let meta = exec.meta.clone().unwrap_or_default();
    text.title = "exec".to_owned();
    for arg in &meta.args {
        text.title.push(' ');
        text.title.push_str(&word(arg));
    }
    for env in &meta.env {
        text.line(format!("env {}", rest(env)));
    }
    if meta.cwd != "/" {
        text.line(format!("cwd {}", word(&meta.cwd)));
    }
    text.unless_empty("user", &meta.user);
    text.unless_empty("hostname", &meta.hostname);
    if let Some(proxy) = &meta.proxy_env {
        text.unless_empty("http proxy", &proxy.http_proxy);
        text.unless_empty("https proxy", &proxy.https_proxy);
        text.unless_empty("ftp proxy", &proxy.ftp_proxy);
        text.unless_empty("no proxy", &proxy.no_proxy);
        text.unless_empty("all proxy", &proxy.all_proxy);
    }
    for extra in &meta.extra_hosts {
        text.line(format!("host {} {}", word(&extra.host), extra.ip));
    }
    for ulimit in &meta.ulimit {
        text.line(format!("ulimit {} {}:{}", word(&ulimit.name), ulimit.soft, ulimit.hard));
    }
    text.unless_empty("cgroup parent", &meta.cgroup_parent);
    if !meta.remove_mount_stubs_recursive {
        text.line("keeps parents of mount points".to_owned());
    }
    if !meta.valid_exit_codes.is_empty() {
        text.line(format!("exit codes {:?}", meta.valid_exit_codes));
    }
    if exec.network() != pb::NetMode::Unset {
        text.line(format!("network {}", exec.network().as_str_name().to_lowercase()));
    }
    if exec.security() != pb::SecurityMode::Sandbox {
        text.line(format!("security {}", exec.security().as_str_name().to_lowercase()));
    }
    for mount in &exec.mounts {
        text.line(mount_line(mount, inputs));
    }
    for secret in &exec.secretenv {
        let line = format!("secret {} as env {}", word(&secret.id), word(&secret.name));
        text.line(line + optional(secret.optional));
    }
    for device in &exec.cdi_devices {
        text.line(format!("device {}", word(&device.name)) + optional(device.optional));
    }
}

fn mount_line(mount: &pb::Mount, inputs: &[String]) -> String {
    let mut line = format!("mount {}", word(&mount.dest));
    let mut add = |part: String| {
        line.push(' ');
        line.push_str(&part);
    };
    let from = index_name(mount.input, inputs);
    match mount.mount_type() {
        pb::MountType::Bind => add(from),
        pb::MountType::Cache => {
            let cache = mount.cache_opt.clone().unwrap_or_default();
            add(format!("cache {} {}", word(&cache.id), cache.sharing().as_str_name().to_lowercase()));
            if mount.input >= 0 {
                add(format!("from {from}"));
            }
        }
        pb::MountType::Tmpfs => {
            add("tmpfs".to_owned());
            match mount.tmpfs_opt.unwrap_or_default().size {
                0 => {}
                size => add(format!("{size} bytes")),
            }
        }
        pb::MountType::Secret => {
            let secret = mount.secret_opt.clone().unwrap_or_default();
            add(format!("secret {}", word(&secret.id)) + &file_of(secret.uid, secret.gid, secret.mode));
            return line + optional(secret.optional);
        }
        pb::MountType::Ssh => {
            let ssh = mount.ssh_opt.clone().unwrap_or_default();
            add(format!("ssh {}", word(&ssh.id)) + &file_of(ssh.uid, ssh.gid, ssh.mode));
            return line + optional(ssh.optional);
        }
    }
    if !mount.selector.is_empty() {
        add(format!("at {}", word(&mount.selector)));
    }
    if mount.readonly {
        add("readonly".to_owned());
    }
    if mount.content_cache() != pb::MountContentCache::Default {
        add(format!("content cache {}", mount.content_cache().as_str_name().to_lowercase()));
    }
    if mount.output >= 0 {
        add(format!("-> output {}", mount.output));
    }
    line
}

fn print_file(file: &pb::FileOp, inputs: &[String], text: &mut Text) {
    text.title = "file".to_owned();
    for (position, action) in file.actions.iter().enumerate() {
        let input = action_input(action.input, inputs);
        let what = match &action.action {
            Some(pb::file_action::Action::Copy(copy)) => {
                copy_text(copy, &action_input(action.secondary_input, inputs), inputs)
            }
            Some(pb::file_action::Action::Mkdir(mkdir)) => {
                let parents = if mkdir.make_parents { " parents" } else { "" };
                let of = made_by(mkdir.owner.as_ref(), mkdir.timestamp, inputs);
                format!("mkdir {} mode {:04o}{parents}{of}", word(&mkdir.path), mkdir.mode)
            }
            Some(pb::file_action::Action::Mkfile(mkfile)) => {
                let of = made_by(mkfile.owner.as_ref(), mkfile.timestamp, inputs);
                let data = data_text(&mkfile.data);
                format!("mkfile {} mode {:04o}{of} {data}", word(&mkfile.path), mkfile.mode)
            }
            Some(pb::file_action::Action::Rm(rm)) => {
                let missing = if rm.allow_not_found { " if there" } else { "" };
                let wildcard = if rm.allow_wildcard { " wildcard" } else { "" };
                format!("rm {}{missing}{wildcard}", word(&rm.path))
            }
            Some(pb::file_action::Action::Symlink(symlink)) => {
                let of = made_by(symlink.owner.as_ref(), symlink.timestamp, inputs);
                format!("symlink {} -> {}{of}", word(&symlink.newpath), word(&symlink.oldpath))
            }
            None => "nothing".to_owned(),
        };
        text.line(format!("[{position}] on {input}: {what}"));
    }
}

fn copy_text(copy: &pb::FileActionCopy, from: &str, inputs: &[String]) -> String {
    let mut text = format!("copy {from} {} -> {}", word(&copy.src), word(&copy.dest));
    if !copy.mode_str.is_empty() {
        text.push_str(&format!(" mode {}", word(&copy.mode_str)));
    } else if copy.mode >= 0 {
        text.push_str(&format!(" mode {:04o}", copy.mode));
    }
    text.push_str(&made_by(copy.owner.as_ref(), copy.timestamp, inputs));
    for (set, name) in [
        (copy.follow_symlink, "follow"),
        (copy.dir_copy_contents, "contents"),
        (copy.attempt_unpack_docker_compatibility, "unpack"),
        (copy.create_dest_path, "parents"),
        (copy.allow_wildcard, "wildcard"),
        (copy.allow_empty_wildcard, "none-ok"),
        (copy.always_replace_existing_dest_paths, "replace"),
    ] {
        if set {
            text.push(' ');
            text.push_str(name);
        }
    }
    for (patterns, name) in [
        (&copy.include_patterns, "include"),
        (&copy.exclude_patterns, "exclude"),
        (&copy.required_paths, "require"),
    ] {
        if !patterns.is_empty() {
            text.push_str(&format!(" {name} {patterns:?}"));
        }
    }
    text
}

fn print_metadata(metadata: &Metadata, text: &mut Text) {
    for (key, value) in &metadata.description {
        text.line(format!("{key} {value:?}"));
    }
    if metadata.ignore_cache {
        text.line("ignores the cache".to_owned());
    }
    match metadata.export_cache {
        None => {}
        Some(true) => text.line("exported with the cache".to_owned()),
        Some(false) => text.line("not exported with the cache".to_owned()),
    }
    if let Some(group) = &metadata.progress_group {
        let weak = if group.weak { " weak" } else { "" };
        text.line(format!("group {} {:?}{weak}", word(&group.id), group.name));
    }
    if let Some(limits) = &metadata.linux_resources {
        text.line(format!("{limits:?}"));
    }
}

fn print_locations(digest: Digest, source: &SourceMap, text: &mut Text) {
    for location in source.locations.get(&digest).into_iter().flatten() {
        let file = source.files.get(location.file).map_or("", |file| file.filename.as_str());
        let ranges: Vec<String> = location.ranges.iter().map(range_text).collect();
        text.line(format!("written in {} {}", word(file), ranges.join(", ")));
    }
}

fn range_text(range: &Range) -> String {
    let place = |line: i32, character: i32| match character {
        0 => line.to_string(),
        _ => format!("{line}:{character}"),
    };
    let start = place(range.start.line, range.start.character);
    let end = place(range.end.line, range.end.character);
    if start == end { start } else { format!("{start}-{end}") }
}

fn input_name(input: &pb::Input, positions: &BTreeMap<String, usize>) -> String {
    let op = positions.get(&input.digest).map_or_else(|| input.digest.clone(), usize::to_string);
    match input.index {
        0 => format!("#{op}"),
        index => format!("#{op}.{index}"),
    }
}

/// What an index into the op's inputs means.
fn index_name(index: i64, inputs: &[String]) -> String {
    match usize::try_from(index) {
        Err(_) => "scratch".to_owned(),
        Ok(index) => inputs.get(index).cloned().unwrap_or_else(|| format!("input {index}")),
    }
}

/// What an index into the op's inputs, followed by its actions, means.
fn action_input(index: i64, inputs: &[String]) -> String {
    match usize::try_from(index) {
        Ok(position) if position >= inputs.len() => format!("[{}]", position - inputs.len()),
        _ => index_name(index, inputs),
    }
}

/// Owner and time, as far as they are given.
fn made_by(owner: Option<&pb::ChownOpt>, timestamp: i64, inputs: &[String]) -> String {
    let mut text = String::new();
    if let Some(owner) = owner {
        let user = owner.user.as_ref().map_or_else(String::new, |user| user_text(user, inputs));
        let group = owner.group.as_ref().map_or_else(String::new, |group| user_text(group, inputs));
        text.push_str(&format!(" owner {user}:{group}"));
    }
    if timestamp != -1 {
        text.push_str(&format!(" time {timestamp}"));
    }
    text
}

fn user_text(user: &pb::UserOpt, inputs: &[String]) -> String {
    match &user.user {
        Some(pb::user_opt::User::ById(id)) => id.to_string(),
        Some(pb::user_opt::User::ByName(named)) => {
            format!("{}@{}", word(&named.name), action_input(named.input, inputs))
        }
        None => String::new(),
    }
}

fn file_of(uid: u32, gid: u32, mode: u32) -> String {
    match (uid, gid) {
        (0, 0) => format!(" mode {mode:04o}"),
        _ => format!(" mode {mode:04o} owner {uid}:{gid}"),
    }
}

fn optional(optional: bool) -> &'static str {
    if optional { " optional" } else { "" }
}

/// The content of a small text file; of any other, how much there is, and its digest.
fn data_text(data: &[u8]) -> String {
    match str::from_utf8(data) {
        Ok(text) if text.len() <= 200 => format!("{text:?}"),
        _ => format!("{} bytes {}", data.len(), Digest::of(data)),
    }
}

/// The text itself, at the end of a line, where all of it shows; else quoted.
fn rest(text: &str) -> String {
    let shows = !text.is_empty() && text.trim() == text && !text.contains(char::is_control);
    if shows { text.to_owned() } else { format!("{text:?}") }
}

/// The text itself where it stands out as one word, else quoted.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || (c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\'));
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("{text:?}") }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::*;

    fn check(build: impl FnOnce(&mut Graph) -> Result<Option<Output>, OpError>, expected: &Expect) {
        let mut graph = Graph::new();
        let target = build(&mut graph).unwrap();
        expected.assert_eq(&graph.definition(target).unwrap().to_string());
    }

    fn platform() -> Platform {
        Platform::new("linux", "amd64")
    }

    fn image(graph: &mut Graph, name: &str) -> Result<Output, OpError> {
        let op = ImageSource::new(name.parse().unwrap(), platform());
        Ok(graph.add(op, Metadata::default())?.root())
    }

    #[test]
    fn scratch_is_one_word() {
        check(
            |_| Ok(None),
            &expect![[r#"
                scratch
            "#]],
        );
    }

    #[test]
    fn an_exec_shows_what_is_not_as_usual() {
        check(
            |graph| {
                let base = image(graph, "busybox")?;
                let mut exec = ExecOp::new(Some(base), ["/bin/sh", "-c", "make \"all\""], platform())
                    .with_mount(Mount::bind("/src", Some(base)).selecting("/etc").readonly())
                    .with_mount(Mount::bind("/out", None))
                    .with_mount(Mount::cache("/cache", "npm", CacheSharing::Locked).with_input(Some(base)))
                    .with_mount(Mount::tmpfs("/tmp", 64));
                exec.env = vec!["A=1".to_owned(), "B=x y".to_owned()];
                exec.cwd = "/app".to_owned();
                exec.user = "node".to_owned();
                exec.network = Network::None;
                exec.valid_exit_codes = vec![0, 2];
                exec.secrets =
                    vec![SecretMount { optional: true, ..SecretMount::new("token", "/run/secrets/token") }];
                exec.secret_env = vec![SecretEnv::new("key", "KEY")];
                exec.ssh = vec![SshMount { uid: 7, ..SshMount::new("", "/agent") }];
                let metadata = Metadata { ignore_cache: true, ..Metadata::named("build it") };
                let exec_op = graph.add(Op::from(exec.clone()).on_workers(["a==b"]), metadata)?;
                let data = "".into();
                let file = graph.add_file(SourceFile {
                    filename: "stages.rs".to_owned(),
                    data,
                    ..Default::default()
                });
                graph.locate(exec_op, file, vec![Range::lines(3, 5), Range::lines(7, 7)])?;
                Ok(exec.output_at("/out").map(|index| exec_op.output(index)))
            },
            &expect![[r##"
                #0 source docker-image://docker.io/library/busybox:latest (linux/amd64)
                #1 exec /bin/sh -c "make \"all\"" (linux/amd64)
                    env A=1
                    env B=x y
                    cwd /app
                    user node
                    exit codes [0, 2]
                    network none
                    mount / #0 -> output 0
                    mount /cache cache npm locked from #0
                    mount /out scratch -> output 1
                    mount /src #0 at /etc readonly
                    mount /tmp tmpfs 64 bytes
                    mount /run/secrets/token secret token mode 0400 optional
                    mount /agent ssh "" mode 0600 owner 7:0
                    secret key as env KEY
                    worker a==b
                    llb.customname "build it"
                    ignores the cache
                    written in stages.rs 3-5, 7
                result #1.1
            "##]],
        );
    }

    #[test]
    fn a_file_op_shows_its_actions() {
        check(
            |graph| {
                let (base, from) = (image(graph, "busybox")?, image(graph, "alpine")?);
                let mut file = FileOp::default();
                let dir = file.push(base, MkdirAction { parents: true, ..MkdirAction::new("/d", 0o755) });
                let text = file
                    .push(dir, MkfileAction { created: Some(0), ..MkfileAction::new("/d/t", 0o644, "hi\n") });
                let inner = file.push(FileInput::Scratch, MkfileAction::new("/b", 0o600, vec![0xff; 3]));
                let inner = file.push(text, CopyAction::new(inner, "/b", "/b"));
                let copied = file.push(
                    inner,
                    CopyAction {
                        owner: Some(Owner::parse("bob:5")),
                        mode: Some(CopyMode::Symbolic("u+x".to_owned())),
                        follow_symlinks: true,
                        exclude: vec!["*.md".to_owned()],
                        ..CopyAction::new(from, "/etc", "/d/")
                    },
                );
                let removed = file.push(copied, RmAction { allow_not_found: true, ..RmAction::new("/gone") });
                file.push(removed, SymlinkAction::new("../x", "/l"));
                Ok(Some(graph.add(file, Metadata::default())?.root()))
            },
            &expect![[r##"
                #0 source docker-image://docker.io/library/busybox:latest (linux/amd64)
                #1 source docker-image://docker.io/library/alpine:latest (linux/amd64)
                #2 file
                    [0] on #0: mkdir /d mode 0755 parents
                    [1] on [0]: mkfile /d/t mode 0644 time 0 "hi\n"
                    [2] on scratch: mkfile /b mode 0600 3 bytes sha256:5ae7e6a42304dc6e4176210b83c43024f99a0bce9a870c3b6d2c95fc8ebfb74c
                    [3] on [1]: copy [2] /b -> /b
                    [4] on [3]: copy #1 /etc -> /d/ mode u+x owner bob@#0:5 follow exclude ["*.md"]
                    [5] on [4]: rm /gone if there
                    [6] on [5]: symlink /l -> ../x
                result #2
            "##]],
        );
    }

    #[test]
    fn other_ops_are_one_line() {
        check(
            |graph| {
                let (one, two) = (image(graph, "busybox")?, image(graph, "alpine")?);
                let context = LocalSource {
                    shared_key_hint: "context".to_owned(),
                    exclude: vec!["*.md".to_owned()],
                    ..LocalSource::new("context", LocalIdentity::Session("id".to_owned()))
                };
                let context = graph.add(context, Metadata::default())?.root();
                let diff = DiffOp { lower: Some(one), upper: None };
                let diff = graph.add(diff, Metadata::default())?.root();
                let merge = graph.add(MergeOp::new([one, two, diff]), Metadata::default())?.root();
                let gate = PassthroughOp::requiring("gate", merge, [context]);
                Ok(Some(graph.add(gate, Metadata::default())?.root()))
            },
            &expect![[r##"
                #0 source docker-image://docker.io/library/busybox:latest (linux/amd64)
                #1 source docker-image://docker.io/library/alpine:latest (linux/amd64)
                #2 diff #0 -> scratch
                #3 merge #0 #1 #2
                #4 source local://context
                    local.excludepatterns ["*.md"]
                    local.session id
                    local.sharedkeyhint context
                #5 passthrough gate #3
                    requires #3 #4
                result #5
            "##]],
        );
    }
}
