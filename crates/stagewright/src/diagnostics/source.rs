//! Lines of a source file, with marks in them.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Snippet};

use crate::progress::{safe_name, without_colours};

/// How many lines are shown around a marked one.
const CONTEXT: usize = 2;

/// The largest distance of two marked lines that are shown with all that stands between them.
const NEAR: usize = 12;

/// A mark in a file: where, and what it says. Lines and columns count from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) line: usize,
    pub(super) column: usize,
    /// The line and the column behind the end, if they are known.
    pub(super) end: Option<(usize, usize)>,
    pub(super) label: String,
}

/// The marked lines of a file and a few around them. The first mark is what it is about.
///
/// None if a marked line is not in the text: it is another version of the file then, and would mislead.
pub(super) fn excerpt(
    file: &str,
    text: &str,
    marks: &[Mark],
) -> Option<Snippet<'static, Annotation<'static>>> {
    let lines: Vec<String> = text.lines().map(safe_line).collect();
    let first = marks.iter().map(|mark| mark.line).min()?;
    let last = marks.iter().map(|mark| mark.end.map_or(mark.line, |(line, _)| line)).max()?;
    if first == 0 || last > lines.len() {
        return None;
    }
    // From here on lines count from zero.
    let top = (first - 1).saturating_sub(CONTEXT);
    let bottom = (last + CONTEXT).min(lines.len());
    let shown = &lines[top..bottom];
    let mut starts = vec![0];
    for line in shown {
        starts.push(starts[starts.len() - 1] + line.len() + 1);
    }
    let at = |line: usize, column: usize| {
        let text = &shown[line - 1 - top];
        starts[line - 1 - top] + byte_of(text, column)
    };
    let annotations = marks.iter().enumerate().map(|(index, mark)| {
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let start = at(mark.line, mark.column);
        let end = match mark.end.map(|(line, column)| at(line, column)) {
            Some(end) if end > start => end,
            _ => {
                let text = &shown[mark.line - 1 - top];
                let call = call_at(text, byte_of(text, mark.column));
                starts[mark.line - 1 - top] + call.end
            }
        };
        let label = Some(safe_name(&mark.label)).filter(|label| !label.is_empty());
        kind.span(start..end).label(label)
    });
    Some(
        Snippet::source(shown.join("\n"))
            .line_start(top + 1)
            .path(safe_name(file))
            .fold(last - first > NEAR)
            .annotations(annotations.collect::<Vec<_>>()),
    )
}

/// A line without control sequences.
fn safe_line(line: &str) -> String {
    without_colours(line).replace(|c: char| c.is_control() && c != '\t', "\u{fffd}")
}

/// The byte of a column from one. What is too far right is the end.
fn byte_of(line: &str, column: usize) -> usize {
    line.char_indices()
        .nth(column.saturating_sub(1))
        .map_or(line.len(), |(byte, _)| byte)
}

/// What is called from a byte on: a name with its arguments, as far as they stand on the line.
fn call_at(line: &str, start: usize) -> Range<usize> {
    let rest = &line[start..];
    let name = rest
        .find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':' | '!'))
        .unwrap_or(rest.len());
    let all = start..line.trim_end().len().max(start);
    if !rest[name..].starts_with('(') {
        return if name == 0 { all } else { start..start + name };
    }
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    for (byte, c) in rest[name..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '(' if !in_text => depth += 1,
            ')' if !in_text => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return start..start + name + byte + 1;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_marked_with_its_arguments() {
        let check = |line: &str, column: usize, marked: &str| {
            assert_eq!(&line[call_at(line, byte_of(line, column))], marked);
        };
        check(r#"    .run("npm test").env("A", "b")"#, 6, r#"run("npm test")"#);
        check(r#"    .run(sh("echo \")\"").cache(c))"#, 6, r#"run(sh("echo \")\"").cache(c))"#);
        check(r#"    .run("one \"#, 6, r#"run("one \"#);
        check("    b.base(", 7, "base(");
        check("    stage", 5, "stage");
        check("    [1, 2]  ", 5, "[1, 2]");
        check("", 1, "");
        check("abc", 99, "");
        check("\u{e9}\u{e8}.run(x)", 4, "run(x)");
    }

    #[test]
    fn another_version_of_the_file_is_not_shown() {
        let mark = |line| Mark { line, column: 1, end: None, label: String::new() };
        assert!(excerpt("stages.rs", "one\ntwo\n", &[mark(2)]).is_some());
        assert!(excerpt("stages.rs", "one\ntwo\n", &[mark(3)]).is_none());
        assert!(excerpt("stages.rs", "one\ntwo\n", &[mark(0)]).is_none());
        assert!(excerpt("stages.rs", "one\ntwo\n", &[]).is_none());
    }
}
