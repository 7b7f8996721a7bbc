//! A stage.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Finding, Flag, Healthcheck, Port, Provenance, Sbom, Start, Step, Text};
use crate::read::{At, List, Map};

/// A named part of a build: where it starts, and the steps from there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Stage {
    /// What it is, in a few words, for people who choose a target.
    #[serde(default)]
    pub(crate) description: Option<Text>,
    /// What it is for; decides what may start from it and what it hands on.
    pub(crate) role: Role,
    /// Where it starts: another stage by its name, an image (`node:18-slim`), or `scratch`.
    pub(crate) from: At<Start>,
    /// What it does, in order.
    #[serde(default)]
    pub(crate) steps: List<At<Step>>,
    /// The testers that must have passed before this image, or this tester, may be built.
    #[serde(default)]
    pub(crate) gates: List<At<String>>,
    /// The files and directories that this tester leaves for people: what is exported when it is the target.
    #[serde(default)]
    pub(crate) reports: List<At<Text>>,
    /// The program that a container of this image runs, with first arguments.
    #[serde(default)]
    pub(crate) entrypoint: Option<Vec<Text>>,
    /// The arguments of the entrypoint; without one, the program.
    #[serde(default)]
    pub(crate) cmd: Option<Vec<Text>>,
    /// The ports that a container of this image serves: `3000`, `53/udp`.
    #[serde(default)]
    pub(crate) expose: List<Port>,
    /// How it is told whether a container of this image is healthy.
    #[serde(default)]
    pub(crate) healthcheck: Option<At<Healthcheck>>,
    /// Labels of this image.
    #[serde(default)]
    pub(crate) labels: Map<Text>,
    /// Annotations of this image: what a registry shows without pulling it.
    #[serde(default)]
    pub(crate) annotations: Map<Text>,
    /// A list of what is in this image, which it carries: `true` for the daemon's own scanner, or the image of another.
    #[serde(default)]
    pub(crate) sbom: Option<Sbom>,
    /// How much this image tells of how it was built.
    #[serde(default)]
    pub(crate) provenance: Option<Provenance>,
    /// Whether containers of this image run as the user and the group 65532, which own nothing.
    #[serde(default)]
    pub(crate) nonroot: Option<At<Flag>>,
    /// The findings that nothing is said of in this stage, by their codes: `root-user`.
    #[serde(default)]
    pub(crate) allow: List<At<Finding>>,
    /// Directories of data that outlive a container of this image.
    #[serde(default)]
    pub(crate) volumes: List<Text>,
    /// The signal that stops a container of this image: `SIGINT`.
    #[serde(default)]
    pub(crate) stop_signal: Option<Text>,
}

/// What a stage is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// What other stages have in common.
    Base,
    /// Dependencies, installed from their manifests.
    Deps,
    /// What makes artifacts.
    Builder,
    /// What judges: it succeeds or fails, and hands on nothing but that.
    Tester,
    /// An image that ships.
    Runtime,
    /// An image for development.
    Dev,
}
