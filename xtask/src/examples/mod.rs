//! `cargo xtask examples`: every example built, run and judged, with servers of its own; or measured.

pub(crate) mod list;
mod measure;
mod page;
pub(crate) mod project;
mod report;
pub(crate) mod sizes;
mod variants;

use std::process::Command;

use anyhow::Result;

use crate::place::Place;
use crate::process::run;
use crate::{images, up};

pub(crate) use measure::measure;

/// Where `cargo` leaves the programs of the examples for the tests that run them.
const PROGRAMS: [&str; 4] = ["build", "--package", "stagewright-examples", "--bins"];

/// The tests of examples; those of one are named `NAME::…`.
const TESTS: [&str; 6] = ["test", "--package", "stagewright-tests", "--all-features", "--test", "examples"];

/// Runs the tests of the examples that are named, of all without one. Stops what it started.
pub(crate) fn examples(place: &Place, names: &[String]) -> Result<()> {
    let fixtures = up::up(place)?;
    let told = images::ensure(place, &fixtures, false)
        .and_then(|()| run(place.cargo().args(PROGRAMS).arg("--all-features")))
        .and_then(|()| run(fixtures.apply(&mut tests(place, names))));
    let stopped = fixtures.stop_started(place);
    told.and(stopped)
}

/// A module of tests has the name of its example, as Rust writes it.
fn tests(place: &Place, names: &[String]) -> Command {
    let mut command = place.cargo();
    command.args(TESTS).arg("--");
    command.args(names.iter().map(|name| format!("{}::", name.replace('-', "_"))));
    command
}
