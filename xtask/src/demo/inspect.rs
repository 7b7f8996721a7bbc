//! What is in an unpacked image: its bytes, and what a runtime must not have.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Programs that compile TypeScript or C.
const COMPILERS: [&str; 6] = ["tsc", "cc", "gcc", "g++", "c++", "clang"];

/// Where the example's images have the project.
const PROJECT: &str = "app";

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// Bytes of all files.
    pub(super) bytes: u64,
    /// Compilers, by their paths in the image.
    pub(super) compilers: Vec<PathBuf>,
    /// Packages that only development needs.
    pub(super) development: Vec<String>,
}

impl Contents {
    /// Walks an unpacked image. `development` are places in the project.
    pub(super) fn of(root: &Path, development: &[String]) -> Result<Self> {
        let is_there = |place: &&String| fs::symlink_metadata(root.join(PROJECT).join(place)).is_ok();
        let development = development.iter().filter(is_there).cloned().collect();
        let mut contents = Self { development, ..Self::default() };
        // Files of several names count once.
        let mut seen = BTreeSet::new();
        let mut directories = vec![root.to_path_buf()];
        while let Some(directory) = directories.pop() {
            let list = fs::read_dir(&directory);
            for entry in list.with_context(|| format!("cannot read {}", directory.display()))? {
                let entry = entry?;
                let file = entry.metadata()?;
                if file.is_dir() {
                    directories.push(entry.path());
                    continue;
                }
                if COMPILERS.iter().any(|compiler| entry.file_name() == *compiler) {
                    let path = entry.path();
                    contents.compilers.push(path.strip_prefix(root).unwrap_or(&path).to_path_buf());
                }
                if file.is_file() && seen.insert(file.ino()) {
                    contents.bytes += file.len();
                }
            }
        }
        contents.compilers.sort();
        Ok(contents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_compilers_and_development_packages_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let modules = dir.path().join("app/node_modules");
        fs::create_dir_all(modules.join(".bin")).unwrap();
        fs::create_dir_all(modules.join("typescript")).unwrap();
        fs::write(modules.join("typescript/tsc.js"), "12345").unwrap();
        fs::hard_link(modules.join("typescript/tsc.js"), modules.join("again.js")).unwrap();
        std::os::unix::fs::symlink("../typescript/tsc.js", modules.join(".bin/tsc")).unwrap();
        let packages = ["node_modules/typescript", "node_modules/@types/ms"].map(str::to_owned);
        let expected = Contents {
            bytes: 5,
            compilers: vec![PathBuf::from("app/node_modules/.bin/tsc")],
            development: vec!["node_modules/typescript".to_owned()],
        };
        assert_eq!(Contents::of(dir.path(), &packages).unwrap(), expected);
    }
}
