//! A private buildkitd and a registry on loopback, both owned by this checkout.
//!
//! Their state lies in `target/up`: `registry/` and `buildkit/`, each with a log, a record of the process
//! and its data. Stopping keeps the data, so that the next start is warm; `down --purge` removes it.

mod daemon;
mod registry;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use stagewright_tests::{BUILDKIT_HOST, EDITOR, ENGINE, REGISTRY};

use crate::place::Place;
use crate::{editor, packages, tools};

pub(crate) use daemon::{configuration as daemon_configuration, start_daemon};

/// Where each has its state, below `target/up`.
const REGISTRY_STATE: &str = "registry";
const DAEMON_STATE: &str = "buildkit";

/// A server that runs.
struct Started {
    /// As its clients are given it.
    address: String,
    /// Whether none ran before.
    started: bool,
}

/// Which servers a task started, and so has to stop.
#[derive(Clone, Copy, Default)]
struct Ours {
    registry: bool,
    daemon: bool,
}

/// What runs, and how a program finds it.
pub(crate) struct Fixtures {
    /// Address of buildkitd: `unix://…`.
    pub(crate) buildkit_host: String,
    /// Address of the registry: `127.0.0.1:PORT`.
    pub(crate) registry: String,
    /// Directory of buildkitd, buildctl and buildx.
    pub(crate) tools: PathBuf,
    /// Docker Engine's daemon, which is there once `cargo xtask engine` has built it.
    engine: PathBuf,
    /// The YAML language server, which is there once `cargo xtask editor` has installed it.
    editor: PathBuf,
    ours: Ours,
}

impl Fixtures {
    /// The environment that tests and users of the fixtures read.
    pub(crate) fn variables(&self) -> [(&'static str, String); 5] {
        let path = packages::search_path();
        [
            (BUILDKIT_HOST, self.buildkit_host.clone()),
            (REGISTRY, self.registry.clone()),
            (ENGINE, self.engine.display().to_string()),
            (EDITOR, self.editor.display().to_string()),
            ("PATH", format!("{}:{}", self.tools.display(), path.to_string_lossy())),
        ]
    }

    /// Gives a command that environment.
    pub(crate) fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.variables())
    }

    /// Whether all of it was started for this task.
    pub(crate) fn all_started(&self) -> bool {
        self.ours.registry && self.ours.daemon
    }

    /// Stops what was started for this task; what ran before is left running.
    pub(crate) fn stop_started(&self, place: &Place) -> Result<()> {
        stop(&place.up(), self.ours)
    }
}

/// Starts what does not run yet. What was started is stopped again if the rest cannot be.
pub(crate) fn up(place: &Place) -> Result<Fixtures> {
    packages::ensure(&packages::SERVERS)?;
    let tools = tools::ensure(place)?;
    let (engine, editor) = (tools::engine(place)?, editor::program(place)?);
    let state = place.up();
    let registry = registry::start(&state.join(REGISTRY_STATE))?;
    let ours = Ours { registry: registry.started, daemon: false };
    match daemon::start(&state.join(DAEMON_STATE), &tools.join("buildkitd"), &registry.address) {
        Ok(daemon) => Ok(Fixtures {
            buildkit_host: daemon.address,
            registry: registry.address,
            tools,
            engine,
            editor,
            ours: Ours { daemon: daemon.started, ..ours },
        }),
        Err(error) => {
            stop(&state, ours)?;
            Err(error)
        }
    }
}

fn stop(state: &Path, which: Ours) -> Result<()> {
    // Both are tried, whatever becomes of the other.
    let daemon = if which.daemon { daemon::stop(&state.join(DAEMON_STATE)) } else { Ok(()) };
    let registry = if which.registry { registry::stop(&state.join(REGISTRY_STATE)) } else { Ok(()) };
    daemon.and(registry)
}

/// Stops what runs, and says what that was; with `purge` also removes all data.
pub(crate) fn down(place: &Place, purge: bool) -> Result<()> {
    let state = place.up();
    let registry = registry::running(&state.join(REGISTRY_STATE));
    let daemon = daemon::running(&state.join(DAEMON_STATE));
    stop(&state, Ours { registry: true, daemon: true })?;
    for (name, address) in [("registry", registry), ("buildkitd", daemon)] {
        match address {
            Some(address) => println!("{name}: stopped, was at {address}"),
            None => println!("{name}: did not run"),
        }
    }
    if !purge {
        return Ok(());
    }
    if state.exists() {
        fs::remove_dir_all(&state).with_context(|| format!("cannot remove {}", state.display()))?;
        println!("state: removed {}", state.display());
    } else {
        println!("state: none at {}", state.display());
    }
    Ok(())
}

/// What runs, if both do.
pub(crate) fn running(place: &Place) -> Result<Fixtures> {
    let state = place.up();
    let hint = "run `cargo xtask up` first";
    Ok(Fixtures {
        registry: registry::running(&state.join(REGISTRY_STATE))
            .context(hint)
            .context("the registry does not run")?,
        buildkit_host: daemon::running(&state.join(DAEMON_STATE))
            .context(hint)
            .context("buildkitd does not run")?,
        tools: tools::ensure(place)?,
        engine: tools::engine(place)?,
        editor: editor::program(place)?,
        ours: Ours::default(),
    })
}

/// Prints what runs and where.
pub(crate) fn status(place: &Place) {
    let state = place.up();
    let say = |name: &str, address: Option<String>| match address {
        Some(address) => println!("{name}: runs at {address}"),
        None => println!("{name}: does not run"),
    };
    say("registry", registry::running(&state.join(REGISTRY_STATE)));
    say("buildkitd", daemon::running(&state.join(DAEMON_STATE)));
    println!("state: {}", state.display());
}

/// Prints the environment as a shell reads it.
pub(crate) fn env(place: &Place) -> Result<()> {
    for (name, value) in running(place)?.variables() {
        println!("export {name}='{}'", value.replace('\'', r"'\''"));
    }
    Ok(())
}
