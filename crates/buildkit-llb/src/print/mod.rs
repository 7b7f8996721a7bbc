//! Definitions as text, for goldens and for people.
//!
//! One line per op, numbered as the definition orders them, and below it one indented line for each thing
//! that is not as usual. `#3` is the first output of op 3, `#3.1` its second one, `[0]` an action of the same
//! op. Capabilities and digests are left out, so that a change shows where it is and not in all that follows.

mod exec;
mod file;
mod json;
mod mermaid;
mod name;

use std::fmt;

use buildkit_proto::{Message as _, pb};

pub(crate) use self::name::name;
use crate::definition::Positions;
use crate::source_map::{Range, SourceMap};
use crate::{Definition, Digest, Metadata, Platform};

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_scratch() {
            return writeln!(f, "scratch");
        }
        let reader = Reader::new(self);
        for (position, op) in self.ops.iter().enumerate() {
            // Every op was made here or decoded once before.
            let message = pb::Op::decode(op.bytes.clone()).map_err(|_| fmt::Error)?;
            let inputs = reader.inputs(&message);
            if position + 1 == self.ops.len() {
                writeln!(f, "result {}", inputs.join(", "))?;
                continue;
            }
            let mut text = titled(&message, &inputs);
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

/// What is needed to print any op of a definition.
struct Reader {
    positions: Positions,
}

impl Reader {
    fn new(definition: &Definition) -> Self {
        Self { positions: Positions::new(&definition.ops) }
    }

    /// The inputs of an op as the text calls them.
    fn inputs(&self, message: &pb::Op) -> Vec<String> {
        message.inputs.iter().map(|input| input_name(input, &self.positions)).collect()
    }
}

/// One word for what an op is.
fn kind(message: &pb::Op) -> &'static str {
    match &message.op {
        Some(pb::op::Op::Source(_)) => "source",
        Some(pb::op::Op::Exec(_)) => "exec",
        Some(pb::op::Op::File(_)) => "file",
        Some(pb::op::Op::Merge(_)) => "merge",
        Some(pb::op::Op::Diff(_)) => "diff",
        Some(pb::op::Op::Build(_)) => "build",
        Some(pb::op::Op::Passthrough(_)) => "passthrough",
        None => "nothing",
    }
}

/// An op without what is said about it.
fn titled(message: &pb::Op, inputs: &[String]) -> Text {
    let mut text = print_op(message, inputs);
    if let Some(platform) = &message.platform {
        text.title.push_str(&format!(" ({})", Platform::from_pb(platform.clone())));
    }
    for filter in message.constraints.iter().flat_map(|constraints| &constraints.filter) {
        text.line(format!("worker {}", word(filter)));
    }
    text
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
        Some(pb::op::Op::Exec(exec)) => exec::print(exec, inputs, &mut text),
        Some(pb::op::Op::File(file)) => file::print(file, inputs, &mut text),
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

fn input_name(input: &pb::Input, positions: &Positions) -> String {
    let op = input.digest.parse().ok().and_then(|digest| positions.get(&digest));
    let op = op.map_or_else(|| input.digest.clone(), |position| position.to_string());
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

/// The text itself, at the end of a line, where all of it shows; else quoted.
fn rest(text: &str) -> String {
    let shows = !text.is_empty() && text.trim() == text && !text.contains(char::is_control);
    if shows { text.to_owned() } else { format!("{text:?}") }
}

/// The text itself where it stands out as one word, else quoted.
pub(crate) fn word(text: &str) -> String {
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
