//! The YAML language server that editors run, installed once from the lock file in `tests/editor/`.
//!
//! It lies in the user's cache under a key of what decides its content, as the programs of `tools` do.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::place::Place;
use crate::{packages, process, tools};

/// Its module, and the files that say what is installed.
const MODULE: &str = "tests/editor";
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

const PROGRAM: &str = "node_modules/yaml-language-server/bin/yaml-language-server";

/// Where it is or will be.
pub(crate) fn program(place: &Place) -> Result<PathBuf> {
    let mut texts = Vec::new();
    for name in FILES {
        let path = place.root.join(MODULE).join(name);
        texts.push(fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    let key = tools::key(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    Ok(place.cache.join("editor").join(key).join(PROGRAM))
}

/// Installs it if it is not there yet.
pub(crate) fn ensure(place: &Place) -> Result<PathBuf> {
    packages::ensure(&packages::NODE)?;
    let program = program(place)?;
    if program.is_file() {
        return Ok(program);
    }
    let directory = program.ancestors().nth(4).context("the cache has no root")?;
    let parent = directory.parent().context("the cache has no root")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    println!("installing the YAML language server");
    let work = tempfile::Builder::new().prefix(".installing-").tempdir_in(parent)?;
    let out = work.path().join("editor");
    fs::create_dir(&out)?;
    for name in FILES {
        fs::copy(place.root.join(MODULE).join(name), out.join(name))?;
    }
    // What packages would run while they are installed is not needed.
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
    process::run(Command::new("npm").args(arguments).current_dir(&out))?;
    if directory.exists() {
        // Another checkout was faster, or something was deleted from what lay there.
        fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    fs::rename(&out, directory).with_context(|| format!("cannot move it to {}", directory.display()))?;
    Ok(program)
}
