//! What `--progress rawjson` tells of a build: JSON lines of BuildKit's status, on stderr with what else is said there
//! (BuildKit v0.33 `client/graph.go`, `util/progress/progressui/display.go`).

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};

/// One line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    #[serde(default)]
    vertexes: Vec<RawVertex>,
    #[serde(default)]
    statuses: Vec<RawStatus>,
    #[serde(default)]
    logs: Vec<RawLog>,
    #[serde(default)]
    warnings: Vec<RawWarning>,
}

#[derive(Deserialize)]
struct RawVertex {
    digest: String,
    #[serde(default)]
    name: String,
    started: Option<String>,
    completed: Option<String>,
    #[serde(default)]
    cached: bool,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct RawStatus {
    vertex: String,
    id: String,
}

#[derive(Deserialize)]
struct RawLog {
    vertex: String,
    #[serde(deserialize_with = "bytes")]
    data: Vec<u8>,
}

#[derive(Deserialize)]
struct RawWarning {
    #[serde(deserialize_with = "bytes")]
    short: Vec<u8>,
    #[serde(default)]
    url: String,
    #[serde(default, rename = "sourceInfo")]
    source: Option<RawSource>,
    #[serde(default)]
    range: Vec<RawRange>,
}

#[derive(Deserialize)]
struct RawSource {
    #[serde(default)]
    filename: String,
}

#[derive(Deserialize)]
struct RawRange {
    start: RawPosition,
}

#[derive(Deserialize)]
struct RawPosition {
    #[serde(default)]
    line: u32,
}

/// A vertex, as it stood at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vertex {
    /// Its digest.
    pub digest: String,
    /// Its name: `[app 2/3] RUN npm ci`.
    pub name: String,
    /// Each start that was told of, as RFC 3339: one for each execution.
    pub starts: Vec<String>,
    /// When it completed last, as RFC 3339.
    pub ended: Option<String>,
    /// Whether it was cached.
    pub cached: bool,
    /// What went wrong.
    pub error: String,
    /// What it wrote.
    pub log: String,
    /// What it told of its parts: `transferring context:`, `pushing layers`.
    pub statuses: Vec<String>,
}

impl Vertex {
    /// Whether it was started and not cached.
    #[must_use]
    pub fn ran(&self) -> bool {
        !self.starts.is_empty() && !self.cached
    }

    /// Whether it is a command.
    #[must_use]
    pub fn is_run(&self) -> bool {
        self.name.contains("] RUN ")
    }
}

/// What a frontend warned of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warning {
    /// The text.
    pub short: String,
    /// Where more is said.
    pub url: String,
    /// The file that it is about.
    pub file: String,
    /// The lines that it is about.
    pub lines: Vec<u32>,
}

/// Everything that was told of a build. Shown with a line for each vertex, and what it wrote.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    vertices: Vec<Vertex>,
    index: BTreeMap<String, usize>,
    /// What was warned of.
    pub warnings: Vec<Warning>,
}

impl Progress {
    /// Splits what was written to stderr into progress and the lines that are none.
    #[must_use]
    pub fn split(stderr: &str) -> (Self, String) {
        let (mut progress, mut text) = (Self::default(), String::new());
        for line in stderr.lines() {
            if !progress.line(line) {
                text.push_str(line);
                text.push('\n');
            }
        }
        (progress, text)
    }

    /// Takes a line; says whether it was one of progress.
    pub fn line(&mut self, line: &str) -> bool {
        if !line.starts_with('{') {
            return false;
        }
        let Ok(update) = serde_json::from_str(line) else { return false };
        self.take(update);
        true
    }

    fn take(&mut self, update: Update) {
        for raw in update.vertexes {
            let vertex = self.vertex(&raw.digest);
            vertex.name = raw.name;
            vertex.starts.extend(raw.started.filter(|start| !vertex.starts.contains(start)));
            vertex.ended = raw.completed;
            vertex.cached = raw.cached;
            vertex.error = raw.error;
        }
        for raw in update.statuses {
            let statuses = &mut self.vertex(&raw.vertex).statuses;
            if !statuses.contains(&raw.id) {
                statuses.push(raw.id);
            }
        }
        for raw in update.logs {
            self.vertex(&raw.vertex).log.push_str(&String::from_utf8_lossy(&raw.data));
        }
        self.warnings.extend(update.warnings.into_iter().map(|raw| Warning {
            short: String::from_utf8_lossy(&raw.short).into_owned(),
            url: raw.url,
            file: raw.source.map(|source| source.filename).unwrap_or_default(),
            lines: raw.range.iter().map(|range| range.start.line).collect(),
        }));
    }

    fn vertex(&mut self, digest: &str) -> &mut Vertex {
        let index = *self.index.entry(digest.to_owned()).or_insert(self.vertices.len());
        if index == self.vertices.len() {
            self.vertices.push(Vertex { digest: digest.to_owned(), ..Vertex::default() });
        }
        &mut self.vertices[index]
    }

    /// All vertices, in the order in which they were first told of.
    pub fn vertices(&self) -> impl Iterator<Item = &Vertex> {
        self.vertices.iter()
    }

    /// The vertices with this text in their names.
    pub fn named(&self, text: &str) -> impl Iterator<Item = &Vertex> {
        self.vertices.iter().filter(move |vertex| vertex.name.contains(text))
    }

    /// What all steps wrote.
    #[must_use]
    pub fn log(&self) -> String {
        self.vertices.iter().map(|vertex| &*vertex.log).collect()
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for vertex in &self.vertices {
            let state = match vertex {
                Vertex { cached: true, .. } => "cached",
                Vertex { error, .. } if !error.is_empty() => "failed",
                Vertex { ended: Some(_), .. } => "ran",
                Vertex { starts, .. } if starts.is_empty() => "not run",
                _ => "not ended",
            };
            writeln!(f, "{state:9}  {}", vertex.name)?;
            for line in vertex.log.lines() {
                writeln!(f, "    {line}")?;
            }
            if !vertex.error.is_empty() {
                writeln!(f, "    {}", vertex.error)?;
            }
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {} ({} {:?})", warning.short, warning.file, warning.lines)?;
        }
        Ok(())
    }
}

/// Bytes as Go writes them to JSON.
fn bytes<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<u8>, D::Error> {
    let text = Option::<String>::deserialize(value)?.unwrap_or_default();
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STDERR: &str = r#"{"vertexes":[{"digest":"a","name":"[app 2/3] RUN true"},{"digest":"b","name":"context"}]}
{"vertexes":[{"digest":"a","name":"[app 2/3] RUN true","started":"1","completed":"1","cached":true}]}
{"vertexes":[{"digest":"b","name":"context","started":"2"}],"logs":[{"vertex":"b","stream":1,"data":"aGkK"}]}
{"statuses":[{"id":"sending","vertex":"b","name":"sending","current":1}]}
{"warnings":[{"vertex":"b","level":1,"short":"b2xk","sourceInfo":{"filename":"f"},"range":[{"start":{"line":3}}]}]}
{"vertexes":[{"digest":"b","name":"context","started":"2","completed":"4","error":"gone"}]}
ERROR: gone
{"some": "other JSON"}
"#;

    #[test]
    fn progress_is_told_from_text() {
        let (progress, text) = Progress::split(STDERR);
        assert_eq!(text, "ERROR: gone\n{\"some\": \"other JSON\"}\n");
        let [run, context] = &*progress.vertices else { panic!("{progress}") };
        assert!(run.cached && run.is_run() && !run.ran());
        assert!(context.ran() && context.ended.as_deref() == Some("4") && !context.is_run());
        assert_eq!((&*context.log, &*context.error), ("hi\n", "gone"));
        assert_eq!(
            (&context.starts, &context.statuses),
            (&vec!["2".to_owned()], &vec!["sending".to_owned()])
        );
        let warning = Warning { short: "old".into(), url: String::new(), file: "f".into(), lines: vec![3] };
        assert_eq!(progress.warnings, [warning]);
    }

    #[test]
    fn it_is_shown_with_a_line_for_each_vertex() {
        let (progress, _) = Progress::split(STDERR);
        let lines =
            "cached     [app 2/3] RUN true\nfailed     context\n    hi\n    gone\nwarning: old (f [3])\n";
        assert_eq!(progress.to_string(), lines);
    }
}
