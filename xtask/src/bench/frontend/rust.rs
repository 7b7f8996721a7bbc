//! A `stages.rs` beside a `stages.yaml` of the same Plan, both by `buildx build`. The toolchain is there.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;

use super::files::{Project, SMALL};
use crate::bench::clients::Clients;
use crate::bench::daemon::{BenchDaemon, Side};
use crate::bench::measure::{Bench, check_cached};
use crate::bench::rows::Samples;

/// The first build of each takes as long as it takes to compile the crates.
const ROUNDS: usize = 3;
/// Unchanged builds in a round.
const UNCHANGED: usize = 5;

/// The result of the step that compiles the crates, which the daemon describes by its command.
const CRATES: &str = "description~=\"cargo build --offline\"";

/// In each round: a program whose crates the daemon has forgotten, the same with another line, and as it is. The line is
/// that of a command, in the other form, too, so either side runs this one. Words are each side's own: what one has run
/// is cached for the other.
pub(super) fn run(
    bench: &Bench,
    daemon: &BenchDaemon,
    clients: &Clients,
    directory: &Path,
) -> Result<Samples> {
    let project = Project::make(directory, SMALL)?;
    let command = |side: Side, word: &str| -> Result<Vec<OsString>> {
        let file = match side {
            Side::Ours => project.rust(&format!(" {word} in Rust"))?,
            Side::Peer => project.yaml(&format!(" {word} in YAML"))?,
        };
        Ok(clients.buildx_build(&file, &project.context))
    };
    for side in [Side::Ours, Side::Peer] {
        bench.measure(None, &command(side, "before")?)?;
    }
    let mut samples = Samples::default();
    for round in 0..bench.rounds(ROUNDS) {
        daemon.forget(CRATES)?;
        for (row, word) in [("frontend-rust-first", "first"), ("frontend-rust-edited", "edited")] {
            for side in Side::in_round(round) {
                let measured = bench.measure(None, &command(side, &format!("{word} {round}"))?)?;
                samples.add(side, row, measured.seconds);
            }
        }
        for _ in 0..UNCHANGED {
            for side in Side::in_round(round) {
                let measured = bench.measure(None, &command(side, &format!("edited {round}"))?)?;
                check_cached(&measured.stderr)?;
                samples.add(side, "frontend-rust-unchanged", measured.seconds);
            }
        }
    }
    Ok(samples)
}
