//! The rules of the house that a compiler does not check.
//!
//! Each check is a function from the checkout to problems; a problem says where it is and what would be
//! right.

mod crates;
mod reasons;
mod shape;
mod table;
mod tree;
mod words;

use std::fmt;

use anyhow::{Result, bail};

use crate::place::Place;
use tree::Tree;

/// Checks every rule, and fails if one is broken.
pub(crate) fn run(place: &Place) -> Result<()> {
    let tree = Tree::read(&place.root)?;
    let mut problems = Vec::new();
    problems.extend(words::check(&tree));
    problems.extend(shape::check(&tree));
    problems.extend(crates::check(&tree)?);
    problems.extend(reasons::check(&tree));
    problems.extend(table::check(&tree));
    for problem in &problems {
        println!("{problem}");
    }
    match problems.len() {
        0 => Ok(()),
        1 => bail!("1 problem"),
        count => bail!("{count} problems"),
    }
}

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    path: String,
    /// Counted from one; nothing when the whole file is meant.
    line: Option<usize>,
    what: String,
}

impl Problem {
    fn at(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(line), what: what.into() }
    }

    fn of(path: &str, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.what),
            None => write!(f, "{}: {}", self.path, self.what),
        }
    }
}
