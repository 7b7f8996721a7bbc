//! What of a tree is wanted.
//!
//! An entry is wanted if an include pattern (or a followed path) matches it or a directory above it and no
//! exclude pattern does (fsutil `filter.go`).

use std::io;

use super::follow::follow;
use super::root::Root;
use buildkit_patterns::pattern::{Matched, Matcher, PatternError};

/// What a receiver asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Patterns of which one must match; none means everything.
    pub include: Vec<Vec<u8>>,
    /// Patterns of which none may match.
    pub exclude: Vec<Vec<u8>>,
    /// Paths to include with every link on the way to them.
    pub follow: Vec<Vec<u8>>,
}

/// A selection made ready for one tree.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    include: Option<Matcher>,
    /// Each list excludes on its own: an exception in one does not weaken another.
    exclude: Vec<Matcher>,
}

/// A selection that cannot be applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// An include pattern, or a followed path, is malformed.
    #[error("in include patterns: {0}")]
    Include(#[source] PatternError),
    /// An exclude pattern is malformed.
    #[error("in exclude patterns: {0}")]
    Exclude(#[source] PatternError),
    /// Links could not be read.
    #[error("cannot follow links in {root}: {source}")]
    Follow {
        /// The directory.
        root: String,
        /// Why.
        source: io::Error,
    },
}

impl Filter {
    /// Prepares a selection; `own` are exclude patterns of the tree's owner.
    pub fn new(root: &Root, selection: &Selection, own: &[String]) -> Result<Self, FilterError> {
        let mut include = selection.include.clone();
        if !selection.follow.is_empty() {
            let failed = |source| FilterError::Follow { root: root.path().display().to_string(), source };
            include.extend(follow(root, &selection.follow).map_err(failed)?.unwrap_or_default());
            // With followed paths, `.` means the whole tree (fsutil's `dedupePaths`).
            if include.iter().any(|p| p == b".") {
                include.clear();
            }
        }
        let include = match include.as_slice() {
            [] => None,
            patterns => Some(Matcher::new(patterns).map_err(FilterError::Include)?),
        };
        let exclude = [Matcher::new(&selection.exclude), Matcher::new(own)];
        let exclude = exclude
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .map_err(FilterError::Exclude)?;
        Ok(Self { include, exclude: exclude.into_iter().filter(|m| !m.is_empty()).collect() })
    }

    pub(super) fn judge(&self, path: &[u8], is_directory: bool, parent: &Known) -> (Verdict, Known) {
        let mut known = Known::default();
        let mut verdict = Verdict::Send;
        if let Some(include) = &self.include {
            let (matched, info) = ask(include, path, is_directory, &parent.include);
            known.include = info;
            if !matched {
                verdict = if include.could_match_inside(path) { Verdict::Pass } else { Verdict::Skip };
            }
        }
        for (index, exclude) in self.exclude.iter().enumerate() {
            let none = Matched::default();
            let (matched, info) =
                ask(exclude, path, is_directory, parent.exclude.get(index).unwrap_or(&none));
            known.exclude.push(info);
            if matched {
                verdict = if exclude.could_except_inside(path) {
                    verdict.max(Verdict::Pass)
                } else {
                    Verdict::Skip
                };
            }
        }
        (verdict, known)
    }
}

fn ask(matcher: &Matcher, path: &[u8], is_directory: bool, parent: &Matched) -> (bool, Matched) {
    if is_directory {
        matcher.matches_directory(path, parent)
    } else {
        (matcher.matches_below(path, parent), Matched::default())
    }
}

/// What becomes of an entry, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Send,
    /// Not sent for itself; a directory is entered all the same.
    Pass,
    Skip,
}

/// How the patterns met a directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    include: Matched,
    exclude: Vec<Matched>,
}
