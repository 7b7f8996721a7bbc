//! How it is told whether a container is healthy.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Command, Number, Time};

/// How it is told whether a container is healthy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$healthcheck", rename_all = "kebab-case")]
#[schemars(rename = "Healthcheck", untagged)]
pub(crate) enum Healthcheck {
    /// No check, not even the one of the base image.
    #[serde(rename = "$text")]
    Off(NoCheck),
    /// A command that exits with 0 when all is well.
    Test(Test),
}

/// No check.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NoCheck {
    /// No check, not even the one of the base image.
    None,
}

/// A command that exits with 0 when all is well.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Test {
    /// A list of the program and its arguments, or a line for the image's shell.
    pub(crate) test: Command,
    /// From one check to the next: `30s`.
    #[serde(default)]
    pub(crate) interval: Option<Time>,
    /// The limit of one check.
    #[serde(default)]
    pub(crate) timeout: Option<Time>,
    /// How long failures after the start do not count.
    #[serde(default)]
    pub(crate) start_period: Option<Time>,
    /// After how many failures in a row the container counts as unhealthy.
    #[serde(default)]
    pub(crate) retries: Option<Number>,
}
