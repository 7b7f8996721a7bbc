//! The project that is built: a copy of `examples/microservices`, to be marked and edited.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;
use stagewright::Plan;

use crate::place::Place;
use crate::process;

/// Made by npm in the checkout; no input of a build.
const MADE: [&str; 2] = ["node_modules", "dist"];

/// The file that is edited, and what is written at its end.
pub(super) const EDITED: &str = "packages/api/src/app.ts";

/// A copy of the project.
pub(super) struct Project {
    /// The context of its builds.
    pub(super) directory: PathBuf,
}

impl Project {
    /// Copies the project, with a mark in its `package.json`: everything starts with an install that reads it,
    /// so that nothing of another run is cached.
    pub(super) fn copy(place: &Place, directory: PathBuf, mark: &str) -> Result<Self> {
        let from = place.root.join("examples/microservices");
        copy(&from, &directory).with_context(|| format!("cannot copy {}", from.display()))?;
        let manifest = directory.join("package.json");
        let text = read(&manifest)?;
        let mut json: Value =
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", manifest.display()))?;
        json["config"] = serde_json::json!({ "mark": mark });
        write(&manifest, &serde_json::to_string_pretty(&json)?)?;
        Ok(Self { directory })
    }

    /// The Plan, as the example's own program prints it.
    pub(super) fn plan(place: &Place) -> Result<Plan> {
        let arguments = ["run", "--quiet", "--package", "stagewright-examples", "--bin", "microservices"];
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).args(["--", "plan"]).current_dir(&place.root);
        let json = process::output(&mut command)?;
        Plan::from_json(&json).context("the example printed no Plan")
    }

    /// Adds a line to one source file of the api.
    pub(super) fn edit(&self, mark: &str) -> Result<()> {
        let path = self.directory.join(EDITED);
        let text = read(&path)?;
        write(&path, &format!("{text}\nexport const edited = '{mark}';\n"))
    }

    /// Where the lock file installs what only development needs.
    pub(super) fn development_packages(&self) -> Result<Vec<String>> {
        let path = self.directory.join("package-lock.json");
        development(&read(&path)?).with_context(|| format!("cannot read {}", path.display()))
    }
}

/// The places of a lock file's packages that only development needs (npm's `lockfileVersion` 3).
fn development(lock: &str) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Lock {
        packages: std::collections::BTreeMap<String, Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        #[serde(default)]
        dev: bool,
    }

    let lock: Lock = serde_json::from_str(lock)?;
    Ok(lock
        .packages
        .into_iter()
        .filter(|(_, package)| package.dev)
        .map(|(place, _)| place)
        .collect())
}

/// Copies a project without what is made of it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if MADE.iter().any(|made| name == *made) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_says_what_only_development_needs() {
        let lock = r#"{"lockfileVersion": 3, "packages": {
            "": {"name": "root"},
            "node_modules/ms": {"version": "2.1.3"},
            "node_modules/typescript": {"version": "6.0.3", "dev": true}
        }}"#;
        assert_eq!(development(lock).unwrap(), ["node_modules/typescript"]);
    }

    #[test]
    fn what_npm_made_is_not_copied() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        for path in ["src", "node_modules/ms", "packages/api/dist"] {
            fs::create_dir_all(from.join(path)).unwrap();
        }
        fs::write(from.join("src/a.ts"), "a").unwrap();
        copy(&from, &to).unwrap();
        assert!(to.join("src/a.ts").is_file() && to.join("packages/api").is_dir());
        assert!(!to.join("node_modules").exists() && !to.join("packages/api/dist").exists());
    }
}
