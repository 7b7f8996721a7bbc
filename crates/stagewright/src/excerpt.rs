//! The lines of files that clients are shown, in bounded room.

use std::collections::BTreeMap;

use buildkit_gateway::errdefs::{Position, Range, Source, SourceInfo};
use stagewright_plan::Site;

/// All texts of an error, or of an answer, together are no larger: of a larger file only the lines around those that are
/// meant are sent.
///
/// An error comes to the client in a trailer, for which it has 16 MiB, and in it everything is in base64 twice.
pub(crate) const MAX_TEXT: usize = 1 << 20;

/// How many lines around those that are meant clients may show.
const AROUND: u32 = 10;

/// A text with a longer line is not sent whole either: clients show lines from end to end.
const MAX_LINE: usize = MAX_TEXT / 64;

/// Makes the sources of one error, or of one answer.
pub(crate) struct Excerpts<'a> {
    texts: &'a BTreeMap<String, String>,
    language: &'a str,
    /// How many bytes are left for texts.
    left: usize,
}

impl<'a> Excerpts<'a> {
    /// From the texts of files, by the names that sites have for them.
    pub(crate) fn new(texts: &'a BTreeMap<String, String>, language: &'a str) -> Self {
        Self { texts, language, left: MAX_TEXT }
    }

    /// Places in a file with the text around them; none in a file whose text is not known, nor where no room is left for
    /// any of them.
    pub(crate) fn source(&mut self, file: &str, ranges: Vec<Range>) -> Option<Source> {
        let data = excerpt(self.texts.get(file)?, &ranges, self.left)?;
        self.left -= data.len();
        let info = SourceInfo {
            filename: file.to_owned(),
            data: data.into_bytes(),
            language: if file.ends_with(".rs") { "Rust" } else { self.language }.to_owned(),
        };
        Some(Source { info, ranges })
    }
}

/// A place as clients count: characters from zero. They mark its line.
pub(crate) fn range(site: &Site) -> Range {
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let position = Position { line: number(site.line), character: number(site.column.saturating_sub(1)) };
    Range { start: position, end: position }
}

/// A text in so many bytes: all of it, or the lines around those that are meant, with empty ones in place of the others.
///
/// None if none of them is there, or comes before the room ends.
fn excerpt(text: &str, meant: &[Range], most: usize) -> Option<String> {
    if text.len() <= most && text.lines().all(|line| line.len() <= MAX_LINE) {
        return Some(text.to_owned());
    }
    let mut near: Vec<(u32, u32)> = meant.iter().map(around).collect();
    near.sort_unstable();
    let mut near = near.into_iter().peekable();
    let mut left = String::new();
    let mut shown = 0;
    for (number, line) in (1..).zip(text.lines()) {
        while near.next_if(|(_, last)| *last < number).is_some() {}
        let Some((first, _)) = near.peek() else { break };
        let is_near = *first <= number;
        if is_near {
            // A line may be longer than all that may be sent.
            left.extend(line.chars().take(MAX_LINE));
        }
        left.push('\n');
        if left.len() > most {
            break;
        }
        if is_near {
            shown = left.len();
        }
    }
    left.truncate(shown);
    (shown > 0).then_some(left)
}

/// The first and the last line around a range.
fn around(range: &Range) -> (u32, u32) {
    let line = |line: i32| u32::try_from(line).unwrap_or_default();
    let (first, last) = (line(range.start.line), line(range.end.line.max(range.start.line)));
    (first.saturating_sub(AROUND), last.saturating_add(AROUND))
}

#[cfg(test)]
mod tests {
    use buildkit_gateway::errdefs::Position;

    use super::*;

    fn line(line: i32) -> Range {
        let position = Position { line, character: 0 };
        Range { start: position, end: position }
    }

    fn numbered(lines: usize) -> String {
        (1..=lines).map(|line| format!("line {line}\n")).collect()
    }

    #[test]
    fn of_a_large_text_only_the_lines_around_are_left() {
        let text = numbered(200_000);
        let data = excerpt(&text, &[line(150_000), line(5)], MAX_TEXT).unwrap();
        let lines: Vec<&str> = data.lines().collect();
        assert_eq!((lines[149_999], lines[149_988], lines.len()), ("line 150000", "", 150_010));
        assert_eq!((lines[0], lines[14], lines[15]), ("line 1", "line 15", ""));
    }

    #[test]
    fn what_is_not_there_takes_no_room() {
        let text = numbered(200_000);
        for far in [200_011, i32::MAX] {
            assert_eq!(excerpt(&text, &[line(far)], MAX_TEXT), None);
        }
        assert_eq!(excerpt(&"\n".repeat(3 * MAX_TEXT), &[line(3_000_000)], MAX_TEXT), None);
        assert_eq!(excerpt(&text, &[], MAX_TEXT), None);
        assert_eq!(excerpt("one\n", &[line(i32::MAX)], MAX_TEXT).as_deref(), Some("one\n"));
    }

    #[test]
    fn a_long_line_is_cut() {
        let text = format!("a: {}\nb\n", "x".repeat(2 * MAX_LINE));
        let data = excerpt(&text, &[line(2)], MAX_TEXT).unwrap();
        assert_eq!((data.len(), data.lines().nth(1)), (MAX_LINE + 3, Some("b")));
    }

    #[test]
    fn all_texts_share_the_room() {
        let texts = [("a".to_owned(), numbered(60_000)), ("b".to_owned(), numbered(60_000))].into();
        let mut excerpts = Excerpts::new(&texts, "Rust");
        let sizes = ["a", "b", "c"]
            .map(|file| excerpts.source(file, vec![line(9)]).map(|source| source.info.data.len()));
        assert_eq!(sizes[0], Some(texts["a"].len()));
        assert_eq!(sizes[1], Some(numbered(19).len()));
        assert_eq!(sizes[2], None);
    }
}
