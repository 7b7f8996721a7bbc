//! Requests other than to build: what clients ask by `--call` and `--check`.
//!
//! An answer is a result without files. Clients print its JSON themselves, or, if they do not know its version,
//! its text. Source: BuildKit v0.34 `frontend/subrequests`.

mod lint;
mod outline;
mod table;
mod targets;

use buildkit_gateway::errdefs::Range;
use buildkit_gateway::{GatewayError, GatewayResult, Ref};
use serde::Serialize;

pub use lint::{Lint, LintError, LintWarning};
pub use outline::{Outline, OutlineArg, OutlineCache, OutlineNeed};
pub use targets::{Target, TargetList};

/// The version of all answers.
const VERSION: &str = "1.0.0";

/// What is asked for in place of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// What can be asked for.
    Describe,
    /// The parameters of a target.
    Outline,
    /// The targets.
    Targets,
    /// What is wrong, without building.
    Lint,
}

/// A place in one of the sources that come with an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The source, by its position.
    #[serde(rename = "sourceIndex", skip_serializing_if = "is_zero")]
    pub source: i32,
    /// The ranges in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Range>,
}

impl Request {
    /// Reads the option `requestid`.
    ///
    /// # Errors
    /// It is a request that is not answered here, as clients expect to be told of it.
    pub fn parse(id: &str) -> Result<Self, GatewayError> {
        match id {
            "frontend.subrequests.describe" => Ok(Self::Describe),
            "frontend.outline" => Ok(Self::Outline),
            "frontend.targets" => Ok(Self::Targets),
            "frontend.lint" => Ok(Self::Lint),
            _ => Err(GatewayError::unsupported_subrequest(id)),
        }
    }
}

/// The answer to [`Request::Describe`].
#[must_use]
pub fn describe() -> GatewayResult {
    let target = [Named { name: "target", description: "What is built" }];
    let all = [
        Described::new("frontend.outline", "List all parameters current build target supports", &target),
        Described::new("frontend.targets", "List all targets current build supports", &[]),
        Described::new("frontend.lint", "Check the build without building", &[]),
        Described::new("frontend.subrequests.describe", "List available subrequest types", &[]),
    ];
    let mut rows = vec![["NAME", "VERSION", "DESCRIPTION"].map(str::to_owned)];
    rows.extend(
        all.iter().map(|it| {
            [it.name.trim_start_matches("frontend."), it.version, it.description].map(str::to_owned)
        }),
    );
    answer(&all, table::table(&rows, 1))
}

/// A result without files: JSON for clients, text for people.
fn answer(json: &impl Serialize, text: String) -> GatewayResult {
    // What is written here has texts for keys, and nothing that could fail.
    let json = serde_json::to_vec_pretty(json).unwrap_or_default();
    GatewayResult::single(Ref::scratch())
        .with_metadata("result.json", json)
        .with_metadata("result.txt", text)
        .with_metadata("version", VERSION)
}

/// A request as it is described.
#[derive(Serialize)]
struct Described<'a> {
    name: &'a str,
    version: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    description: &'a str,
    opts: &'a [Named<'a>],
    inputs: [Named<'a>; 0],
    metadata: [Named<'a>; 2],
    refs: [Named<'a>; 0],
}

/// A part of a request.
#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    description: &'a str,
}

impl<'a> Described<'a> {
    fn new(name: &'a str, description: &'a str, opts: &'a [Named<'a>]) -> Self {
        let metadata = ["result.json", "result.txt"].map(|name| Named { name, description: "" });
        Self { name, version: VERSION, kind: "rpc", description, opts, inputs: [], metadata, refs: [] }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(value: &i32) -> bool {
    *value == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use buildkit_gateway::errdefs::Detail;

    use super::*;

    #[test]
    fn what_is_described_can_be_asked_for() {
        let json: serde_json::Value = serde_json::from_slice(&describe().metadata["result.json"]).unwrap();
        for request in json.as_array().unwrap() {
            Request::parse(request["name"].as_str().unwrap()).unwrap();
            assert_eq!((&request["type"], &request["version"]), (&"rpc".into(), &"1.0.0".into()));
        }
        let text = String::from_utf8(describe().metadata["result.txt"].to_vec()).unwrap();
        assert!(
            text.starts_with("NAME                 VERSION DESCRIPTION\noutline              1.0.0   List")
        );
    }

    #[test]
    fn another_request_is_refused_by_its_name() {
        let error = Request::parse("frontend.convertllb").unwrap_err();
        assert_eq!(error.details().collect::<Vec<_>>(), [Detail::Subrequest("frontend.convertllb".into())]);
    }
}
