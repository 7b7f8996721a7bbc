//! Our frontends beside docker/dockerfile, by the same `buildx build`: files of equal steps, which become equal ops.
//!
//! Images come from the registry on loopback, which is the mirror of Docker Hub; the daemon is the bench's own. Whatever
//! both sides need and no row is about (base image, toolchain, results of steps) is there before a round begins.

pub(super) mod docker;
mod files;
mod rust;
mod syntax;

use std::fs;

use anyhow::{Context as _, Result};

use super::clients::Clients;
use super::daemon::BenchDaemon;
use super::measure::Bench;
use super::rows::Samples;

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Warm,
    Cold,
    Size,
    Memory,
    Steps,
    Host,
    Rust,
}

pub(super) fn run(bench: &Bench, daemon: &BenchDaemon, clients: &Clients, case: Case) -> Result<Samples> {
    let directory = bench.work.join("frontend");
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let samples = match case {
        Case::Warm => syntax::warm(bench, clients, &directory)?,
        Case::Cold => syntax::cold(bench, daemon, clients, &directory)?,
        Case::Memory => syntax::memory(bench, daemon, clients, &directory)?,
        Case::Steps => syntax::steps(bench, daemon, clients, &directory)?,
        Case::Host => syntax::host(bench, clients, &directory)?,
        Case::Rust => rust::run(bench, daemon, clients, &directory)?,
        Case::Size => {
            let mut samples = Samples::default();
            samples.ours("frontend-size", clients.image_size("stagewright/stages", "1")?);
            samples.peer("frontend-size", clients.image_size("docker/dockerfile", "1")?);
            samples
        }
    };
    fs::remove_dir_all(&directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    Ok(samples)
}
