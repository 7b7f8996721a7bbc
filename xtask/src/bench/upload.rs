//! Contexts sent to a daemon: not known to it, known, and known but for one file.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::daemon::{BenchDaemon, Side};
use super::measure::{Bench, Measured};
use super::rows::{Group, Samples};
use super::{definitions, tree};

/// What is sent, and in how many rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Small files.
    Files { name: &'static str, count: u32, rounds: usize },
    /// A single file.
    OneFile { megabytes: u32, rounds: usize },
}

impl Case {
    fn rounds(self) -> usize {
        match self {
            Self::Files { rounds, .. } | Self::OneFile { rounds, .. } => rounds,
        }
    }

    fn make(self, bench: &Bench, context: &Path) -> Result<()> {
        match self {
            Self::Files { count, .. } => tree::sources(context, bench.amount(count)),
            Self::OneFile { megabytes, .. } => tree::large(context, bench.amount(megabytes)),
        }
    }
}

/// In each round each side has a copy at the daemon of its own, which is new; at its end the daemon forgets both.
pub(super) fn run(bench: &Bench, daemon: &BenchDaemon, case: Case) -> Result<Samples> {
    let context = bench.work.join("context");
    case.make(bench, &context)?;
    let mut samples = Samples::default();
    for round in 0..bench.rounds(case.rounds()) {
        run_round(bench, daemon, case, &context, round, &mut samples)?;
        daemon.prune()?;
    }
    fs::remove_dir_all(&context).with_context(|| format!("cannot remove {}", context.display()))?;
    Ok(samples)
}

fn run_round(
    bench: &Bench,
    daemon: &BenchDaemon,
    case: Case,
    context: &Path,
    round: usize,
    samples: &mut Samples,
) -> Result<()> {
    let group = Group::Upload(case);
    let ours = definitions::upload(&bench.work, &format!("ours-{round}"))?;
    let peer = definitions::upload(&bench.work, &format!("peer-{round}"))?;
    let solve = |side: Side| {
        let definition = match side {
            Side::Ours => &ours,
            Side::Peer => &peer,
        };
        daemon.solve(bench, side, definition, context)
    };
    let mut phase = |end: &str, files: u64| -> Result<()> {
        let time = group.row("s", end).with_context(|| format!("a row of times for {end}"))?;
        let memory = group.row("MB", &format!("{end}-memory"));
        for side in Side::in_round(round) {
            let measured = solve(side)?;
            let add = match side {
                Side::Ours => Samples::ours,
                Side::Peer => Samples::peer,
            };
            add(samples, time, measured.seconds);
            if let Some(memory) = memory {
                add(samples, memory, measured.peak);
            }
            if side == Side::Ours {
                expect_sent(&measured, files)?;
            }
        }
        Ok(())
    };
    match case {
        Case::OneFile { .. } => phase("", 1)?,
        Case::Files { count, .. } => {
            phase("-cold", u64::from(bench.amount(count)))?;
            phase("-unchanged", 0)?;
            tree::change(context)?;
            phase("-changed", 1)?;
        }
    }
    // The daemon compares what is announced with its copy, whoever made it: to the copy that the peer made nothing
    // is to be added either.
    expect_sent(&daemon.solve(bench, Side::Ours, &peer, context)?, 0)
}

/// Fails unless the daemon asked ours for as many files.
fn expect_sent(measured: &Measured, files: u64) -> Result<()> {
    let line = measured.stderr.lines().find(|line| line.starts_with("sent context: "));
    if !line.is_some_and(|line| line.starts_with(&format!("sent context: {files} files"))) {
        bail!("the daemon was to ask for {files} files; the client says: {line:?}");
    }
    Ok(())
}
