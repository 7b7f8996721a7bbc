//! docker buildx against the daemon of the tests, as a person runs it.
//!
//! ```no_run
//! # use stagewright_tests::Buildx;
//! let project = std::path::Path::new("project");
//! let ended = Buildx::new().build(project).args(["-f", "stages.yaml", "--target", "app"]).run().expect_success();
//! assert!(ended.is_cached("RUN npm ci"), "{ended}");
//! assert!(ended.metadata["containerimage.digest"].is_string());
//! ```
//!
//! A [`Buildx`] has a configuration of its own, with one builder: the driver `remote` to the daemon of the tests. Where
//! docker is installed buildx runs as its plugin, `docker buildx build`; else by itself, `buildx build`. What is built
//! stays in the daemon's cache unless the arguments say otherwise.

mod progress;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::{env, fs};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Engine, Environment};
pub use progress::{Progress, Vertex, Warning};

/// The name of the builder.
const BUILDER: &str = "tests";

/// buildx with its own configuration and one builder, the daemon of the tests. Dropping it removes its configuration.
#[derive(Debug)]
pub struct Buildx {
    home: TempDir,
    /// `docker buildx` or `buildx`.
    words: Vec<OsString>,
    /// `DOCKER_HOST`, if the builder is an engine's own.
    engine: Option<String>,
}

impl Default for Buildx {
    fn default() -> Self {
        Self::new()
    }
}

impl Buildx {
    /// buildx as docker's plugin where docker is installed, else by itself.
    ///
    /// # Panics
    ///
    /// Without the fixtures, as [`Environment::get`] does, and when buildx cannot make its builder.
    #[must_use]
    pub fn new() -> Self {
        match find("docker") {
            Some(docker) => Self::of(vec![docker.into(), "buildx".into()]),
            None => Self::standalone(),
        }
    }

    /// buildx by itself.
    ///
    /// # Panics
    ///
    /// As [`Buildx::new`] does.
    #[must_use]
    pub fn standalone() -> Self {
        Self::of(vec![buildx().into()])
    }

    /// buildx by itself with an engine's own builder: the driver `docker`.
    ///
    /// # Panics
    ///
    /// Without buildx.
    #[must_use]
    pub fn on_engine(engine: &Engine) -> Self {
        Self { home: tempfile::tempdir().unwrap(), words: vec![buildx().into()], engine: Some(engine.host()) }
    }

    fn of(words: Vec<OsString>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let plugins = home.path().join("cli-plugins");
        fs::create_dir(&plugins).unwrap();
        symlink(buildx(), plugins.join("docker-buildx")).unwrap();
        let this = Self { home, words, engine: None };
        let host = Environment::get().buildkit_host;
        let create = ["create", "--name", BUILDER, "--driver", "remote", "--use", &host];
        let output = this.command(create).output().unwrap();
        assert!(output.status.success(), "buildx create: {}", String::from_utf8_lossy(&output.stderr));
        this
    }

    /// Any command of buildx: `command(["bake", "--print"])`. Its configuration is this one's; stdin is empty.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.words[0]);
        command
            .args(&self.words[1..])
            .args(arguments)
            .env("DOCKER_CONFIG", self.home.path())
            .env("BUILDX_CONFIG", self.home.path().join("buildx"))
            // Else it would have a say in which builder and which daemon are used.
            .env_remove("BUILDX_BUILDER")
            .env_remove("DOCKER_HOST")
            .env_remove("DOCKER_CONTEXT")
            .envs(self.engine.iter().map(|host| ("DOCKER_HOST", host)))
            .stdin(Stdio::null());
        command
    }

    /// `buildx build … CONTEXT`, where the context is a directory or a URL. A file that `-f` names is looked for in the
    /// directory, which is the one that the command runs in.
    pub fn build(&self, context: impl AsRef<Path>) -> Invocation<'_> {
        let context = context.as_ref();
        let (directory, word) = match context.is_dir() {
            true => (context.to_path_buf(), OsString::from(".")),
            false => (self.home.path().to_path_buf(), context.into()),
        };
        Invocation::new(self, "build", directory, Some(word))
    }

    /// `buildx bake …` in a directory. Its arguments name files and targets.
    pub fn bake(&self, directory: impl AsRef<Path>) -> Invocation<'_> {
        Invocation::new(self, "bake", directory.as_ref().to_path_buf(), None)
    }
}

/// A build that is about to be run.
#[derive(Debug)]
pub struct Invocation<'a> {
    buildx: &'a Buildx,
    verb: &'static str,
    directory: PathBuf,
    arguments: Vec<OsString>,
    /// The last word.
    context: Option<OsString>,
    environment: Vec<(OsString, OsString)>,
    progress: &'static str,
}

impl<'a> Invocation<'a> {
    fn new(buildx: &'a Buildx, verb: &'static str, directory: PathBuf, context: Option<OsString>) -> Self {
        let (arguments, environment) = (Vec::new(), Vec::new());
        Self { buildx, verb, directory, arguments, context, environment, progress: "rawjson" }
    }

    /// Adds arguments as a person types them.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(self, argument: impl Into<OsString>) -> Self {
        self.args([argument])
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Shows progress as a person sees it in a log, `--progress plain`: for tests of what is shown. Vertices are not
    /// known then.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.progress = "plain";
        self
    }

    /// The command, for a test that watches it run: what it is told of the build goes to stderr as JSON lines, see
    /// [`Progress`].
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = self.buildx.command([self.verb, "--progress", self.progress]);
        command.arg("--metadata-file").arg(self.metadata_file());
        command.args(&self.arguments).args(&self.context);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.directory);
        command
    }

    /// Runs it to its end, whatever that is.
    ///
    /// # Panics
    ///
    /// When it cannot be run at all.
    #[must_use]
    pub fn run(self) -> Ended {
        let mut command = self.command();
        let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let metadata = self.metadata_file();
        let ended = Ended::new(&command, &output, fs::read_to_string(&metadata).ok().as_deref());
        // The next one would be taken for this one's.
        let _ = fs::remove_file(metadata);
        ended
    }

    fn metadata_file(&self) -> PathBuf {
        self.buildx.home.path().join("metadata.json")
    }
}

/// A build that has ended: shown as everything that it said.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to stdout: the answer of `--call`, a tar of `--output -`.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr for people: with [`Invocation::plain`] all of it, else what is no progress, such as the
    /// error with its source lines.
    pub text: String,
    /// What it told of the build.
    pub progress: Progress,
    /// `--metadata-file`; null if none was written.
    pub metadata: Value,
    command: String,
}

impl Ended {
    fn new(command: &Command, output: &Output, metadata: Option<&str>) -> Self {
        let (progress, text) = Progress::split(&String::from_utf8_lossy(&output.stderr));
        Self {
            status: output.status,
            stdout: output.stdout.clone(),
            text,
            progress,
            metadata: metadata.map_or(Value::Null, |text| serde_json::from_str(text).unwrap()),
            command: format!("{command:?}"),
        }
    }

    /// Goes on if it succeeded.
    ///
    /// # Panics
    ///
    /// If it failed, with all that it said.
    #[must_use]
    pub fn expect_success(self) -> Self {
        assert!(self.status.success(), "{self}");
        self
    }

    /// Goes on if it failed.
    ///
    /// # Panics
    ///
    /// If it succeeded, with all that it said.
    #[must_use]
    pub fn expect_failure(self) -> Self {
        assert!(!self.status.success(), "{self}");
        self
    }

    /// The names of the steps that ran: commands that were started and not cached.
    #[must_use]
    pub fn ran(&self) -> Vec<&str> {
        let ran = self.progress.vertices().filter(|it| it.is_run() && it.ran());
        ran.map(|vertex| &*vertex.name).collect()
    }

    /// Whether every vertex with this text in its name was cached; there must be one.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn is_cached(&self, text: &str) -> bool {
        let mut found = self.progress.named(text).peekable();
        assert!(found.peek().is_some(), "no vertex is named {text:?}\n{self}");
        found.all(|vertex| vertex.cached)
    }

    /// What it wrote to stdout, as text.
    #[must_use]
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The digest of the image or index that was made, of the metadata.
    ///
    /// # Panics
    ///
    /// If the metadata has none.
    #[must_use]
    pub fn digest(&self) -> &str {
        match self.metadata["containerimage.digest"].as_str() {
            Some(digest) => digest,
            None => panic!("no containerimage.digest\n{self}"),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.command, self.status)?;
        write!(f, "{}", self.progress)?;
        writeln!(f, "{}", self.text)?;
        if !self.stdout.is_empty() {
            writeln!(f, "stdout: {}", String::from_utf8_lossy(&self.stdout))?;
        }
        match &self.metadata {
            Value::Null => Ok(()),
            metadata => writeln!(f, "metadata: {metadata:#}"),
        }
    }
}

fn buildx() -> PathBuf {
    find("buildx").expect("no buildx on PATH: run `cargo xtask test`, or `eval \"$(cargo xtask env)\"`")
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}
