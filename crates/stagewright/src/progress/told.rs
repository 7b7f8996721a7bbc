//! What a daemon says, for tests.

use buildkit_client::StatusUpdate;
use buildkit_client::status::{Vertex, VertexLog, VertexStatus};
use bytes::Bytes;
use jiff::Timestamp;

/// A second of the daemon's clock.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::new(second, 0).unwrap()
}

/// An update of vertices and output.
pub(crate) fn update(vertexes: &[Vertex], logs: &[VertexLog]) -> StatusUpdate {
    StatusUpdate { vertexes: vertexes.to_vec(), logs: logs.to_vec(), ..StatusUpdate::default() }
}

/// A vertex with its times, as [`running`] and the like give them.
pub(crate) fn vertex(digest: &str, name: &str, times: Vertex) -> Vertex {
    Vertex { digest: digest.to_owned(), name: name.to_owned(), ..times }
}

/// Announced.
pub(crate) fn waiting() -> Vertex {
    Vertex::default()
}

/// Running since a second.
pub(crate) fn running(start: i64) -> Vertex {
    Vertex { started: Some(at(start)), ..Vertex::default() }
}

/// Run from one second to another.
pub(crate) fn ended(start: i64, end: i64) -> Vertex {
    Vertex { completed: Some(at(end)), ..running(start) }
}

/// Failed after a second.
pub(crate) fn failed(start: i64, error: &str) -> Vertex {
    Vertex { error: error.to_owned(), ..ended(start, start + 1) }
}

/// Taken from the cache.
pub(crate) fn cached(start: i64) -> Vertex {
    Vertex { cached: true, ..ended(start, start) }
}

/// Output on stdout.
pub(crate) fn log(digest: &str, second: i64, data: &[u8]) -> VertexLog {
    VertexLog {
        vertex: digest.to_owned(),
        stream: 1,
        data: Bytes::copy_from_slice(data),
        timestamp: Some(at(second)),
    }
}

/// Progress of an item at a second since second 0.
pub(crate) fn item(digest: &str, id: &str, second: i64, current: i64, total: i64) -> VertexStatus {
    VertexStatus {
        id: id.to_owned(),
        vertex: digest.to_owned(),
        current,
        total,
        timestamp: Some(at(second)),
        started: Some(at(0)),
        completed: (current == total).then(|| at(second)),
        ..VertexStatus::default()
    }
}
