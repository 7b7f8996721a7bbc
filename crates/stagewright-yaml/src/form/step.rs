//! The steps.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Flag, Http, Mode, Number, Origin, RunStep, Text};
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
    /// Removes files.
    Remove(RemoveStep),
    /// Makes a symbolic link.
    Symlink(SymlinkStep),
    /// Tells a tool which platform to compile for.
    Cross(CrossStep),
    /// Makes a user.
    AddUser(AddUserStep),
}

/// When a step is done: if every arg has (one of) the values given for it. Without it, always.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct When(pub(crate) Map<List<At<Text>>>);

/// Copies files: of a directory, what is in it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct CopyStep {
    /// The files and directories, from the origin's root; `*`, `?` and `[…]` match names. Or one file of a web server:
    /// `{ http: https://…, checksum: sha256:… }`.
    pub(crate) copy: Copied,
    /// Where they go, relative to the working directory; with a slash at its end, into that directory.
    pub(crate) to: Text,
    /// What they are taken from: a stage, an image, `{ context: name }`, `{ git: https://… }`. Without it, the context.
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
    /// Whether paths that are not there are passed over.
    #[serde(default)]
    pub(crate) optional: Flag,
    /// Whether the directories above each path are kept; of `a/./b/c` those after the dot.
    #[serde(default)]
    pub(crate) parents: Flag,
    /// Whether the copy is a layer of its own, which stays when what is below it changes.
    #[serde(default)]
    pub(crate) link: Flag,
    /// Whether archives are unpacked: tar, also compressed.
    #[serde(default)]
    pub(crate) unpack: Flag,
    /// When the step is done.
    #[serde(default)]
    pub(crate) when: When,
}

/// What is copied.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$copied", rename_all = "kebab-case")]
#[schemars(rename = "Copied", untagged)]
pub(crate) enum Copied {
    /// A file or directory.
    #[serde(rename = "$text")]
    Path(Text),
    /// Several files and directories.
    #[serde(rename = "$list")]
    Paths(Vec<Text>),
    /// A file of a web server.
    Http(Http),
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

/// Removes a file, or a directory with what is in it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RemoveStep {
    /// What is removed, relative to the working directory; `*`, `?` and `[…]` match names.
    pub(crate) remove: Text,
    /// Whether it need not be there.
    #[serde(default)]
    pub(crate) optional: Flag,
    /// When the step is done.
    #[serde(default)]
    pub(crate) when: When,
}

/// Makes a symbolic link in a directory that is there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct SymlinkStep {
    /// The link, relative to the working directory.
    pub(crate) symlink: Text,
    /// What the link says.
    pub(crate) target: Text,
    /// When the step is done.
    #[serde(default)]
    pub(crate) when: When,
}

/// Makes a user who does not log in, and a group of the same name and id.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct AddUserStep {
    /// The name of both.
    pub(crate) add_user: Text,
    /// The id of both: from 1 to 65534.
    pub(crate) id: Number,
    /// The home directory, which is made; without it there is none.
    #[serde(default)]
    pub(crate) home: Option<Text>,
    /// When the step is done.
    #[serde(default)]
    pub(crate) when: When,
}

/// Sets the environment by which a tool compiles for the platform that is built for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct CrossStep {
    /// The tool.
    pub(crate) cross: CrossTool,
    /// When the step is done.
    #[serde(default)]
    pub(crate) when: When,
}

/// What compiles for another platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CrossTool {
    /// `GOOS`, `GOARCH`, and `GOARM` or `GOAMD64` where the variant says so.
    Go,
    /// `npm_config_os` and `npm_config_cpu`: for packages with programs of one platform.
    Npm,
}
