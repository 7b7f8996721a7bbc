//! The checkout as the checks see it: its text files, and what Cargo knows of its packages.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::process;

/// Everything that the checks read.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Text files by their path from the root: those that git tracks, and new ones that it does not ignore.
    pub(super) files: BTreeMap<String, String>,
    /// The packages of the workspace.
    pub(super) packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) targets: Vec<Target>,
}

/// What Cargo builds of a package.
#[derive(Debug, Deserialize)]
pub(super) struct Target {
    pub(super) name: String,
    /// `lib`, `bin`, `test` and others.
    pub(super) kind: Vec<String>,
}

/// What a package says that it needs.
#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// Set for packages of this workspace.
    pub(super) path: Option<String>,
}

impl Tree {
    /// Reads the checkout.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let list = process::output(
            Command::new("git")
                .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
                .current_dir(root),
        )?;
        let mut files = BTreeMap::new();
        for path in list.split('\0').filter(|path| !path.is_empty()) {
            // Deleted and not yet committed, a link, or no text: none of them is checked.
            if let Ok(text) = fs::read_to_string(root.join(path)) {
                files.insert(path.to_owned(), text);
            }
        }

        #[derive(Deserialize)]
        struct Metadata {
            packages: Vec<Package>,
        }
        let metadata = process::output(
            Command::new(env!("CARGO"))
                .args(["metadata", "--no-deps", "--format-version=1"])
                .current_dir(root),
        )?;
        let metadata: Metadata =
            serde_json::from_str(&metadata).context("cargo metadata is not understood")?;
        Ok(Self { files, packages: metadata.packages })
    }

    /// The files whose names end so, with their text.
    pub(super) fn ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.ends_with(end))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self {
            files: files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
            packages: Vec::new(),
        }
    }
}
