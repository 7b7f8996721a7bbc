//! Files that name their frontend beside each other, and the host's own command beside the daemon's own frontend.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Result, bail};

use super::docker;
use super::files::{LARGE, Project, SMALL, Shape};
use crate::bench::clients::Clients;
use crate::bench::daemon::{BenchDaemon, Side};
use crate::bench::measure::{Bench, Measured, check_cached};
use crate::bench::rows::Samples;

/// Short enough for many.
const ROUNDS: usize = 15;
/// Of what takes seconds.
const FEW_ROUNDS: usize = 7;

/// Our program in its container.
const OURS: &str = "/stages-yaml";

/// What the daemon says of an image that it unpacks.
const PULLED: &str = "extracting sha256";

/// A build as either side asks for it.
struct Pair {
    ours: Vec<OsString>,
    peer: Vec<OsString>,
}

impl Pair {
    /// Both by `buildx build`, each file with a line that names its frontend. Both are built, so that all is cached.
    fn of_frontends(bench: &Bench, clients: &Clients, directory: &Path, shape: Shape) -> Result<Self> {
        let project = Project::make(directory, shape)?;
        let (yaml, dockerfile) = (project.yaml("")?, project.dockerfile(Some("docker/dockerfile:1"))?);
        let ours = clients.buildx_build(&yaml, &project.context);
        let pair = Self { ours, peer: clients.buildx_build(&dockerfile, &project.context) };
        pair.build(bench)?;
        Ok(pair)
    }

    fn of(&self, side: Side) -> &[OsString] {
        match side {
            Side::Ours => &self.ours,
            Side::Peer => &self.peer,
        }
    }

    /// Builds both, so that all is cached.
    fn build(&self, bench: &Bench) -> Result<()> {
        bench.measure(None, &self.ours)?;
        bench.measure(None, &self.peer)?;
        Ok(())
    }

    /// A build of which all is cached; the frontend, too, or not.
    fn measure(&self, bench: &Bench, side: Side, is_pulled: bool) -> Result<f64> {
        let Measured { seconds, stderr, .. } = bench.measure(None, self.of(side))?;
        check_cached(&stderr)?;
        if stderr.contains(PULLED) != is_pulled {
            bail!("the frontend was {}pulled:\n{stderr}", if is_pulled { "not " } else { "" });
        }
        Ok(seconds)
    }

    /// Rounds of it.
    fn time(&self, bench: &Bench, rounds: usize, row: &'static str, samples: &mut Samples) -> Result<()> {
        for round in 0..bench.rounds(rounds) {
            for side in Side::in_round(round) {
                samples.add(side, row, self.measure(bench, side, false)?);
            }
        }
        Ok(())
    }

    /// Rounds in which the frontend's process is looked at.
    fn inside(
        &self,
        bench: &Bench,
        daemon: &BenchDaemon,
        mut add: impl FnMut(Side, &Measured),
    ) -> Result<()> {
        for round in 0..bench.rounds(FEW_ROUNDS) {
            for side in Side::in_round(round) {
                let program = match side {
                    Side::Ours => OURS,
                    Side::Peer => docker::PATH,
                };
                add(side, &bench.measure_inside(program, daemon.pid(), self.of(side))?);
            }
        }
        Ok(())
    }
}

pub(super) fn warm(bench: &Bench, clients: &Clients, directory: &Path) -> Result<Samples> {
    let pair = Pair::of_frontends(bench, clients, directory, SMALL)?;
    let mut samples = Samples::default();
    pair.time(bench, ROUNDS, "frontend-warm", &mut samples)?;
    Ok(samples)
}

/// Before each build the daemon forgets the frontends' images, and nothing else.
pub(super) fn cold(
    bench: &Bench,
    daemon: &BenchDaemon,
    clients: &Clients,
    directory: &Path,
) -> Result<Samples> {
    let pair = Pair::of_frontends(bench, clients, directory, SMALL)?;
    let mut samples = Samples::default();
    for round in 0..bench.rounds(FEW_ROUNDS) {
        for side in Side::in_round(round) {
            daemon.forget("type==frontend")?;
            samples.add(side, "frontend-cold", pair.measure(bench, side, true)?);
        }
    }
    Ok(samples)
}

pub(super) fn memory(
    bench: &Bench,
    daemon: &BenchDaemon,
    clients: &Clients,
    directory: &Path,
) -> Result<Samples> {
    let pair = Pair::of_frontends(bench, clients, directory, SMALL)?;
    let mut samples = Samples::default();
    pair.inside(bench, daemon, |side, it| samples.add(side, "frontend-memory", it.peak))?;
    Ok(samples)
}

/// Every command has been run before: the frontend reads the file, makes its definition and sends it, and the daemon finds
/// it all cached. The latter is most of the time, and the same for both sides, so the frontend's own part is taken as the
/// processor time of its process; the whole is only told.
pub(super) fn steps(
    bench: &Bench,
    daemon: &BenchDaemon,
    clients: &Clients,
    directory: &Path,
) -> Result<Samples> {
    let pair = Pair::of_frontends(bench, clients, directory, LARGE)?;
    let mut samples = Samples::default();
    pair.time(bench, FEW_ROUNDS, "frontend-steps-whole", &mut samples)?;
    pair.inside(bench, daemon, |side, it| {
        samples.add(side, "frontend-steps", it.processor);
        samples.add(side, "frontend-steps-memory", it.peak);
    })?;
    Ok(samples)
}

/// `stagewright build`, which reads the file by itself, beside `buildx build` of a file that names no frontend.
pub(super) fn host(bench: &Bench, clients: &Clients, directory: &Path) -> Result<Samples> {
    let project = Project::make(directory, SMALL)?;
    let (yaml, dockerfile) = (project.yaml("")?, project.dockerfile(None)?);
    let ours = clients.stagewright_build(&yaml, &project.context);
    let pair = Pair { ours, peer: clients.buildx_build(&dockerfile, &project.context) };
    pair.build(bench)?;
    let mut samples = Samples::default();
    pair.time(bench, ROUNDS, "frontend-host", &mut samples)?;
    Ok(samples)
}
