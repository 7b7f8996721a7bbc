//! Warnings, and what is said of them at the end of a build.

use buildkit_client::status::VertexWarning;

use super::sanitize;

/// The longest text of a warning, in bytes, and the most paragraphs of its detail.
const LONGEST: usize = 4 * 1024;
const MOST_PARAGRAPHS: usize = 16;

/// A warning of a build.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Warning {
    /// The warning in a line.
    pub(crate) short: String,
    /// More, in paragraphs.
    pub(crate) detail: Vec<String>,
    /// Where to read about it; may be empty.
    pub(crate) url: String,
    /// The file and the line at fault, such as `stages.rs:12`.
    pub(crate) place: Option<String>,
}

impl Warning {
    /// Reads what a stream says.
    pub(super) fn read(warning: &VertexWarning) -> Self {
        let place = warning.source_info.as_ref().map(|info| {
            let file = name(&info.filename);
            match warning.range.first() {
                Some(range) => format!("{file}:{}", range.start.line),
                None => file,
            }
        });
        let text = |bytes: &[u8]| sanitize::cut(sanitize::text(&String::from_utf8_lossy(bytes)), LONGEST);
        let detail = warning.detail.iter().take(MOST_PARAGRAPHS);
        Self {
            short: name(&String::from_utf8_lossy(&warning.short)),
            detail: detail.map(|paragraph| text(paragraph)).collect(),
            url: name(&warning.url),
            place,
        }
    }
}

fn name(text: &str) -> String {
    sanitize::cut(sanitize::name(text), LONGEST)
}

/// The lines about warnings; none if there are none.
pub(super) fn lines(warnings: &[Warning]) -> Vec<String> {
    let mut lines = Vec::new();
    match warnings.len() {
        0 => {}
        1 => lines.push("1 warning:".to_owned()),
        count => lines.push(format!("{count} warnings:")),
    }
    for warning in warnings {
        let place = warning.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        lines.push(format!(" - {}{place}", warning.short));
        let detail = warning.detail.iter().flat_map(|paragraph| paragraph.lines());
        lines.extend(detail.map(|line| format!("   {line}")));
        if !warning.url.is_empty() {
            lines.push(format!("   {}", warning.url));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn warnings_with_all_that_is_known() {
        let warning = |short: &str| Warning {
            short: short.to_owned(),
            detail: Vec::new(),
            url: String::new(),
            place: None,
        };
        let whole = Warning {
            detail: vec!["A secret in the\nenvironment.".to_owned(), "It stays.".to_owned()],
            url: "https://docs.example/secrets".to_owned(),
            place: Some("stages.rs:12".to_owned()),
            ..warning("secret in an argument")
        };
        expect![[r#"
            2 warnings:
             - secret in an argument (stages.rs:12)
               A secret in the
               environment.
               It stays.
               https://docs.example/secrets
             - slow disk"#]]
        .assert_eq(&lines(&[whole, warning("slow disk")]).join("\n"));
        assert_eq!(lines(&[]), [""; 0]);
    }
}
