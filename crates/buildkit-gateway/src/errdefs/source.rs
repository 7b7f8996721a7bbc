//! Places in source files: where the fault lies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buildkit_proto::pb;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::detail::or_default;

/// The detail `errdefs.Source`: a file and the ranges in it that are at fault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// The file.
    #[serde(deserialize_with = "or_default")]
    pub info: SourceInfo,
    /// The ranges; there may be several.
    #[serde(deserialize_with = "or_default")]
    pub ranges: Vec<Range>,
}

/// A source file as it was at the time of the build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceInfo {
    /// Its name, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filename: String,
    /// Its text.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "to_base64",
        deserialize_with = "from_base64"
    )]
    pub data: Vec<u8>,
    /// Its language, such as `Rust` or `Dockerfile`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
}

/// A range of a source file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Range {
    /// Where it starts.
    #[serde(deserialize_with = "or_default")]
    pub start: Position,
    /// Where it ends; a line of 0 stands for the line of the start.
    #[serde(deserialize_with = "or_default")]
    pub end: Position,
}

/// A place in a source file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Position {
    /// The line, counted from 1.
    #[serde(skip_serializing_if = "is_zero")]
    pub line: i32,
    /// The character in the line, counted from 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub character: i32,
}

impl SourceInfo {
    pub(crate) fn to_pb(&self) -> pb::SourceInfo {
        pb::SourceInfo {
            filename: self.filename.clone(),
            data: self.data.clone().into(),
            definition: None,
            language: self.language.clone(),
        }
    }
}

impl Range {
    pub(crate) fn to_pb(self) -> pb::Range {
        let place = |at: Position| pb::Position { line: at.line, character: at.character };
        pb::Range { start: Some(place(self.start)), end: Some(place(self.end)) }
    }
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text: String = or_default(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(value: &i32) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errdefs::GatewayError;

    #[test]
    fn an_own_source_reads_back() {
        let source = Source {
            info: SourceInfo {
                filename: "stages.rs".into(),
                data: b"fn main() {}".to_vec(),
                language: "Rust".into(),
            },
            ranges: vec![Range {
                start: Position { line: 1, character: 0 },
                end: Position { line: 1, character: 3 },
            }],
        };
        assert_eq!(GatewayError::new("no").with_source(&source).sources(), [source]);
    }
}
