//! Why a build program gives no Plan, and what a daemon is told of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use buildkit_gateway::GatewayError;
use buildkit_gateway::errdefs::{Position, Range, Source};
use buildkit_llb::{ImageRefError, OpError};
use stagewright_plan::{Problems, Site};

use super::toolchain::TOOLCHAIN_ARG;
use crate::excerpt::Excerpts;

/// How many places are told.
const MAX_PLACES: usize = 20;

/// A build program gives no Plan.
///
/// What is about a place in the program's files has [`RustError::sources`].
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RustError {
    /// The program's file cannot be compiled under its name.
    #[error(
        "`{0}` cannot be the name of a build program's file: write its path below the directory that it is in"
    )]
    FileName(String),
    /// The head of the program declares what cannot be.
    #[error("{message}")]
    Declared {
        /// Why.
        message: String,
        /// Its line.
        sources: Vec<Source>,
    },
    /// The toolchain has no proper name.
    #[error("toolchain image `{name}`: {source}")]
    ToolchainName {
        /// Its name.
        name: String,
        /// Why.
        source: ImageRefError,
    },
    /// The toolchain cannot be had.
    #[error(
        "toolchain image `{name}` for {platform} cannot be had: {source}; `--build-arg {TOOLCHAIN_ARG}=IMAGE` names \
         another one"
    )]
    Toolchain {
        /// Its name.
        name: String,
        /// The daemon's own platform.
        platform: String,
        /// What the daemon or the registry tells.
        source: Box<GatewayError>,
    },
    /// The toolchain is none for the machine of the daemon.
    #[error(
        "toolchain image `{name}` is for {found}, and the daemon compiles on {wanted}: name one that is for {wanted}"
    )]
    ToolchainPlatform {
        /// Its name.
        name: String,
        /// What it is for.
        found: String,
        /// The daemon's own platform.
        wanted: String,
    },
    /// The toolchain has a config that does not read.
    #[error("toolchain image `{name}` has a config that does not read: {why}")]
    ToolchainConfig {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// The crates that programs use do not compile with this toolchain.
    #[error("the crates of stagewright do not compile in toolchain image `{toolchain}`: {source}{hint}")]
    Crates {
        /// The toolchain's name.
        toolchain: String,
        /// What it needs, if that may be missing.
        hint: &'static str,
        /// What the daemon tells.
        source: GatewayError,
    },
    /// The step that compiles the program fails by itself.
    #[error("{program} cannot be compiled: {source}{hint}")]
    Rustc {
        /// The program's file.
        program: String,
        /// The limit that was reached, if it was one.
        hint: String,
        /// What the daemon tells.
        source: Box<GatewayError>,
    },
    /// The program does not compile.
    #[error("{message}")]
    Compile {
        /// What rustc says, as it prints it.
        message: String,
        /// The lines at fault.
        sources: Vec<Source>,
    },
    /// The program panicked.
    #[error("{program}{}{message}", if message.is_empty() { "" } else { ": " })]
    Panic {
        /// Which file panicked, and where.
        program: String,
        /// What it said.
        message: String,
        /// The line.
        sources: Vec<Source>,
    },
    /// The program, or its parameters, are wrong.
    #[error("{problems}")]
    Problems {
        /// All that is wrong.
        problems: Problems,
        /// The lines.
        sources: Vec<Source>,
    },
    /// The program ended without an answer.
    #[error("{program} ended without telling its Plan: {source}{hint}")]
    Ended {
        /// The program's file.
        program: String,
        /// What that probably means, if it can be told.
        hint: String,
        /// What the daemon tells.
        source: Box<GatewayError>,
    },
    /// The program was stopped without an answer.
    #[error(
        "{program} told no Plan within {seconds} s, and was stopped: does it wait for something? {advice}"
    )]
    Late {
        /// The program's file.
        program: String,
        /// How long it ran.
        seconds: u64,
        /// How to let it run for longer.
        advice: String,
        /// The line of `main`.
        sources: Vec<Source>,
    },
    /// The program's answer is none.
    #[error("{program} told no Plan: {why}; its `main` has to be `stagewright::main(build)`")]
    Answer {
        /// The program's file.
        program: String,
        /// Why.
        why: String,
    },
    /// The daemon fails.
    #[error(transparent)]
    Daemon(#[from] GatewayError),
    /// An op that no daemon would take.
    #[error(transparent)]
    Op(#[from] OpError),
}

impl RustError {
    /// Places in the program's files, with their text.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        match self {
            Self::Declared { sources, .. }
            | Self::Compile { sources, .. }
            | Self::Panic { sources, .. }
            | Self::Late { sources, .. }
            | Self::Problems { sources, .. } => sources,
            _ => &[],
        }
    }

    /// What the daemon said, if it was the daemon.
    #[must_use]
    pub fn daemon(&self) -> Option<&GatewayError> {
        match self {
            Self::Toolchain { source, .. } | Self::Rustc { source, .. } | Self::Ended { source, .. } => {
                Some(source)
            }
            Self::Crates { source, .. } | Self::Daemon(source) => Some(source),
            _ => None,
        }
    }
}

/// What the daemon is told: the message, the daemon's own details, and the places.
impl From<&RustError> for GatewayError {
    fn from(error: &RustError) -> Self {
        let told = match error.daemon() {
            Some(own) => own.clone().with_message(error.to_string()),
            None => Self::new(error.to_string()),
        };
        error.sources().iter().fold(told, Self::with_source)
    }
}

/// The texts of a program's files, by the names that sites have for them.
pub(super) type Texts = BTreeMap<String, String>;

/// The ranges by file, in the order in which files come first. Files that are not the program's are left out.
pub(super) fn sources(texts: &Texts, ranges: impl IntoIterator<Item = (String, Range)>) -> Vec<Source> {
    let mut found: Vec<(String, Vec<Range>)> = Vec::new();
    for (file, range) in ranges.into_iter().take(MAX_PLACES) {
        match found.iter_mut().find(|(known, _)| *known == file) {
            Some((_, ranges)) if ranges.contains(&range) => {}
            Some((_, ranges)) => ranges.push(range),
            None => found.push((file, vec![range])),
        }
    }
    let mut excerpts = Excerpts::new(texts, "Rust");
    found
        .into_iter()
        .filter_map(|(file, ranges)| excerpts.source(&file, ranges))
        .collect()
}

/// A text of at most about this many bytes, which says how many are left out.
pub(super) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(most);
    Cow::Owned(format!("{}…\n({} more bytes)", &text[..end], text.len() - end))
}

/// A site as a range of its line.
pub(super) fn range_of(site: &Site) -> (String, Range) {
    (site.file.clone(), lines(site.line, site.line))
}

/// Lines, both included, from one.
pub(super) fn lines(first: u32, last: u32) -> Range {
    let position = |line: u32| Position { line: i32::try_from(line).unwrap_or(i32::MAX), character: 0 };
    Range { start: position(first), end: position(last) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::excerpt::MAX_TEXT;

    #[test]
    fn places_are_grouped_by_file_and_only_those_of_the_program() {
        let texts: Texts = ["a.rs", "b.rs"].map(|file| (file.to_owned(), "text".to_owned())).into();
        let at = |file: &str, line| range_of(&Site { file: file.to_owned(), line, column: 3 });
        let found =
            sources(&texts, [at("b.rs", 2), at("a.rs", 1), at("/lib.rs", 9), at("b.rs", 5), at("b.rs", 2)]);
        let names: Vec<&str> = found.iter().map(|source| source.info.filename.as_str()).collect();
        assert_eq!(names, ["b.rs", "a.rs"]);
        assert_eq!(found[0].ranges, [lines(2, 2), lines(5, 5)]);
    }

    #[test]
    fn long_texts_and_many_places_are_cut() {
        assert_eq!(shortened("ääää", 5), "ää…\n(4 more bytes)");
        assert_eq!(shortened("ääää", 8), "ääää");
        let texts: Texts = ["a.rs", "b.rs", "large.rs"]
            .map(|file| {
                (file.to_owned(), "line\n".repeat(if file == "large.rs" { 300_000 } else { 150_000 }))
            })
            .into();
        let at = |file: &str, line| (file.to_owned(), lines(line, line));
        let few = [at("large.rs", 100), at("b.rs", 1)];
        let found = sources(&texts, few.into_iter().chain((1..=100).map(|line| at("a.rs", line))));
        let told: Vec<_> = found
            .iter()
            .map(|source| (source.info.filename.as_str(), source.info.data.len(), source.ranges.len()))
            .collect();
        let around = |empty: usize, lines: usize| empty + "line\n".len() * lines;
        let whole = texts["b.rs"].len();
        let last = MAX_PLACES - 2;
        let expected =
            [("large.rs", around(89, 21), 1), ("b.rs", whole, 1), ("a.rs", around(0, last + 10), last)];
        assert_eq!(told, expected);
        assert!(found.iter().map(|source| source.info.data.len()).sum::<usize>() <= MAX_TEXT);
    }

    #[test]
    fn the_daemons_details_stay_with_a_message_of_ours() {
        let own = GatewayError::new("exit code: 134").with_source(&Source::default());
        let error =
            RustError::Ended { program: "stages.rs".to_owned(), hint: String::new(), source: Box::new(own) };
        let told = GatewayError::from(&error);
        assert_eq!(told.message(), "stages.rs ended without telling its Plan: exit code: 134");
        assert_eq!(told.sources().len(), 1);
    }
}
