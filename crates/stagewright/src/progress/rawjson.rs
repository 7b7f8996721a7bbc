//! Progress for programs: every update as it came, one JSON object a line.
//!
//! The shape is that of BuildKit's `--progress=rawjson` (BuildKit v0.34 `client/graph.go`); what comes from which
//! product's stream is not told.

use buildkit_client::StatusUpdate;

/// The line of an update. An update that says nothing has none.
pub(super) fn line(update: &StatusUpdate) -> serde_json::Result<String> {
    if *update == StatusUpdate::default() {
        return Ok(String::new());
    }
    serde_json::to_string(update).map(|json| json + "\n")
}
