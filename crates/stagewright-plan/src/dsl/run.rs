//! Commands, with what is mounted while they run.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use super::cache::Caches;
use super::files::Bind;
use super::record::Recorder;
use super::stage::Value;
use crate::plan::{self, Command, Mount, SecretEnv};

/// A command and what it is given for its run alone.
#[derive(Clone, Debug)]
#[must_use = "a command does nothing by itself: give it to a stage, `stage.run(sh(…))`"]
pub struct Run {
    pub(super) run: plan::Run,
}

/// A line for the image's shell.
///
/// Give it values by [`Run::env`] and `"$NAME"`, not by `format!`: so they cannot be taken for shell words.
pub fn sh(line: impl Into<String>) -> Run {
    Run::new(Command::Shell(line.into()))
}

/// A program and its arguments, without a shell.
pub fn argv(arguments: impl Argv) -> Run {
    Run::new(Command::Argv(arguments.argv()))
}

/// A text that an interpreter reads as a file: `script("bash", "…")`, `script(["python3", "-u"], include_str!("seed.py"))`.
///
/// The interpreter decides what a failing line means: for bash, `script(["bash", "-euo", "pipefail"], …)`.
pub fn script(interpreter: impl Interpreter, text: impl Into<String>) -> Run {
    Run::new(Command::Script { interpreter: interpreter.interpreter(), text: text.into() })
}

impl Run {
    fn new(command: Command) -> Self {
        Self { run: plan::Run::new(command) }
    }

    /// With caches: a path, a [`Cache`](super::Cache), or a list of caches.
    pub fn cache(mut self, caches: impl Caches) -> Self {
        self.run.mounts.extend(caches.caches().into_iter().map(Mount::Cache));
        self
    }

    /// With one file or directory of something else, read-only, without copying it.
    pub fn bind(mut self, files: impl Bind, path: impl Into<String>) -> Self {
        let ((from, sources), path) = (files.origin(), path.into());
        let binds =
            sources
                .into_iter()
                .map(|source| Mount::Bind { from: from.clone(), source, path: path.clone() });
        self.run.mounts.extend(binds);
        self
    }

    /// With an empty directory in memory.
    pub fn tmpfs(mut self, path: impl Into<String>) -> Self {
        self.run.mounts.push(Mount::Tmpfs { path: path.into() });
        self
    }

    /// With a secret as the file `/run/secrets/<id>`.
    pub fn secret(self, secret: &Secret) -> Self {
        let path = format!("/run/secrets/{}", secret.id);
        self.secret_file(path, secret)
    }

    /// With a secret as a file.
    pub fn secret_file(mut self, path: impl Into<String>, secret: &Secret) -> Self {
        self.run.mounts.push(Mount::Secret { id: secret.id.clone(), path: path.into() });
        self
    }

    /// With a secret in the environment.
    pub fn secret_env(mut self, name: impl Into<String>, secret: &Secret) -> Self {
        self.run.secret_env.push(SecretEnv { name: name.into(), id: secret.id.clone() });
        self
    }

    /// With the ssh agent that a build lends under this id by `--ssh`; the usual one is `default`.
    ///
    /// The command finds its socket in `SSH_AUTH_SOCK`, may list keys and sign with them, and sees no key.
    pub fn ssh(mut self, id: impl Into<String>) -> Self {
        self.run.mounts.push(Mount::Ssh { id: id.into() });
        self
    }

    /// With an environment variable.
    pub fn env(mut self, name: impl Into<String>, value: impl Value) -> Self {
        self.run.env.push((name.into(), value.value()));
        self
    }

    /// In this directory, relative to the stage's.
    pub fn workdir(mut self, path: impl Into<String>) -> Self {
        self.run.workdir = Some(path.into());
        self
    }

    /// As this user.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.run.user = Some(user.into());
        self
    }

    /// Again in each hour, day or week, though nothing changed: for what asks the world, such as a scanner.
    ///
    /// All builds of that time share its result, and the image does not show the time.
    pub fn refresh(mut self, every: Every) -> Self {
        self.run.refresh = Some(every.seconds);
        self
    }

    /// Without any network but its own loopback.
    pub fn no_network(mut self) -> Self {
        self.run.no_network = true;
        self
    }
}

/// How often something is done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every {
    seconds: u64,
}

impl Every {
    /// How long a result is fresh, in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.seconds
    }

    /// Each full hour.
    #[must_use]
    pub const fn hour() -> Self {
        Self { seconds: 60 * 60 }
    }

    /// Each midnight of UTC.
    #[must_use]
    pub const fn day() -> Self {
        Self { seconds: 24 * Self::hour().seconds }
    }

    /// Each Monday at midnight of UTC.
    #[must_use]
    pub const fn week() -> Self {
        Self { seconds: 7 * Self::day().seconds }
    }
}

/// What reads a script: a program, or a list of a program and its arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an interpreter",
    label = "expected a program, `\"bash\"`, or a list, `[\"bash\", \"-eu\"]`"
)]
pub trait Interpreter {
    #[doc(hidden)]
    fn interpreter(self) -> Vec<String>;
}

#[diagnostic::do_not_recommend]
impl Interpreter for &str {
    fn interpreter(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

#[diagnostic::do_not_recommend]
impl<S: Into<String>, const N: usize> Interpreter for [S; N] {
    fn interpreter(self) -> Vec<String> {
        self.argv()
    }
}

impl From<&str> for Run {
    fn from(line: &str) -> Self {
        sh(line)
    }
}

impl From<String> for Run {
    fn from(line: String) -> Self {
        sh(line)
    }
}

impl<const N: usize> From<[&str; N]> for Run {
    fn from(arguments: [&str; N]) -> Self {
        argv(arguments)
    }
}

/// A program and its arguments, as a list.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an argument list",
    label = "expected a list: `[\"node\", \"server.js\"]`",
    note = "a shell as the first process swallows signals; where you want one, write `[\"sh\", \"-c\", \"…\"]`"
)]
pub trait Argv {
    #[doc(hidden)]
    fn argv(self) -> Vec<String>;
}

#[diagnostic::do_not_recommend]
impl<S: Into<String>, const N: usize> Argv for [S; N] {
    fn argv(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Into<String>> Argv for Vec<S> {
    fn argv(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

/// A secret: it can be given to a step and to nothing else.
///
/// It has no text: the program never sees its value.
#[derive(Clone)]
pub struct Secret {
    id: String,
    recorder: Rc<Recorder>,
    index: usize,
}

impl Secret {
    pub(super) fn new(id: String, recorder: Rc<Recorder>, index: usize) -> Self {
        Self { id, recorder, index }
    }

    /// The build goes on without it.
    #[must_use]
    pub fn optional(self) -> Self {
        self.recorder.optional_secret(self.index);
        self
    }
}

/// What a parameter of a build can be: nothing implements it for a secret, so that its message is the first.
#[diagnostic::on_unimplemented(
    message = "a secret is not a parameter",
    label = "parameters are in the Plan and in the image's history",
    note = "ask for it in the build function: `b.secret(\"npm_token\")`"
)]
pub trait IsParameter {}

impl<'de> Deserialize<'de> for Secret
where
    &'de Self: IsParameter,
{
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("a secret is not a parameter"))
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        false.into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("id", &self.id).finish_non_exhaustive()
    }
}
