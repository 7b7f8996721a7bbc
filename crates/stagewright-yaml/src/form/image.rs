//! How it is told whether a container is healthy, and how an image was built.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Number, Text, Time};

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
    /// A request of a server in the container.
    Http(HttpTest),
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
    pub(crate) test: TestCommand,
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

/// How a command of a check is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$test")]
#[schemars(rename = "TestCommand", untagged)]
pub(crate) enum TestCommand {
    /// A line for the image's shell.
    #[serde(rename = "$text")]
    Shell(Text),
    /// The program and its arguments, without a shell.
    #[serde(rename = "$list")]
    Argv(Vec<Text>),
}

/// A request of a server in the container: well is what it answers with 2xx.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct HttpTest {
    /// What is asked for: `http://localhost:3000/health`.
    pub(crate) http: Text,
    /// What asks, of what the image has.
    pub(crate) tool: HttpTool,
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

/// What asks a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HttpTool {
    /// curl.
    Curl,
    /// wget, also busybox's.
    Wget,
    /// node, of version 18 or later.
    Node,
    /// python3.
    Python,
    /// bash, which needs no other program, but knows no https and follows no redirection.
    Bash,
}

/// How much an image tells of how it was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provenance {
    /// What it was built from, and when.
    Min,
    /// Also every step, and the values of args.
    Max,
}
