//! The steps that make a Plan of a program: compile the crates, compile the program, run it.
//!
//! Each runs without network, secrets, agents and contexts, in mounts that hold nothing but its inputs.

use buildkit_llb::{
    Action, CopyAction, ExecOp, FileOp, Graph, ImageRef, ImageSource, LocalSource, Metadata, MkdirAction,
    MkfileAction, Mount, Network, OpError, OpId, Output, Owner, Platform, Range, ResolveMode, SourceFile,
};

use super::limits::{Limits, StepLimits};
use super::{Beside, Bundle};

/// Where the sources of the crates are: in their image, and in the step that compiles them.
const BUNDLE: &str = "/stagewright";
/// Where a step finds the compiled crates.
const CRATES: &str = "/crates";
/// Where a step finds the program's files.
const SOURCES: &str = "/src";
/// Where a step puts what it makes.
const OUT: &str = "/out";

/// What the compiling step makes: the program, rustc's status and its diagnostics.
pub(super) const PROGRAM: &str = "/program";
pub(super) const STATUS: &str = "/status";
pub(super) const DIAGNOSTICS: &str = "/diagnostics.json";
/// What the running step makes.
pub(super) const DESCRIPTION: &str = "/made/description.json";

/// Whom programs run as: a user whose processes can be counted, and who can write nowhere else.
const USER: u32 = 60_613;
/// The directory of the running step's output that is that user's.
const MADE: &str = "/made";

/// Files of the compiler beside those that it makes, in bytes.
const TEMPORARY: i64 = 512 << 20;

/// Compiles the crates for the toolchain's own machine. Naming the target keeps what runs in the compiler apart from
/// what is linked into programs, so that only the latter and the macros are kept.
const COMPILE_CRATES: &str = r#"set -eu
host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_HOME=/tmp/cargo CARGO_TARGET_DIR=/out/target
cargo build --offline --locked --target "$host"
mv /out/target/"$host"/debug/deps/*.rlib /out/target/debug/deps/*.so /out/
rm -r /out/target
"#;

/// Compiles the program. It succeeds whatever rustc says, so that the answer is kept, and read as data. What reaches a limit
/// is no answer: 0, 1 and 101 are all that rustc ends with by itself.
const COMPILE_PROGRAM: &str = r#"set -u
file=$1
limit=$2
set --
for crate in stagewright schemars serde serde_json; do
    set -- "$@" --extern "$crate=$(echo /crates/lib"$crate"-*.rlib)"
done
timeout "$limit" rustc --edition 2024 --crate-name program --error-format json -L dependency=/crates "$@" \
    -C target-feature=+crt-static -C strip=symbols -o /out/program -- "$file" 2>/out/diagnostics.json
status=$?
case $status in
0 | 1 | 101) echo $status >/out/status ;;
*) head -c 4096 /out/diagnostics.json >&2; exit $status ;;
esac
"#;

/// The steps up to the compiled program.
#[derive(Debug)]
pub(super) struct Steps {
    pub(super) graph: Graph,
    pub(super) crates: OpId,
    pub(super) compile: OpId,
    /// What the compiling step makes.
    pub(super) compiled: Output,
    pub(super) limits: Limits,
    no_cache: bool,
}

/// What is compiled, and with what.
pub(super) struct Inputs<'a> {
    pub(super) file_name: &'a str,
    pub(super) text: &'a str,
    /// The toolchain with the name that people know it by, and its environment.
    pub(super) toolchain: &'a ImageRef,
    pub(super) toolchain_env: &'a [String],
    pub(super) bundle: &'a Bundle,
    /// Where the declared files are, and their paths there.
    pub(super) beside: Option<(&'a Beside, &'a [String])>,
    pub(super) platform: &'a Platform,
    pub(super) resolve_mode: ResolveMode,
    pub(super) limits: Limits,
    /// Whether the program is compiled and run, cached or not. The crates are not its own.
    pub(super) no_cache: bool,
}

impl Steps {
    pub(super) fn new(inputs: &Inputs<'_>) -> Result<Self, OpError> {
        let Inputs { file_name, toolchain, platform, resolve_mode, limits, .. } = inputs;
        let mut graph = Graph::new();
        let mut root = ImageSource::new((*toolchain).clone(), (*platform).clone());
        root.resolve_mode = *resolve_mode;
        let root = graph.add(root, Metadata::default())?.root();

        let bundle = bundle(&mut graph, inputs)?;
        let mut crates = exec(inputs, root, &["/bin/sh", "-c", COMPILE_CRATES]);
        crates.cwd = format!("{BUNDLE}/frontends/bundle");
        crates.mounts.push(Mount::bind(BUNDLE, bundle).selecting(BUNDLE).readonly());
        crates.mounts.push(Mount::bind(OUT, None));
        let made = crates.output_at(OUT);
        let crates = graph.add(crates, named(file_name, "compile the crates of stagewright"))?;
        let rlibs = crates.output(made.unwrap_or_default());

        let sources = files(&mut graph, inputs)?;
        let most = limits.compile();
        let clock = most.clock.to_string();
        let mut compile = exec(inputs, root, &["/bin/sh", "-c", COMPILE_PROGRAM, "sh", file_name, &clock]);
        compile.ulimits = most.ulimits();
        compile.cwd = SOURCES.to_owned();
        compile.mounts.push(Mount::bind(CRATES, Some(rlibs)).readonly());
        compile.mounts.push(Mount::bind(SOURCES, Some(sources)).readonly());
        compile.mounts.push(Mount::bind(OUT, None));
        let made = compile.output_at(OUT);
        let metadata = Metadata { ignore_cache: inputs.no_cache, ..named(file_name, "compile") };
        let compile = graph.add(compile, metadata)?;
        let compiled = compile.output(made.unwrap_or_default());
        Ok(Self { graph, crates, compile, compiled, limits: *limits, no_cache: inputs.no_cache })
    }

    /// The step that runs the program with these arguments, and what it makes.
    ///
    /// Its root is empty but for the program, so that its cache is that of the program's bytes and its arguments.
    pub(super) fn run(
        &self,
        file: &SourceFile,
        arguments: impl IntoIterator<Item = String>,
        about: &str,
        platform: &Platform,
    ) -> Result<(Graph, OpId, Output), OpError> {
        let mut graph = self.graph.clone();
        let mut made = MkdirAction::new(MADE, 0o755);
        made.owner = Some(Owner::ids(USER, USER));
        let made =
            graph.add(FileOp::chain(None, [made]), named(&file.filename, "make a place for its Plan"))?;
        let first = [PROGRAM.to_owned(), "--describe".to_owned(), format!("{OUT}{DESCRIPTION}")];
        let mut run = ExecOp::new(None, first.into_iter().chain(arguments), platform.clone());
        run.mounts = vec![
            Mount::bind("/", None),
            Mount::bind(PROGRAM, Some(self.compiled)).selecting(PROGRAM).readonly(),
            Mount::bind(OUT, Some(made.root())),
        ];
        run.network = Network::None;
        run.user = format!("{USER}:{USER}");
        run.ulimits = self.limits.run().ulimits();
        run.ulimits.push(StepLimits::processes());
        let made = run.output_at(OUT);
        let metadata = Metadata { ignore_cache: self.no_cache, ..named(&file.filename, about) };
        let run = graph.add(run, metadata)?;
        if let Some(line) = main_line(&file.data) {
            let id = graph.add_file(file.clone());
            graph.locate(run, id, vec![Range::lines(line, line)])?;
        }
        Ok((graph, run, run.output(made.unwrap_or_default())))
    }
}

/// A step in the toolchain. Its changes there are thrown away: a root without output would be read-only, and could not
/// get the directories that things are mounted on.
fn exec(inputs: &Inputs<'_>, root: Output, args: &[&str]) -> ExecOp {
    let mut exec = ExecOp::new(Some(root), args.iter().copied(), inputs.platform.clone());
    exec.mounts = vec![Mount::bind("/", Some(root)), Mount::tmpfs("/tmp", TEMPORARY)];
    exec.env = inputs.toolchain_env.to_vec();
    exec.network = Network::None;
    exec
}

fn bundle(graph: &mut Graph, inputs: &Inputs<'_>) -> Result<Option<Output>, OpError> {
    match inputs.bundle {
        Bundle::Definition(definition) => graph.embed(definition),
        Bundle::Image(image) => {
            let mut image = ImageSource::new(image.clone(), inputs.platform.clone());
            image.resolve_mode = inputs.resolve_mode;
            Ok(Some(graph.add(image, Metadata::default())?.root()))
        }
    }
}

/// The program's file at its own path, and what it declares.
fn files(graph: &mut Graph, inputs: &Inputs<'_>) -> Result<Output, OpError> {
    let mut actions: Vec<Action> = Vec::new();
    if let Some((beside, paths)) = inputs.beside
        && let Some(from) = beside_op(graph, inputs.file_name, beside, paths)?
    {
        let mut copy = CopyAction::new(from, "/", "/");
        copy.dir_contents = true;
        copy.create_dest_path = true;
        copy.include = paths.to_vec();
        actions.push(copy.into());
    }
    if let Some((directory, _)) = inputs.file_name.rsplit_once('/') {
        let mut mkdir = MkdirAction::new(format!("/{directory}"), 0o755);
        mkdir.parents = true;
        actions.push(mkdir.into());
    }
    actions.push(MkfileAction::new(format!("/{}", inputs.file_name), 0o644, inputs.text.to_owned()).into());
    let text = format!("take {}", inputs.file_name);
    Ok(graph.add(FileOp::chain(None, actions), named(inputs.file_name, &text))?.root())
}

/// The filesystem that has these declared files.
pub(super) fn beside_op(
    graph: &mut Graph,
    file_name: &str,
    beside: &Beside,
    paths: &[String],
) -> Result<Option<Output>, OpError> {
    match beside {
        Beside::Local { name, identity } => {
            let mut local = LocalSource::new(name, identity.clone());
            local.include = paths.to_vec();
            local.shared_key_hint = format!("{name}-files");
            let local = graph.add(local, named(file_name, "load its declared files"))?;
            Ok(Some(local.root()))
        }
        Beside::Filesystem(definition) => graph.embed(definition),
    }
}

fn named(file_name: &str, what: &str) -> Metadata {
    Metadata::named(format!("[{file_name}] {what}"))
}

/// The line of `main`: where a program is shown that ends without a word.
pub(super) fn main_line(text: &[u8]) -> Option<i32> {
    let text = std::str::from_utf8(text).ok()?;
    (1..)
        .zip(text.lines())
        .find(|(_, line)| line.contains("fn main("))
        .map(|(line, _)| line)
}
