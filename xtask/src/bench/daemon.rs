//! A buildkitd of the bench's own, and the two clients that are compared on it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use buildkit_client::daemon::{Daemon, DaemonOptions};

use super::measure::{Bench, Measured};
use crate::place::Place;
use crate::{packages, process, tools, up};

/// Who asks for a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Ours,
    Peer,
}

impl Side {
    /// Both, ours first in every other round.
    pub(super) fn in_round(round: usize) -> [Self; 2] {
        match round % 2 {
            0 => [Self::Ours, Self::Peer],
            _ => [Self::Peer, Self::Ours],
        }
    }
}

/// A daemon, which stops when this is dropped.
pub(crate) struct BenchDaemon {
    daemon: Daemon,
    buildctl: PathBuf,
}

impl BenchDaemon {
    /// Starts one that finds images at a registry, if there is one. It throws nothing away in the middle of a round.
    pub(crate) fn start(place: &Place, work: &Path, registry: Option<&str>) -> Result<Self> {
        packages::ensure(&packages::SERVERS)?;
        let tools = tools::ensure(place)?;
        let mut options = DaemonOptions::new(tools.join("buildkitd"), state(work));
        options.config = match registry {
            Some(registry) => up::daemon_configuration(registry),
            None => "[worker.oci]\ngc = false\n".to_owned(),
        };
        let daemon = up::start_daemon(options)?;
        Ok(Self { daemon, buildctl: tools.join("buildctl") })
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.daemon.stop().context("cannot stop buildkitd")
    }

    /// Solves the definition in a file, with this directory as `context`.
    pub(super) fn solve(
        &self,
        bench: &Bench,
        side: Side,
        definition: &Path,
        context: &Path,
    ) -> Result<Measured> {
        let program = match side {
            Side::Ours => bench.program("bench-build"),
            Side::Peer => self.buildctl.clone(),
        };
        let mut command: Vec<OsString> = vec![program.into(), "--addr".into()];
        command.push(self.address().into());
        if side == Side::Peer {
            command.extend(["build", "--progress", "plain"].map(OsString::from));
        }
        command.push("--local".into());
        let mut local = OsString::from("context=");
        local.push(context);
        command.push(local);
        bench.measure(Some(definition), &command)
    }

    pub(crate) fn address(&self) -> String {
        self.daemon.endpoint().to_string()
    }

    pub(super) fn pid(&self) -> i32 {
        self.daemon.pid()
    }

    /// Makes the daemon forget everything.
    pub(super) fn prune(&self) -> Result<()> {
        self.prune_with(&[]).map(drop)
    }

    /// Makes the daemon forget the results that match a filter, of which there must be one: what they came of is done again.
    /// (`buildctl prune --filter`; images that were pulled have the type of what they were pulled for.)
    pub(super) fn forget(&self, filter: &str) -> Result<()> {
        let said = self.prune_with(&["--filter", filter])?;
        // A line for each.
        if !said.lines().any(|line| line.contains("true")) {
            bail!("the daemon has nothing to forget of {filter}:\n{said}");
        }
        Ok(())
    }

    fn prune_with(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.buildctl);
        process::output(command.args(["--addr", &self.address(), "prune", "--all"]).args(arguments))
    }
}

/// Stops the daemon of a run that was killed.
pub(crate) fn stop_left(work: &Path) -> Result<()> {
    if state(work).exists() {
        Daemon::stop_recorded(state(work)).context("cannot stop buildkitd")?;
    }
    Ok(())
}

fn state(work: &Path) -> PathBuf {
    work.join("buildkit")
}
