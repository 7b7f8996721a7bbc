//! What Stagewright does, shown on a real project: the README's first command.
//!
//! It starts what is needed, builds the three images of `examples/microservices` cold, again and after an edit,
//! runs them as containers, and compares their sizes with their builders'. Everything that it says it has checked:
//! what is not as it should be ends it with an error. What it started it stops, also then.

mod build;
mod facts;
mod inspect;
mod project;
mod service;
mod story;
mod table;

use std::fs;

use anyhow::{Context as _, Result, bail};
use stagewright_tests::container::Containers;

use crate::place::Place;
use crate::{images, up};

pub(crate) use build::{Built, build};
pub(crate) use project::copy;
pub(crate) use table::{bytes, count};

/// Shows everything, and stops what it started.
pub(crate) fn demo(place: &Place) -> Result<()> {
    println!("Setting up: programs, a private buildkitd, a registry, base images.");
    let state = place.target.join("demo");
    Containers::remove_all(&state)?;
    let fixtures = up::up(place)?;
    let told = images::ensure(place, &fixtures, false).and_then(|()| story::tell(place, &fixtures, &state));
    // Each is tried, whatever becomes of the others; the first error is the one that matters.
    let removed = Containers::remove_all(&state);
    let stopped = fixtures.stop_started(place);
    told?;
    removed?;
    stopped?;
    nothing_left(place, &fixtures, &state)
}

fn nothing_left(place: &Place, fixtures: &up::Fixtures, state: &std::path::Path) -> Result<()> {
    let mounts = fs::read_to_string("/proc/mounts").context("cannot read /proc/mounts")?;
    let ours = state.to_string_lossy();
    if let Some(mount) = mounts.lines().find(|line| line.contains(&*ours)) {
        bail!("still mounted: {mount}");
    }
    if !fixtures.all_started() {
        println!("\nNo container is left. What ran before, of buildkitd and the registry, still does.");
        return Ok(());
    }
    if up::running(place).is_ok() {
        bail!("buildkitd and the registry still run, although they were stopped");
    }
    println!("\nNothing is left running. What was built is cached for the next time;");
    println!("`cargo xtask down --purge` removes that, too.");
    Ok(())
}
