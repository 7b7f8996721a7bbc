//! A build of which everything is cached: what starting, connecting, asking and ending cost.

use anyhow::Result;

use super::daemon::{BenchDaemon, Side};
use super::measure::{Bench, check_cached};
use super::rows::Samples;
use super::{definitions, tree};

/// Short enough for many.
const ROUNDS: usize = 15;
/// Files of the context, which both sides have to announce each time.
const FILES: u32 = 50;

pub(super) fn run(bench: &Bench, daemon: &BenchDaemon) -> Result<Samples> {
    let context = bench.work.join("noop");
    tree::sources(&context, FILES)?;
    let definition = definitions::project(&bench.work, "noop")?;
    for side in [Side::Ours, Side::Peer] {
        daemon.solve(bench, side, &definition, &context)?;
    }
    let mut samples = Samples::default();
    for round in 0..bench.rounds(ROUNDS) {
        for side in Side::in_round(round) {
            let measured = daemon.solve(bench, side, &definition, &context)?;
            check_cached(&measured.stderr)?;
            match side {
                Side::Ours => samples.ours("noop", measured.seconds),
                Side::Peer => samples.peer("noop", measured.seconds),
            }
        }
    }
    daemon.prune()?;
    Ok(samples)
}
