//! What stands in a directory.

use std::fs;
use std::path::Path;

/// The names in a directory, sorted.
///
/// # Panics
///
/// When the directory cannot be read, or a name is not UTF-8.
#[must_use]
pub fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
