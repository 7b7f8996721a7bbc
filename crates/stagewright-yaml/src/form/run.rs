//! Commands, with what is mounted while they run.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Origin, Text, When};
use crate::read::{At, List, Map};

/// Runs a command.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RunStep {
    /// A line for the image's shell, or a list of the program and its arguments.
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
    /// When the step is done.
    #[serde(default)]
    pub(crate) when: When,
}

/// How a command is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$command")]
#[schemars(rename = "Command", untagged)]
pub(crate) enum Command {
    /// A line for the image's shell.
    #[serde(rename = "$text")]
    Shell(Text),
    /// The program and its arguments, without a shell.
    #[serde(rename = "$list")]
    Argv(Vec<Text>),
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
    #[serde(rename = "$text")]
    At(Text),
    /// With an id, or with a rule for sharing.
    Path(CacheSpec),
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
    /// What they are taken from: a stage, an image, or `{ context: name }`. Without it, the context.
    #[serde(default)]
    pub(crate) from: Option<At<Origin>>,
    /// The file or directory, from the origin's root.
    pub(crate) source: Text,
    /// Where it is mounted.
    pub(crate) path: Text,
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
