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
    Ok(without_controls(serde_json::to_string(update)?) + "\n")
}

/// The same JSON with every control character escaped.
///
/// JSON asks for that below U+0020 alone, but to a terminal U+009B begins a control sequence. They stand in texts only.
fn without_controls(json: String) -> String {
    if !json.contains(char::is_control) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if c.is_control() {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::told::{update, vertex, waiting};
    use super::*;

    #[test]
    fn controls_are_escaped() {
        let told = update(&[vertex("aa", "a\x1b[2J\u{9b}2J\x7f", waiting())], &[]);
        let line = line(&told).unwrap();
        assert_eq!(line, "{\"vertexes\":[{\"digest\":\"aa\",\"name\":\"a\\u001b[2J\\u009b2J\\u007f\"}]}\n");
    }
}
