//! What is wrong, as clients are told of it: a message, and the lines that are meant.

use std::collections::BTreeMap;

use buildkit_gateway::GatewayError;
use buildkit_gateway::errdefs::Source;
use stagewright_plan::Problems;

use crate::driver::DriveError;
use crate::excerpt::Excerpts;
pub(super) use crate::excerpt::range;

/// How many places are shown.
const MAX_PLACES: usize = 10;

/// How many problems are told.
pub(super) const MAX_PROBLEMS: usize = 100;

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
        let places = problems.iter().take(MAX_PROBLEMS).filter_map(|problem| problem.at.as_ref());
        let mut excerpts = self.excerpts();
        let sources = places.filter_map(|site| excerpts.source(&site.file, vec![range(site)]));
        sources.take(MAX_PLACES).fold(error, |error, source| error.with_source(&source))
    }

    /// Why the driver gave up. What the daemon says stays as it is, with its details.
    pub(super) fn drive(&self, error: &DriveError) -> GatewayError {
        if let DriveError::Problems(problems) = error {
            return self.problems(problems);
        }
        let mut excerpts = self.excerpts();
        // A large text was not sent with the step, and so the daemon has none.
        let told = GatewayError::from(error).map_sources(|source| {
            let is_empty = source.info.data.is_empty();
            is_empty.then(|| excerpts.source(&source.info.filename, source.ranges.clone()))?
        });
        let place = error.problem().and_then(|problem| problem.at);
        match place.and_then(|site| excerpts.source(&site.file, vec![range(&site)])) {
            Some(source) if told.sources().is_empty() => told.with_source(&source),
            _ => told,
        }
    }

    /// For the sources of an error or of an answer.
    pub(super) fn excerpts(&self) -> Excerpts<'_> {
        Excerpts::new(self.sources, self.language)
    }
}

/// An error that says where it is, even if that is nowhere: otherwise a daemon that was sent here by the first line of a
/// file says that it is there (BuildKit v0.34 `frontend/dockerfile/builder/build.go`).
pub(super) fn placed(error: GatewayError) -> GatewayError {
    if error.sources().is_empty() { error.with_source(&Source::default()) } else { error }
}

#[cfg(test)]
mod tests {
    use buildkit_gateway::errdefs::{Position, SourceInfo};
    use stagewright_plan::{Problem, Site};

    use super::*;
    use crate::excerpt::MAX_TEXT;

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
    fn a_step_of_a_large_file_shows_its_line() {
        let text: String = (1..=200_000).map(|line| format!("line {line}\n")).collect();
        let sources = [("a.yaml".to_owned(), text)].into();
        let texts = Texts { sources: &sources, language: "YAML" };
        let info = SourceInfo { filename: "a.yaml".to_owned(), ..SourceInfo::default() };
        let source = Source { info, ranges: vec![range(&site(150_000))] };
        let known = Source::default();
        let own = GatewayError::new("exit code: 7").with_source(&known).with_source(&source);
        let told = texts.drive(&DriveError::Target(own)).sources();
        let [first, second] = &told[..] else { panic!("{} sources", told.len()) };
        assert_eq!((first, &second.ranges), (&known, &source.ranges));
        let data = String::from_utf8_lossy(&second.info.data);
        assert_eq!(data.lines().nth(149_999), Some("line 150000"));
    }

    #[test]
    fn the_texts_of_all_places_are_bounded_together() {
        let text: String = (1..=60_000).map(|line| format!("line {line}\n")).collect();
        let (length, lines) = (text.len(), [1, 20, 40, 60_000]);
        let sources = [("a.yaml".to_owned(), text)].into();
        let texts = Texts { sources: &sources, language: "YAML" };
        let problems: Vec<_> = lines.map(|line| Problem::new("no").at(&site(line))).into();
        let told = texts.problems(&Problems::none_of(problems).unwrap_err()).sources();
        let sizes: Vec<usize> = told.iter().map(|source| source.info.data.len()).collect();
        assert_eq!((sizes.len(), sizes[0]), (4, length), "{sizes:?}");
        assert!(sizes.iter().sum::<usize>() <= MAX_TEXT, "{sizes:?}");
    }

    #[test]
    fn a_line_that_no_file_has_takes_no_room() {
        let sources = [("a.yaml".to_owned(), "\n".repeat(3 * MAX_TEXT))].into();
        let texts = Texts { sources: &sources, language: "YAML" };
        for line in [3_000_000, u32::MAX] {
            let told = texts.problems(&Problem::new("no").at(&site(line)).into());
            assert_eq!(told.sources(), []);
        }
    }
}
