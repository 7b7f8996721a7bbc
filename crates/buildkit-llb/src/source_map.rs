//! Where ops were written: files, and ranges of lines in them.
//!
//! A daemon puts the lines of an op that failed into its error. Shapes as in BuildKit v0.34
//! solver/pb/ops.proto `Source`.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{Definition, Digest};

/// A source file of a [`Graph`](crate::Graph), by its position there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub(crate) usize);

/// A file in which ops were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name, as people know it.
    pub filename: String,
    /// Its language, as GitHub Linguist calls it: `Rust`, `YAML`, `Dockerfile`.
    pub language: String,
    /// Its text.
    pub data: Bytes,
    /// How the daemon can get the file itself.
    pub definition: Option<Definition>,
}

/// Ranges of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, by its position in [`SourceMap::files`].
    pub file: usize,
    /// The ranges.
    pub ranges: Vec<Range>,
}

/// From one position to another, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// The first.
    pub start: Position,
    /// The last.
    pub end: Position,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// From one.
    pub line: i32,
    /// From zero.
    pub character: i32,
}

/// The files of a definition, and the places of its ops in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceMap {
    /// The files that locations refer to.
    pub files: Vec<SourceFile>,
    /// By op.
    pub locations: BTreeMap<Digest, Vec<Location>>,
}

impl Range {
    /// One line, or several, without columns.
    #[must_use]
    pub fn lines(first: i32, last: i32) -> Self {
        Self { start: Position { line: first, character: 0 }, end: Position { line: last, character: 0 } }
    }
}
