//! Details of an error: the step that failed, its exit code, what a frontend lacks.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost_types::Any;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Source, URL_PREFIX};

/// One detail of an error, read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Detail {
    /// The step that failed, with ids to debug it.
    Solve(Solve),
    /// Where the failing step was written.
    Source(Source),
    /// The digest of the failing vertex.
    Vertex(String),
    /// The exit code of the failing process.
    Exit(u32),
    /// A capability that the frontend does not have.
    FrontendCap(String),
    /// A request that the frontend does not answer.
    Subrequest(String),
    /// A stack trace of the daemon, as it came.
    Stack(Bytes),
    /// A detail that is not known here, or one that did not read.
    Unknown {
        /// Its type url.
        type_url: String,
        /// Its value, as it came.
        value: Bytes,
    },
}

/// The detail `errdefs.Solve`: the inputs and mounts of the op that failed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Solve {
    /// Ids of the op's inputs, to be mounted into a container for debugging.
    #[serde(rename = "inputIDs", deserialize_with = "or_default")]
    pub input_ids: Vec<String>,
    /// Ids of the op's mounts as the failing process left them.
    #[serde(rename = "mountIDs", deserialize_with = "or_default")]
    pub mount_ids: Vec<String>,
    /// The op, as the JSON that the daemon wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<serde_json::Value>,
    /// The op's description, with its name under `llb.customname`.
    #[serde(deserialize_with = "or_default")]
    pub description: BTreeMap<String, String>,
}

impl Detail {
    /// Reads one detail. What does not read is given as unknown.
    #[must_use]
    pub fn read(any: &Any) -> Self {
        let name = any.type_url.strip_prefix(URL_PREFIX).unwrap_or(&any.type_url);
        let read = match name {
            "errdefs.Solve+json" => from_json(any).map(Self::Solve),
            "errdefs.Source+json" => from_json(any).map(Self::Source),
            "errdefs.Vertex+json" => from_json(any).map(|vertex: Vertex| Self::Vertex(vertex.digest)),
            "gatewayapi.ExitMessage+json" => from_json(any).map(|exit: Exit| Self::Exit(exit.code)),
            "errdefs.FrontendCap+json" => from_json(any).map(|cap: Named| Self::FrontendCap(cap.name)),
            "errdefs.Subrequest+json" => from_json(any).map(|request: Named| Self::Subrequest(request.name)),
            "stack.Stack+json" => Some(Self::Stack(Bytes::copy_from_slice(&any.value))),
            _ => None,
        };
        read.unwrap_or_else(|| Self::Unknown {
            type_url: any.type_url.clone(),
            value: Bytes::copy_from_slice(&any.value),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Vertex {
    digest: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Exit {
    #[serde(rename = "Code")]
    code: u32,
}

fn from_json<'a, T: Deserialize<'a>>(any: &'a Any) -> Option<T> {
    serde_json::from_slice(&any.value).ok()
}

/// Go writes an absent message, list or map as null.
pub(super) fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A detail as it comes.
    pub(in crate::errdefs) fn any(name: &str, json: &str) -> Any {
        Any { type_url: format!("{URL_PREFIX}{name}"), value: json.as_bytes().to_vec() }
    }

    #[test]
    fn nonsense_is_kept_as_unknown() {
        for json in ["", "{", r#"{"info":{"data":"%%"}}"#] {
            let detail = Detail::read(&any("errdefs.Source+json", json));
            assert!(matches!(detail, Detail::Unknown { value, .. } if value == json.as_bytes()));
        }
    }
}
