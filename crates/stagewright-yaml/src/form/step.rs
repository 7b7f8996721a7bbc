//! The steps.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Mode, Origin, RunStep, Text};
use crate::read::{At, List, Map};

/// One thing that a stage does.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$step", rename_all = "kebab-case")]
#[schemars(rename = "Step", untagged)]
pub(crate) enum Step {
    /// Runs a command.
    Run(Box<RunStep>),
    /// Copies files.
    Copy(CopyStep),
    /// Sets environment variables.
    Env(EnvStep),
    /// Sets the working directory.
    Workdir(WorkdirStep),
    /// Sets the user.
    User(UserStep),
    /// Makes a directory.
    Mkdir(MkdirStep),
    /// Writes a file.
    File(FileStep),
}

/// When a step is done: if every arg has (one of) the values given for it. Without it, always.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct When(pub(crate) Map<List<At<Text>>>);

/// Copies files: of a directory, what is in it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct CopyStep {
    /// The files and directories, from the origin's root; `*`, `?` and `[…]` match names.
    pub(crate) copy: List<Text>,
    /// Where they go, relative to the working directory; with a slash at its end, into that directory.
    pub(crate) to: Text,
    /// What they are taken from: a stage, an image, or `{ context: name }`. Without it, the context.
    #[serde(default)]
    pub(crate) from: Option<At<Origin>>,
    /// Only what matches one of these patterns, below each path.
    #[serde(default)]
    pub(crate) include: List<Text>,
    /// Nothing that matches one of these patterns, below each path.
    #[serde(default)]
    pub(crate) exclude: List<Text>,
    /// User (name or id), with `:group` if wanted; without it, root.
    #[serde(default)]
    pub(crate) owner: Option<Text>,
    /// Permission bits, as in `0755`; without them, as in the origin.
    #[serde(default)]
    pub(crate) mode: Option<Mode>,
    /// When the step is done.
    #[serde(default)]
    pub(crate) when: When,
}

/// Sets environment variables, for later steps and in the image.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct EnvStep {
    /// The variables, by name.
    pub(crate) env: Map<Text>,
    /// When the step is done.
    #[serde(default)]
    pub(crate) when: When,
}

/// Sets the working directory, for later steps and in the image. It is made if it is missing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct WorkdirStep {
    /// The directory, relative to the one before.
    pub(crate) workdir: Text,
    /// When the step is done.
    #[serde(default)]
    pub(crate) when: When,
}

/// Sets the user, of later steps and of the image.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct UserStep {
    /// Name or id, with `:group` if wanted.
    pub(crate) user: Text,
    /// When the step is done.
    #[serde(default)]
    pub(crate) when: When,
}

/// Makes a directory with its parents.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct MkdirStep {
    /// The directory, relative to the working directory.
    pub(crate) mkdir: Text,
    /// Permission bits; without them, `0755`.
    #[serde(default)]
    pub(crate) mode: Option<Mode>,
    /// User (name or id), with `:group` if wanted; without it, root.
    #[serde(default)]
    pub(crate) owner: Option<Text>,
    /// When the step is done.
    #[serde(default)]
    pub(crate) when: When,
}

/// Writes a file, with the directories above it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct FileStep {
    /// The file, relative to the working directory.
    pub(crate) file: Text,
    /// What is in it.
    pub(crate) text: Text,
    /// Permission bits; without them, `0644`.
    #[serde(default)]
    pub(crate) mode: Option<Mode>,
    /// User (name or id), with `:group` if wanted; without it, root.
    #[serde(default)]
    pub(crate) owner: Option<Text>,
    /// When the step is done.
    #[serde(default)]
    pub(crate) when: When,
}
