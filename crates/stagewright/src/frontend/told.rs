//! What is wrong, as clients are told of it: a message, and the lines that are meant.

use std::collections::BTreeMap;

use buildkit_gateway::GatewayError;
use buildkit_gateway::errdefs::{Position, Range, Source, SourceInfo};
use stagewright_plan::{Problems, Site};

use crate::driver::DriveError;

/// A larger text is not sent whole: only the lines around those that are meant are. All texts of an error together are
/// no larger.
///
/// An error comes to the client in a trailer, for which it has 16 MiB, and in it everything is in base64 twice.
const MAX_TEXT: usize = 1 << 20;

/// How many lines around those that are meant clients may show.
const AROUND: u32 = 10;

/// How many places are shown.
const MAX_PLACES: usize = 10;

/// A text with a longer line is not sent whole either: clients show lines from end to end.
const MAX_LINE: usize = MAX_TEXT / 64;

/// How many problems are told.
const MAX_PROBLEMS: usize = 100;

/// The texts of files, by the names that sites have for them.
pub(super) struct Texts<'a> {
    pub(super) sources: &'a BTreeMap<String, String>,
    pub(super) language: &'a str,
}

impl Texts<'_> {
    /// What is wrong with a build.
    pub(super) fn problems(&self, problems: &Problems) -> GatewayError {
        let count = problems.iter().count();
        let first: Vec<_> = problems.iter().take(MAX_PROBLEMS).cloned().collect();
        let error = match Problems::none_of(first) {
            Err(first) if count > MAX_PROBLEMS => {
                GatewayError::new(format!("{first}\nand {} more", count - MAX_PROBLEMS))
            }
            _ => GatewayError::new(problems.to_string()),
        };
        let places = problems.iter().filter_map(|problem| problem.at.as_ref());
        let mut left = MAX_TEXT;
        let sources = places.filter_map(|site| {
            let source = self.source_within(site, left)?;
            left -= source.info.data.len();
            Some(source)
        });
        sources.take(MAX_PLACES).fold(error, |error, source| error.with_source(&source))
    }

    /// Why the driver gave up. What the daemon says stays as it is, with its details.
    pub(super) fn drive(&self, error: &DriveError) -> GatewayError {
        if let DriveError::Problems(problems) = error {
            return self.problems(problems);
        }
        let told = GatewayError::from(error);
        let place = error.problem().and_then(|problem| problem.at);
        match place.and_then(|site| self.source(&site)) {
            Some(source) if told.sources().is_empty() => told.with_source(&source),
            _ => told,
        }
    }

    /// A place with the text around it; none in a file whose text is not known, and none so far down that the empty
    /// lines before it are too many.
    pub(super) fn source(&self, site: &Site) -> Option<Source> {
        self.source_within(site, MAX_TEXT)
    }

    /// The same in so many bytes: each place of an error has a text of its own.
    fn source_within(&self, site: &Site, most: usize) -> Option<Source> {
        let text = self.sources.get(&site.file)?;
        let is_large = text.len() > most || text.lines().any(|line| line.len() > MAX_LINE);
        let data = if is_large { around(text, site.line) } else { text.clone() };
        if data.len() > most {
            return None;
        }
        let info = SourceInfo {
            filename: site.file.clone(),
            data: data.into_bytes(),
            language: self.language.to_owned(),
        };
        Some(Source { info, ranges: vec![range(site)] })
    }
}

/// An error that says where it is, even if that is nowhere: otherwise a daemon that was sent here by the first line of a
/// file says that it is there (BuildKit v0.34 `frontend/dockerfile/builder/build.go`).
pub(super) fn placed(error: GatewayError) -> GatewayError {
    if error.sources().is_empty() { error.with_source(&Source::default()) } else { error }
}

/// A place as clients count: characters from zero. They mark its line.
pub(super) fn range(site: &Site) -> Range {
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let position = Position { line: number(site.line), character: number(site.column.saturating_sub(1)) };
    Range { start: position, end: position }
}

/// A text of which only the lines around one are left; before them stand empty ones.
fn around(text: &str, line: u32) -> String {
    let first = line.saturating_sub(AROUND).max(1);
    let mut left = "\n".repeat(usize::try_from(first - 1).unwrap_or_default());
    for (number, line_text) in (1..).zip(text.lines()) {
        if number > line.saturating_add(AROUND) {
            break;
        }
        if number >= first {
            // A line may be longer than all that may be sent.
            left.extend(line_text.chars().take(MAX_LINE));
            left.push('\n');
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use stagewright_plan::Problem;

    use super::*;

    fn site(line: u32) -> Site {
        Site { file: "a.yaml".to_owned(), line, column: 3 }
    }

    #[test]
    fn each_problem_shows_its_line() {
        let sources = [("a.yaml".to_owned(), "one\ntwo\n".to_owned())].into();
        let texts = Texts { sources: &sources, language: "YAML" };
        let elsewhere = Site { file: "b.yaml".to_owned(), line: 1, column: 1 };
        let problems = [
            Problem::new("second").at(&site(2)),
            Problem::new("no file").at(&elsewhere),
            Problem::new("no place"),
        ];
        let error = texts.problems(&Problems::none_of(problems.to_vec()).unwrap_err());
        let [source] = &error.sources()[..] else { panic!("{error:?}") };
        assert_eq!(source.ranges[0].start, Position { line: 2, character: 2 });
        assert_eq!((source.info.language.as_str(), &source.info.data[..]), ("YAML", &b"one\ntwo\n"[..]));
        assert!(error.message().contains("a.yaml:2:3: second"), "{error}");
    }

    #[test]
    fn of_a_large_text_only_the_lines_around_are_sent() {
        let text: String = (1..=200_000).map(|line| format!("line {line}\n")).collect();
        let sources = [("a.yaml".to_owned(), text)].into();
        let texts = Texts { sources: &sources, language: "YAML" };
        let source = texts.source(&site(150_000)).unwrap();
        let data = String::from_utf8(source.info.data).unwrap();
        assert_eq!(data.lines().nth(149_999), Some("line 150000"));
        assert_eq!((data.lines().nth(149_988), data.lines().count()), (Some(""), 150_010));
    }

    #[test]
    fn the_texts_of_all_places_are_bounded_together() {
        let text: String = (1..=60_000).map(|line| format!("line {line}\n")).collect();
        let far = "\n".repeat(3 * MAX_TEXT);
        let (length, lines) = (text.len(), [1, 20, 40, 60_000]);
        let sources = [("a.yaml".to_owned(), text), ("b.yaml".to_owned(), far)].into();
        let texts = Texts { sources: &sources, language: "YAML" };
        let mut problems: Vec<_> = lines.map(|line| Problem::new("no").at(&site(line))).into();
        let below = Site { file: "b.yaml".to_owned(), line: 3_000_000, column: 1 };
        problems.push(Problem::new("no").at(&below));
        let told = texts.problems(&Problems::none_of(problems).unwrap_err()).sources();
        let sizes: Vec<usize> = told.iter().map(|source| source.info.data.len()).collect();
        assert_eq!((sizes.len(), sizes[0]), (4, length), "{sizes:?}");
        assert!(sizes.iter().sum::<usize>() <= MAX_TEXT, "{sizes:?}");
        assert!(texts.source(&below).is_none());
    }
}
