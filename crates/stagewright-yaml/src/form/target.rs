//! Targets that are more, or less, than a stage.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Flag, Mode, Text};
use crate::read::{At, List};

/// Several testers under one name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$checks", rename_all = "kebab-case")]
#[schemars(rename = "Checks", untagged)]
pub(crate) enum Checks {
    /// One tester.
    #[serde(rename = "$text")]
    One(#[schemars(with = "Text")] At<String>),
    /// Several testers.
    #[serde(rename = "$list")]
    All(#[schemars(with = "Vec<Text>")] Vec<At<String>>),
    /// With a description.
    Testers(ChecksSpec),
}

/// Several testers under one name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ChecksSpec {
    /// The testers.
    pub(crate) testers: List<At<String>>,
    /// What they judge, in a few words, for people who choose a target.
    #[serde(default)]
    pub(crate) description: Option<Text>,
}

/// What a stage made, as files and not as an image.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Files {
    /// The files and directories, from the stage's root: of a directory, what is in it.
    pub(crate) copy: List<Text>,
    /// The deps or builder stage that made them.
    pub(crate) from: At<String>,
    /// What they are, in a few words, for people who choose a target.
    #[serde(default)]
    pub(crate) description: Option<Text>,
    /// Only what matches one of these patterns, below each path.
    #[serde(default)]
    pub(crate) include: List<Text>,
    /// Nothing that matches one of these patterns, below each path.
    #[serde(default)]
    pub(crate) exclude: List<Text>,
    /// User (name or id), with `:group` if wanted; without it, root.
    #[serde(default)]
    pub(crate) owner: Option<Text>,
    /// Permission bits, as in `0755`; without them, as the stage made them.
    #[serde(default)]
    pub(crate) mode: Option<Mode>,
    /// Whether paths that are not there are passed over.
    #[serde(default)]
    pub(crate) optional: Flag,
    /// Whether the directories above each path are kept; of `a/./b/c` those after the dot.
    #[serde(default)]
    pub(crate) parents: Flag,
    /// Whether archives are unpacked: tar, also compressed.
    #[serde(default)]
    pub(crate) unpack: Flag,
}
