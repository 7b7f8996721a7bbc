//! The programs that are measured, built first.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::Scale;
use crate::place::Place;
use crate::process;

/// Builds our own programs; gives their directory.
pub(super) fn ours(place: &Place, scale: Scale) -> Result<PathBuf> {
    cargo_build(place, scale, &["--package", "stagewright-bench"])
}

/// Builds what these arguments name; gives the directory of the programs.
pub(super) fn cargo_build(place: &Place, scale: Scale, what: &[&str]) -> Result<PathBuf> {
    let (profile, directory) = match scale {
        Scale::Full => ("release", "release"),
        Scale::Smoke => ("dev", "debug"),
    };
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--profile", profile])
        .args(what)
        .current_dir(&place.root);
    process::run(&mut command)?;
    Ok(place.target.join(directory))
}

/// Builds a Go program of `tools/`.
pub(super) fn go_build(place: &Place, name: &str) -> Result<PathBuf> {
    let program = place.target.join("bench").join(format!("go-{name}"));
    process::run(
        Command::new("go")
            .args(["build", "-mod=readonly", "-trimpath", "-o"])
            .arg(&program)
            .arg(format!("./{name}"))
            .env("CGO_ENABLED", "0")
            .current_dir(place.root.join("tools")),
    )?;
    Ok(program)
}
