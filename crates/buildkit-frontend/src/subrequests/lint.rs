//! What is wrong with a build, found without building.

use std::fmt::Write as _;

use buildkit_gateway::GatewayResult;
use buildkit_gateway::errdefs::SourceInfo;
use serde::Serialize;

use super::{Location, answer};

/// What is wrong with a build.
///
/// Clients look up every location in the sources, and crash where there is none: so each has one, and there is at
/// least one source where there is a location.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Lint {
    /// What could be better.
    pub warnings: Vec<LintWarning>,
    /// The sources that locations refer to.
    pub sources: Vec<SourceInfo>,
    /// What makes the build impossible.
    #[serde(rename = "buildError", skip_serializing_if = "Option::is_none")]
    pub error: Option<LintError>,
}

/// What could be better.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LintWarning {
    /// The rule's name, by which it can be skipped.
    #[serde(rename = "ruleName")]
    pub rule: String,
    /// The rule.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where to read about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// What is wrong here.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Where.
    pub location: Location,
}

/// What makes a build impossible.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LintError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub location: Location,
}

impl Lint {
    /// The answer to [`Request::Lint`](super::Request::Lint). It makes clients fail if anything is wrong.
    #[must_use]
    pub fn to_result(&self) -> GatewayResult {
        let fails = self.error.is_some() || !self.warnings.is_empty();
        let status = if fails { "1" } else { "0" };
        answer(self, self.text()).with_metadata("result.statuscode", status)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let sources: Vec<_> = self
            .sources
            .iter()
            .map(|source| String::from_utf8_lossy(&source.data))
            .collect();
        let lines: Vec<Vec<&str>> = sources.iter().map(|source| source.lines().collect()).collect();
        for warning in &self.warnings {
            let url = if warning.url.is_empty() { String::new() } else { format!(" - {}", warning.url) };
            let _ = writeln!(text, "\nWARNING: {}{url}\n{}", warning.rule, warning.detail);
            text += &self.excerpt(&warning.location, &lines);
        }
        if let Some(error) = &self.error {
            let _ = writeln!(text, "\nERROR: {}", error.message);
            text += &self.excerpt(&error.location, &lines);
        }
        text
    }

    /// The lines that are meant, each marked.
    fn excerpt(&self, location: &Location, lines: &[Vec<&str>]) -> String {
        let index = usize::try_from(location.source).unwrap_or(usize::MAX);
        let Some((source, lines)) = self.sources.get(index).zip(lines.get(index)) else {
            return String::new();
        };
        let mut excerpt = String::new();
        for range in &location.ranges {
            let last = range.end.line.max(range.start.line);
            for line in range.start.line.max(1)..=last {
                let index = usize::try_from(line - 1).unwrap_or_default();
                let Some(line_text) = lines.get(index) else { break };
                let _ = writeln!(excerpt, "{}:{line} | {line_text}", source.filename);
            }
        }
        excerpt
    }
}

#[cfg(test)]
mod tests {
    use buildkit_gateway::errdefs::{Position, Range};

    use super::*;

    #[test]
    fn what_is_wrong_fails_the_client() {
        assert_eq!(Lint::default().to_result().metadata["result.statuscode"], "0");
        let line = |line| Range { start: Position { line, character: 0 }, end: Position::default() };
        let lint = Lint {
            warnings: vec![LintWarning {
                rule: "IdleTester".into(),
                detail: "tester `unit` gates nothing".into(),
                location: Location { source: 0, ranges: vec![line(2)] },
                ..LintWarning::default()
            }],
            sources: vec![SourceInfo {
                filename: "stages.yaml".into(),
                data: b"a\nb\n".to_vec(),
                language: "YAML".into(),
            }],
            error: Some(LintError { message: "no".into(), location: Location::default() }),
        };
        let result = lint.to_result();
        assert_eq!(result.metadata["result.statuscode"], "1");
        assert_eq!(
            result.metadata["result.txt"],
            "\nWARNING: IdleTester\ntester `unit` gates nothing\nstages.yaml:2 | b\n\nERROR: no\n"
        );
        let json: serde_json::Value = serde_json::from_slice(&result.metadata["result.json"]).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "warnings": [{
                    "ruleName": "IdleTester",
                    "detail": "tester `unit` gates nothing",
                    "location": {"ranges": [{"start": {"line": 2}, "end": {}}]},
                }],
                "sources": [{"filename": "stages.yaml", "data": "YQpiCg==", "language": "YAML"}],
                "buildError": {"message": "no", "location": {}},
            })
        );
    }
}
