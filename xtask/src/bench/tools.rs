//! The programs that are measured, built first.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::Scale;
use crate::place::Place;
use crate::process;

/// Builds our own programs; gives their directory.
pub(super) fn ours(place: &Place, scale: Scale) -> Result<PathBuf> {
    match scale {
        Scale::Full => release(place, &["--package", "stagewright-bench"]),
        Scale::Smoke => place.build_programs(),
    }
}

/// Builds what these arguments name as it is given to users; gives the directory of the programs.
pub(super) fn release(place: &Place, what: &[&str]) -> Result<PathBuf> {
    process::run(place.cargo().args(["build", "--release"]).args(what))?;
    Ok(place.target.join("release"))
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
