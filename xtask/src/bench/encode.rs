//! Graphs built and encoded, beside the Go client's library: the same ops, and the same digest at their end.
//!
//! The encoded sizes differ: the Go client also writes an empty list of locations for every op.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::measure::{Bench, Measured};
use super::rows::{Group, Samples};
use super::tools;
use crate::place::Place;

/// A graph, and how often it is made by each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Case {
    shape: Shape,
    count: u32,
    ours: usize,
    peer: usize,
}

/// As `bench-encode` and `tools/encode` take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Each exec on the one before.
    Chain,
    /// All execs on one image, and merged.
    Fan,
}

/// What either program prints.
#[derive(Debug, Deserialize)]
struct Encoded {
    seconds: f64,
    digest: String,
    ops: u64,
}

impl Case {
    pub(super) const fn new(shape: Shape, count: u32, ours: usize, peer: usize) -> Self {
        Self { shape, count, ours, peer }
    }
}

/// Time is taken in the program itself, from the first op to the last byte; memory is the process's.
pub(super) fn run(place: &Place, bench: &Bench, case: Case) -> Result<Samples> {
    let group = Group::Encode(case);
    let time = group.row("s", "").context("a row of times")?;
    let memory = group.row("MB", "");
    let shape = match case.shape {
        Shape::Chain => "chain",
        Shape::Fan => "fan",
    };
    let count = bench.amount(case.count).to_string();
    let measure = |program: &Path| -> Result<(Encoded, Measured)> {
        let measured = bench.measure(None, &[program.into(), shape.into(), count.as_str().into()])?;
        let encoded = serde_json::from_str(&measured.stdout)
            .with_context(|| format!("{} is not understood", program.display()))?;
        Ok((encoded, measured))
    };
    let (ours, peer) = (bench.program("bench-encode"), tools::go_build(place, "encode")?);
    let mut samples = Samples::default();
    let mut digests = Vec::new();
    for round in 0..bench.rounds(case.ours) {
        // Ours is first in every other round.
        for is_ours in [round % 2 == 0, round % 2 == 1] {
            if !is_ours && round >= bench.rounds(case.peer) {
                continue;
            }
            let (encoded, measured) = measure(if is_ours { &ours } else { &peer })?;
            let add = if is_ours { Samples::ours } else { Samples::peer };
            add(&mut samples, time, encoded.seconds);
            if let Some(memory) = memory {
                add(&mut samples, memory, measured.peak);
            }
            digests.push((encoded.digest, encoded.ops));
        }
    }
    digests.dedup();
    if let [one, other, ..] = digests.as_slice() {
        bail!("the same {shape} of {count} execs gave {one:?} and {other:?} (digest, ops)");
    }
    Ok(samples)
}
