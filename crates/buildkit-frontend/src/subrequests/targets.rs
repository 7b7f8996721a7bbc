//! The targets that can be named.

use buildkit_gateway::GatewayResult;
use buildkit_gateway::errdefs::SourceInfo;
use serde::Serialize;

use super::outline::texts;
use super::table::table;
use super::{Location, answer, is_false};

/// The targets that can be named.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TargetList {
    /// The targets.
    pub targets: Vec<Target>,
    /// The sources that locations refer to.
    #[serde(serialize_with = "texts")]
    pub sources: Vec<SourceInfo>,
}

/// A target.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Target {
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Whether it is built when none is named.
    #[serde(skip_serializing_if = "is_false")]
    pub default: bool,
    /// What it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The image or stage it begins with.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub base: String,
    /// The platform, if it has one of its own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub platform: String,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl TargetList {
    /// The answer to [`Request::Targets`](super::Request::Targets).
    #[must_use]
    pub fn to_result(&self) -> GatewayResult {
        let mut rows = vec![["TARGET", "DESCRIPTION"].map(str::to_owned)];
        rows.extend(self.targets.iter().map(|target| {
            let name = match (target.name.as_str(), target.default) {
                ("", true) => "(default)".to_owned(),
                (name, true) => format!("{name} (default)"),
                (name, false) => name.to_owned(),
            };
            [name, target.description.clone()]
        }));
        answer(self, table(&rows, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_marked() {
        let list = TargetList {
            targets: vec![
                Target { name: "test".into(), description: "Tests.".into(), ..Target::default() },
                Target { name: "app".into(), default: true, ..Target::default() },
            ],
            sources: Vec::new(),
        };
        let result = list.to_result();
        assert_eq!(
            result.metadata["result.txt"],
            "TARGET        DESCRIPTION\ntest          Tests.\napp (default) \n"
        );
        let json: serde_json::Value = serde_json::from_slice(&result.metadata["result.json"]).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "targets": [{"name": "test", "description": "Tests."}, {"name": "app", "default": true}],
                "sources": [],
            })
        );
    }
}
