//! A buildkitd of the bench's own, and the two clients that are compared on it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use buildkit_client::daemon::{Daemon, DaemonOptions};

use super::measure::{Bench, Measured};
use crate::place::Place;
use crate::{packages, process, tools, up};

/// Nothing is thrown away in the middle of a round.
const CONFIG: &str = "[worker.oci]\ngc = false\n";

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
pub(super) struct BenchDaemon {
    daemon: Daemon,
    buildctl: PathBuf,
}

impl BenchDaemon {
    pub(super) fn start(place: &Place, work: &Path) -> Result<Self> {
        packages::ensure()?;
        let tools = tools::ensure(place)?;
        let mut options = DaemonOptions::new(tools.join("buildkitd"), state(work));
        options.config = CONFIG.to_owned();
        let daemon = up::start_daemon(options)?;
        Ok(Self { daemon, buildctl: tools.join("buildctl") })
    }

    pub(super) fn stop(self) -> Result<()> {
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
        command.push(self.daemon.endpoint().to_string().into());
        if side == Side::Peer {
            command.extend(["build", "--progress", "plain"].map(OsString::from));
        }
        command.push("--local".into());
        let mut local = OsString::from("context=");
        local.push(context);
        command.push(local);
        bench.measure(Some(definition), &command)
    }

    /// Makes the daemon forget everything.
    pub(super) fn prune(&self) -> Result<()> {
        let address = self.daemon.endpoint().to_string();
        let mut command = Command::new(&self.buildctl);
        process::output(command.args(["--addr", &address, "prune", "--all"]))?;
        Ok(())
    }
}

/// Stops the daemon of a run that was killed.
pub(super) fn stop_left(work: &Path) -> Result<()> {
    if state(work).exists() {
        Daemon::stop_recorded(state(work)).context("cannot stop buildkitd")?;
    }
    Ok(())
}

fn state(work: &Path) -> PathBuf {
    work.join("buildkit")
}
