//! What rustc says about a program, read from its JSON diagnostics.
//!
//! One JSON object a line, as `rustc --error-format=json` writes them (the rustc book, "JSON output"); lines of other
//! forms come from the compiler's own failures and are kept as text.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// All that rustc said.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Diagnostics {
    /// What is wrong, in rustc's order.
    pub(super) errors: Vec<Diagnostic>,
    /// What may be wrong.
    pub(super) warnings: Vec<Diagnostic>,
    /// What is no diagnostic: the words of a compiler that broke.
    pub(super) other: String,
}

/// One diagnostic that is shown.
#[derive(Debug, PartialEq)]
pub(super) struct Diagnostic {
    /// It in a line.
    pub(super) message: String,
    /// It as rustc prints it, with its source lines.
    pub(super) rendered: String,
    /// Where it is, if it is somewhere: in the file that a macro was used in rather than where it was defined.
    pub(super) spans: Vec<Span>,
}

/// A place in a file, lines and columns from one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Span {
    #[serde(rename = "file_name")]
    pub(super) file: String,
    #[serde(rename = "line_start")]
    pub(super) first_line: u32,
    #[serde(rename = "line_end")]
    pub(super) last_line: u32,
    #[serde(rename = "column_start")]
    pub(super) first_column: u32,
    #[serde(rename = "column_end")]
    pub(super) last_column: u32,
}

#[derive(Deserialize)]
struct Line {
    message: String,
    level: String,
    spans: Vec<RawSpan>,
    #[serde(default)]
    rendered: Option<String>,
    /// Every diagnostic has them; artifacts and other lines do not.
    #[serde(rename = "children")]
    _children: IgnoredAny,
}

#[derive(Deserialize)]
struct RawSpan {
    #[serde(flatten)]
    span: Span,
    is_primary: bool,
    expansion: Option<Box<Expansion>>,
}

#[derive(Deserialize)]
struct Expansion {
    span: RawSpan,
}

impl Diagnostics {
    /// Reads them; `is_own` says which files are the program's.
    pub(super) fn read(text: &str, is_own: impl Fn(&str) -> bool) -> Self {
        let mut all = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let Ok(read) = serde_json::from_str::<Line>(line) else {
                all.other.push_str(line);
                all.other.push('\n');
                continue;
            };
            let list = match read.level.as_str() {
                // Those without places count the others, or say where to read more.
                "failure-note" => continue,
                "warning" if read.spans.is_empty() => continue,
                "error" if read.message.starts_with("aborting due to") => continue,
                "warning" => &mut all.warnings,
                level if level.starts_with("error") => &mut all.errors,
                _ => continue,
            };
            let primary = read.spans.into_iter().filter(|span| span.is_primary);
            let spans = primary.filter_map(|span| written(span, &is_own)).collect();
            let rendered = read.rendered.unwrap_or_else(|| read.message.clone());
            list.push(Diagnostic { message: read.message, rendered: rendered.trim_end().to_owned(), spans });
        }
        all
    }
}

/// The place of a span in the program's own files: of what a macro made, where the macro is used.
fn written(mut span: RawSpan, is_own: &impl Fn(&str) -> bool) -> Option<Span> {
    while !is_own(&span.span.file) {
        span = span.expansion?.span;
    }
    Some(span.span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(level: &str, message: &str, spans: &str) -> String {
        format!(
            r#"{{"$message_type":"diagnostic","message":"{message}","code":null,"level":"{level}","spans":[{spans}],"children":[],"rendered":"{level}: {message}\n\n"}}"#
        )
    }

    fn span(file: &str, line: u32, primary: bool, expansion: &str) -> String {
        format!(
            r#"{{"file_name":"{file}","byte_start":1,"byte_end":2,"line_start":{line},"line_end":{line},"column_start":5,"column_end":9,"is_primary":{primary},"text":[],"label":null,"suggested_replacement":null,"suggestion_applicability":null,"expansion":{expansion}}}"#
        )
    }

    fn read(lines: &[String]) -> Diagnostics {
        Diagnostics::read(&lines.join("\n"), |file| file == "stages.rs")
    }

    #[test]
    fn errors_and_warnings_are_told_apart_and_what_counts_them_is_left_out() {
        let here = span("stages.rs", 7, true, "null");
        let all = read(&[
            line("warning", "unused variable", &here),
            line("error", "mismatched types", &[here.clone(), span("stages.rs", 3, false, "null")].join(",")),
            line("warning", "1 warning emitted", ""),
            line("error", "aborting due to 1 previous error", ""),
            line("failure-note", "For more information about this error", ""),
        ]);
        assert_eq!((all.warnings.len(), all.errors.len(), all.other.as_str()), (1, 1, ""));
        assert_eq!(all.warnings[0].message, "unused variable");
        assert_eq!(all.errors[0].rendered, "error: mismatched types");
        let expected = Span {
            file: "stages.rs".to_owned(),
            first_line: 7,
            last_line: 7,
            first_column: 5,
            last_column: 9,
        };
        assert_eq!(all.errors[0].spans, [expected], "the primary one");
    }

    #[test]
    fn a_span_in_a_macro_is_where_the_macro_is_used() {
        let used = span("stages.rs", 4, false, "null");
        let expansion = format!(r#"{{"span":{used},"macro_decl_name":"x!","def_site_span":null}}"#);
        let inner = span("/rustc/abc/library/core/src/macros.rs", 90, true, &expansion);
        let all =
            read(&[line("error", "no", &inner), line("error", "far", &span("/else.rs", 1, true, "null"))]);
        assert_eq!(all.errors[0].spans[0].first_line, 4);
        assert_eq!(all.errors[1].spans, []);
    }

    #[test]
    fn what_is_no_diagnostic_is_kept_as_text() {
        let all = read(&[
            "thread 'rustc' panicked".to_owned(),
            line("error: internal compiler error", "unexpected", ""),
            r#"{"$message_type":"artifact","artifact":"program","emit":"link"}"#.to_owned(),
        ]);
        assert!(all.other.starts_with("thread 'rustc' panicked\n"), "{}", all.other);
        assert_eq!(all.errors[0].message, "unexpected");
    }
}
