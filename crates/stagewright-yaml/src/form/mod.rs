//! The form of the file, as types: what is read, and what the JSON schema says.
//!
//! The documentation of these types is what an editor shows.

mod image;
mod origin;
mod run;
mod stage;
mod step;
mod target;
mod value;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use image::{Healthcheck, HttpTest, HttpTool, Provenance, Test, TestCommand};
pub(crate) use origin::{Http, Image, OnPlatform, Origin, PlatformRole, Start};
pub(crate) use run::{Bound, Cache, CachePreset, Command, Every, Network, RunStep, SecretUse, Sharing};
pub(crate) use stage::{Role, Stage};
pub(crate) use step::{Copied, CopyStep, CrossTool, Step, When};
pub(crate) use target::{Checks, Files};
pub(crate) use value::{Finding, Flag, Ids, Mode, Number, Path, Port, Sbom, Text, Time};

use crate::read::{At, List, Map};

/// A multi-stage container build.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$file", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "stages.yaml", extend("patternProperties" = { "^x-": true }))]
pub(crate) struct File {
    /// What the person who builds may set, by name. `${name}` stands for it in every value.
    #[serde(default)]
    #[expect(dead_code, reason = "args are read before anything is filled in")]
    pub(crate) args: Map<Arg>,
    /// The secrets that steps may use, by id.
    #[serde(default)]
    pub(crate) secrets: Map<Secret>,
    /// The stages, by name.
    pub(crate) stages: Map<At<Stage>>,
    /// The images that are built when no target is named. Without it: every runtime image that no other image
    /// starts from.
    #[serde(default)]
    pub(crate) products: Option<List<At<String>>>,
    /// The images and testers that can be built by name, beside the products. Without it: all of them.
    #[serde(default)]
    pub(crate) targets: Option<List<At<String>>>,
    /// Several testers under one name, side by side: that target succeeds when all of them do.
    #[serde(default)]
    pub(crate) checks: Map<Checks>,
    /// Targets that are files and no images, by name.
    #[serde(default)]
    pub(crate) files: Map<Files>,
    /// The testers that must have passed before any product may be built.
    #[serde(default)]
    pub(crate) gates: List<At<String>>,
    /// The findings that nothing is said of in the whole file, by their codes: `latest-image`.
    #[serde(default)]
    pub(crate) allow: List<At<Finding>>,
}

/// What the person who builds may set: its default, or a map that says more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$arg")]
#[schemars(rename = "Arg", untagged)]
pub(crate) enum Arg {
    /// A text, and its default.
    #[serde(rename = "$text")]
    Default(Text),
    /// With type, values and description.
    #[serde(rename = "$map")]
    Spec(ArgSpec),
}

/// What the person who builds may set.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ArgSpec {
    /// What it means, in a few words.
    #[serde(default)]
    pub(crate) description: Option<Text>,
    /// What it is; `string` without it.
    #[serde(default, rename = "type")]
    pub(crate) kind: ArgType,
    /// Its value when none is given. Without one, it must be given.
    #[serde(default)]
    pub(crate) default: Option<At<Text>>,
    /// The values that it may have.
    #[serde(default)]
    pub(crate) values: List<At<Text>>,
}

/// What a value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ArgType {
    /// Any text.
    #[default]
    String,
    /// `true` or `false`; `yes`, `no`, `on`, `off`, `1` and `0` are understood.
    Bool,
    /// A whole number.
    Int,
}

/// A secret that the person who builds gives, by `--secret`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(extend("type" = ["object", "null"]))]
pub(crate) struct Secret {
    /// Whether the build goes on without it.
    #[serde(default)]
    pub(crate) optional: Flag,
}
