//! Where something was written.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

/// A place in the text that a person wrote.
///
/// Lines and columns count from one. Files are as the compiler names them: relative to the workspace root for
/// a program of a Cargo workspace, absolute for a dependency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Name of the file.
    pub file: String,
    /// Line, from one.
    pub line: u32,
    /// Column, from one.
    pub column: u32,
}

impl Site {
    /// The place that a `#[track_caller]` function was called from.
    #[track_caller]
    #[must_use]
    pub fn caller() -> Self {
        Self::from(Location::caller())
    }

    /// Whether the place lies in Rust's own library: what a `#[track_caller]` function reports when it is passed
    /// by name, as in `stage.apply(preset)`.
    pub(crate) fn is_in_core(&self) -> bool {
        self.file.replace('\\', "/").contains("/library/core/")
    }
}

impl From<&Location<'_>> for Site {
    fn from(location: &Location<'_>) -> Self {
        Self { file: location.file().to_owned(), line: location.line(), column: location.column() }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_the_callers_line() {
        let (site, line) = (Site::caller(), line!());
        assert_eq!(site.line, line);
        assert!(site.file.ends_with("site.rs"), "{site}");
        assert!(!site.is_in_core());
    }
}
