//! What a build does, as the daemon tells it.
//!
//! The stream of a build is deltas: a vertex replaces what was said of its digest before, a status what was
//! said of its vertex and id, logs and warnings are added. As JSON an update is one line of `rawjson`
//! progress (BuildKit v0.34 `client/graph.go`).

use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buildkit_gateway::GatewayError;
use buildkit_gateway::errdefs::{Position, Range, SourceInfo};
use buildkit_proto::{control, pb};
use bytes::Bytes;
use futures_util::Stream;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// What has changed in a build.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StatusUpdate {
    /// Vertices, keyed by digest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vertexes: Vec<Vertex>,
    /// Progress within vertices, keyed by vertex and id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<VertexStatus>,
    /// Output of steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<VertexLog>,
    /// Warnings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<VertexWarning>,
}

/// One vertex.
///
/// It may start and complete several times. Its digest may be one of no definition of ours, and its times
/// are the daemon's clock: nothing says that they run forward.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Vertex {
    /// Its digest.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// The digests of its inputs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
    /// Its name, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// When it started; absent before that.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time")]
    pub started: Option<Timestamp>,
    /// When it ended; absent before that.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time")]
    pub completed: Option<Timestamp>,
    /// Whether it came from the cache.
    #[serde(skip_serializing_if = "is_false")]
    pub cached: bool,
    /// Why it failed; empty if it did not. After a restart an older error may still stand here.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// The group it is shown with.
    #[serde(rename = "progressGroup", skip_serializing_if = "Option::is_none")]
    pub progress_group: Option<ProgressGroup>,
}

/// Vertices that are shown as one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProgressGroup {
    /// Its id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Hidden until a member that is not weak starts.
    #[serde(skip_serializing_if = "is_false")]
    pub weak: bool,
}

/// Progress within a vertex, such as one layer's download.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct VertexStatus {
    /// Its id within the vertex.
    pub id: String,
    /// The vertex.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vertex: String,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// How much there is, often in bytes; 0 if unknown.
    #[serde(skip_serializing_if = "is_zero")]
    pub total: i64,
    /// How much is done.
    pub current: i64,
    /// When this was so.
    #[serde(serialize_with = "time_or_epoch")]
    pub timestamp: Option<Timestamp>,
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time")]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time")]
    pub completed: Option<Timestamp>,
}

/// A piece of a step's output; lines may be cut anywhere.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct VertexLog {
    /// The vertex.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vertex: String,
    /// 1 for stdout, 2 for stderr.
    #[serde(skip_serializing_if = "is_zero")]
    pub stream: i64,
    /// The output; need not be UTF-8, and may hold control sequences.
    #[serde(serialize_with = "base64")]
    pub data: Bytes,
    /// When it was written.
    #[serde(serialize_with = "time_or_epoch")]
    pub timestamp: Option<Timestamp>,
}

/// A warning.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct VertexWarning {
    /// The vertex.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vertex: String,
    /// How grave, from 1.
    #[serde(skip_serializing_if = "is_zero")]
    pub level: i64,
    /// The warning in a line.
    #[serde(skip_serializing_if = "Bytes::is_empty", serialize_with = "base64")]
    pub short: Bytes,
    /// More, in paragraphs.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "base64_list")]
    pub detail: Vec<Bytes>,
    /// Where to read about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The file at fault.
    #[serde(rename = "sourceInfo", skip_serializing_if = "Option::is_none")]
    pub source_info: Option<SourceInfo>,
    /// The ranges at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub range: Vec<Range>,
}

/// The updates of one build, until it ends.
///
/// It must be read to the end: a stream that is left unread stops every other call on its connection.
#[derive(Debug)]
pub struct StatusStream {
    messages: tonic::Streaming<control::StatusResponse>,
}

impl StatusStream {
    pub(crate) fn new(messages: tonic::Streaming<control::StatusResponse>) -> Self {
        Self { messages }
    }
}

impl Stream for StatusStream {
    type Item = Result<StatusUpdate, GatewayError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.messages)
            .poll_next(context)
            .map(|next| next.map(|message| message.map(StatusUpdate::from_pb).map_err(GatewayError::from)))
    }
}

impl StatusUpdate {
    /// Reads an update from the wire.
    #[must_use]
    pub fn from_pb(update: control::StatusResponse) -> Self {
        Self {
            vertexes: update.vertexes.into_iter().map(vertex).collect(),
            statuses: update.statuses.into_iter().map(status).collect(),
            logs: update.logs.into_iter().map(log).collect(),
            warnings: update.warnings.into_iter().map(warning).collect(),
        }
    }
}

fn vertex(value: control::Vertex) -> Vertex {
    Vertex {
        digest: value.digest,
        inputs: value.inputs,
        name: text(&value.name),
        started: instant(value.started),
        completed: instant(value.completed),
        cached: value.cached,
        error: text(&value.error),
        progress_group: value.progress_group.map(|group| ProgressGroup {
            id: group.id,
            name: group.name,
            weak: group.weak,
        }),
    }
}

fn status(value: control::VertexStatus) -> VertexStatus {
    VertexStatus {
        id: text(&value.id),
        vertex: value.vertex,
        name: text(&value.name),
        total: value.total,
        current: value.current,
        timestamp: instant(value.timestamp),
        started: instant(value.started),
        completed: instant(value.completed),
    }
}

fn log(value: control::VertexLog) -> VertexLog {
    VertexLog {
        vertex: value.vertex,
        stream: value.stream,
        data: value.msg,
        timestamp: instant(value.timestamp),
    }
}

fn warning(value: control::VertexWarning) -> VertexWarning {
    VertexWarning {
        vertex: value.vertex,
        level: value.level,
        short: value.short,
        detail: value.detail,
        url: value.url,
        source_info: value.info.map(|info| SourceInfo {
            filename: info.filename,
            data: info.data.to_vec(),
            language: info.language,
        }),
        range: value.ranges.into_iter().map(range).collect(),
    }
}

fn range(value: pb::Range) -> Range {
    let place = |at: Option<pb::Position>| {
        at.map_or_else(Position::default, |at| Position { line: at.line, character: at.character })
    };
    Range { start: place(value.start), end: place(value.end) }
}

/// Text as far as it is one: a name of a file may be in it, which need not be UTF-8.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A time that is out of range counts as absent.
fn instant(value: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    let value = value?;
    if !(0..1_000_000_000).contains(&value.nanos) {
        return None;
    }
    Timestamp::new(value.seconds, value.nanos).ok()
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

fn time<S: Serializer>(value: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

fn time_or_epoch<S: Serializer>(value: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&value.unwrap_or(Timestamp::UNIX_EPOCH))
}

fn base64<S: Serializer>(value: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(value))
}

fn base64_list<S: Serializer>(value: &[Bytes], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(value.iter().map(|bytes| STANDARD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use buildkit_proto::Message as _;

    use super::*;

    fn at(seconds: i64, nanos: i32) -> Option<prost_types::Timestamp> {
        Some(prost_types::Timestamp { seconds, nanos })
    }

    fn json(update: control::StatusResponse) -> String {
        serde_json::to_string(&StatusUpdate::from_pb(update)).unwrap()
    }

    #[test]
    fn a_line_of_rawjson() {
        let update = control::StatusResponse {
            vertexes: vec![control::Vertex {
                digest: "sha256:aa".into(),
                inputs: vec!["sha256:bb".into()],
                name: "[build 1/2] RUN".into(),
                cached: true,
                started: at(1_700_000_000, 120_000_000),
                completed: at(1_700_000_001, 0),
                error: Bytes::new(),
                progress_group: None,
            }],
            statuses: vec![control::VertexStatus {
                id: "transferring context:".into(),
                vertex: "sha256:aa".into(),
                timestamp: at(1_700_000_000, 1),
                ..Default::default()
            }],
            logs: vec![control::VertexLog {
                vertex: "sha256:aa".into(),
                timestamp: at(1_700_000_000, 0),
                stream: 1,
                msg: Bytes::from_static(b"\xff\x1b[2J\n"),
            }],
            warnings: vec![],
        };
        let expected = r#"{"vertexes":[{"digest":"sha256:aa","inputs":["sha256:bb"],"name":"[build 1/2] RUN","started":"2023-11-14T22:13:20.12Z","completed":"2023-11-14T22:13:21Z","cached":true}],"statuses":[{"id":"transferring context:","vertex":"sha256:aa","current":0,"timestamp":"2023-11-14T22:13:20.000000001Z"}],"logs":[{"vertex":"sha256:aa","stream":1,"data":"/xtbMkoK","timestamp":"2023-11-14T22:13:20Z"}]}"#;
        assert_eq!(json(update), expected);
    }

    #[test]
    fn a_warning_with_its_lines() {
        let place = |line| Some(pb::Position { line, character: 0 });
        let update = control::StatusResponse {
            warnings: vec![control::VertexWarning {
                vertex: "sha256:aa".into(),
                level: 1,
                short: Bytes::from_static(b"a"),
                detail: vec![Bytes::from_static(b"b")],
                info: Some(pb::SourceInfo { filename: "stages.rs".into(), ..Default::default() }),
                ranges: vec![pb::Range { start: place(3), end: None }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let expected = r#"{"warnings":[{"vertex":"sha256:aa","level":1,"short":"YQ==","detail":["Yg=="],"sourceInfo":{"filename":"stages.rs"},"range":[{"start":{"line":3},"end":{}}]}]}"#;
        assert_eq!(json(update), expected);
    }

    #[test]
    fn text_that_is_not_utf8_does_not_end_the_stream() {
        let foreign = || Bytes::from_static(b"lstat /\xff: no such file");
        let update = control::StatusResponse {
            vertexes: vec![control::Vertex { name: foreign(), error: foreign(), ..Default::default() }],
            statuses: vec![control::VertexStatus { id: foreign(), name: foreign(), ..Default::default() }],
            ..Default::default()
        };
        // As a daemon in Go sends it.
        let read = control::StatusResponse::decode(&update.encode_to_vec()[..]).unwrap();
        let update = StatusUpdate::from_pb(read);
        let text = "lstat /\u{fffd}: no such file";
        assert_eq!((&*update.vertexes[0].name, &*update.vertexes[0].error), (text, text));
        assert_eq!((&*update.statuses[0].id, &*update.statuses[0].name), (text, text));
    }

    #[test]
    fn times_out_of_range_are_absent() {
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (0, -1), (0, i32::MAX)] {
            assert_eq!(instant(at(seconds, nanos)), None);
        }
        let log = control::VertexLog { timestamp: at(i64::MAX, 0), ..Default::default() };
        let update = control::StatusResponse { logs: vec![log], ..Default::default() };
        assert_eq!(json(update), r#"{"logs":[{"data":"","timestamp":"1970-01-01T00:00:00Z"}]}"#);
    }
}
