//! Commands, with what is mounted while they run.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Http, Ids, Mode, Origin, Path, Text, When};
use crate::read::{At, List, Map};

/// Runs a command.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RunStep {
    /// A line for the image's shell, a list of the program and its arguments, or a script with its interpreter.
    pub(crate) run: Command,
    /// Directories that outlive the build, for what a package manager downloads.
    #[serde(default)]
    pub(crate) caches: List<Cache>,
    /// Files of another stage, an image or a context, read-only, without copying them.
    #[serde(default)]
    pub(crate) binds: List<Bind>,
    /// Empty directories in memory.
    #[serde(default)]
    pub(crate) tmpfs: List<Text>,
    /// Secrets, each as the file `/run/secrets/<id>` unless it says otherwise.
    #[serde(default)]
    pub(crate) secrets: List<SecretUse>,
    /// The ssh agents that are lent to it, by their ids; the usual one is `default`.
    #[serde(default)]
    pub(crate) ssh: List<Text>,
    /// Environment of this command alone.
    #[serde(default)]
    pub(crate) env: Map<Text>,
    /// Working directory of this command alone, relative to the stage's.
    #[serde(default)]
    pub(crate) workdir: Option<Text>,
    /// User of this command alone.
    #[serde(default)]
    pub(crate) user: Option<Text>,
    /// `none`: without any network but its own loopback.
    #[serde(default)]
    pub(crate) network: Network,
    /// How often it runs again though nothing changed: for what asks the world, such as a scanner.
    #[serde(default)]
    pub(crate) refresh: Option<Every>,
    /// When the step is done.
    #[serde(default)]
    pub(crate) when: When,
}

/// How a command is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$command", rename_all = "kebab-case")]
#[schemars(rename = "Command", untagged)]
pub(crate) enum Command {
    /// A line for the image's shell.
    #[serde(rename = "$text")]
    Shell(Text),
    /// The program and its arguments, without a shell.
    #[serde(rename = "$list")]
    Argv(Vec<Text>),
    /// A text that an interpreter reads as a file.
    Script(Script),
}

/// A text that an interpreter reads as a file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Script {
    /// What is in the file.
    pub(crate) script: Text,
    /// The program that reads it, with arguments if wanted: `python3`, `[bash, -euo, pipefail]`.
    pub(crate) interpreter: List<Text>,
}

/// How often something is done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Every {
    /// Each full hour.
    Hour,
    /// Each midnight of UTC.
    Day,
    /// Each Monday at midnight of UTC.
    Week,
}

/// The network of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Network {
    /// As the daemon gives it.
    #[default]
    Default,
    /// Its own loopback alone.
    None,
}

/// A directory that outlives the build.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$cache", rename_all = "kebab-case")]
#[schemars(rename = "Cache", untagged)]
pub(crate) enum Cache {
    /// Where it is mounted.
    #[serde(rename = "$path")]
    At(Path),
    /// What a tool keeps.
    #[serde(rename = "$text")]
    Of(CachePreset),
    /// With an id, a rule for sharing, or an owner.
    Path(CacheSpec),
}

/// A tool that keeps what it downloads or makes, where it does so for root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CachePreset {
    /// What npm downloads: `/root/.npm`.
    Npm,
    /// pnpm's store: `/root/.local/share/pnpm/store`.
    Pnpm,
    /// What yarn downloads: `/usr/local/share/.cache/yarn` and `/root/.yarn/berry/cache`.
    Yarn,
    /// What bun downloads: `/root/.bun/install/cache`.
    Bun,
    /// What pip downloads and builds: `/root/.cache/pip`.
    Pip,
    /// What uv downloads and builds: `/root/.cache/uv`.
    Uv,
    /// Go's modules and what its compiler made: `/go/pkg/mod` and `/root/.cache/go-build`.
    Go,
    /// Cargo's registry and git repositories, locked: `/usr/local/cargo/registry` and `/usr/local/cargo/git`.
    Cargo,
    /// Maven's local repository, locked: `/root/.m2/repository`.
    Maven,
    /// What Gradle downloads and builds, locked: `/root/.gradle`.
    Gradle,
    /// apt's packages and lists, locked: `/var/cache/apt` and `/var/lib/apt`.
    Apt,
}

/// A directory that outlives the build.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct CacheSpec {
    /// Where it is mounted.
    pub(crate) path: Text,
    /// What it is shared by; without it, its path.
    #[serde(default)]
    pub(crate) id: Option<Text>,
    /// Who may use it at the same time.
    #[serde(default)]
    pub(crate) sharing: Sharing,
    /// User and group that it is made for, by their ids: `1000:1000`. Without it, root.
    #[serde(default)]
    pub(crate) owner: Option<Ids>,
    /// Permission bits that it is made with; without them, `0755`.
    #[serde(default)]
    pub(crate) mode: Option<Mode>,
}

/// Who may use a cache at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sharing {
    /// Several steps at once.
    #[default]
    Shared,
    /// One step; another at the same time gets a cache of its own.
    Private,
    /// One step; another at the same time waits.
    Locked,
}

/// Files that are seen while a command runs, read-only.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Bind {
    /// What they are taken from: a stage, an image, `{ context: name }`, `{ git: https://… }`. Without it, the context.
    #[serde(default)]
    pub(crate) from: Option<At<Origin>>,
    /// The file or directory, from the origin's root. Or a file of a web server: `{ http: https://… }`.
    pub(crate) source: Bound,
    /// Where it is mounted.
    pub(crate) path: Text,
}

/// What is mounted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$bound", rename_all = "kebab-case")]
#[schemars(rename = "Bound", untagged)]
pub(crate) enum Bound {
    /// A file or directory.
    #[serde(rename = "$text")]
    Path(Text),
    /// A file of a web server.
    Http(Http),
}

/// A secret for a command.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$secret", rename_all = "kebab-case")]
#[schemars(rename = "SecretUse", untagged)]
pub(crate) enum SecretUse {
    /// Its id; it is the file `/run/secrets/<id>`.
    #[serde(rename = "$text")]
    File(#[schemars(with = "Text")] At<String>),
    /// With a path, or as a variable.
    Id(SecretSpec),
}

/// A secret for a command.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct SecretSpec {
    /// Its id.
    #[schemars(with = "Text")]
    pub(crate) id: At<String>,
    /// The file that it is.
    #[serde(default)]
    pub(crate) path: Option<Text>,
    /// The environment variable that it is.
    #[serde(default)]
    pub(crate) env: Option<Text>,
}
