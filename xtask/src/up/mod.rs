//! A private buildkitd and a registry on loopback, both owned by this checkout.
//!
//! Their state lies in `target/up`: `registry/` and `buildkit/`, each with a log, a record of the process
//! and its data. Stopping keeps the data, so that the next start is warm; `down --purge` removes it.

mod daemon;
mod process;
mod registry;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use stagewright_tests::{BUILDKIT_HOST, REGISTRY};

use crate::place::Place;
use crate::{packages, tools};

/// A server that runs.
struct Started {
    /// As its clients are given it.
    address: String,
    /// Whether it did not run before.
    started: bool,
}

/// What runs, and how a program finds it.
pub(crate) struct Fixtures {
    /// Address of buildkitd: `unix://…`.
    pub(crate) buildkit_host: String,
    /// Address of the registry: `127.0.0.1:PORT`.
    pub(crate) registry: String,
    /// Directory of buildkitd, buildctl and buildx.
    pub(crate) tools: PathBuf,
    /// Whether this call started anything: then its caller stops it.
    pub(crate) started: bool,
}

impl Fixtures {
    /// The environment that tests and users of the fixtures read.
    pub(crate) fn variables(&self) -> [(&'static str, String); 3] {
        let path = packages::search_path();
        [
            (BUILDKIT_HOST, self.buildkit_host.clone()),
            (REGISTRY, self.registry.clone()),
            ("PATH", format!("{}:{}", self.tools.display(), path.to_string_lossy())),
        ]
    }

    /// Gives a command that environment.
    pub(crate) fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.variables())
    }
}

/// Starts what does not run yet. What was started is stopped again if the rest cannot be.
pub(crate) fn up(place: &Place) -> Result<Fixtures> {
    packages::ensure()?;
    let tools = tools::ensure(place)?;
    let state = place.up();
    let result = start(&state, tools);
    if result.is_err() {
        down(place, false)?;
    }
    result
}

fn start(state: &std::path::Path, tools: PathBuf) -> Result<Fixtures> {
    let registry = registry::start(&state.join("registry"))?;
    let daemon = daemon::start(&state.join("buildkit"), &tools.join("buildkitd"), &registry.address)?;
    Ok(Fixtures {
        buildkit_host: daemon.address,
        registry: registry.address,
        tools,
        started: registry.started || daemon.started,
    })
}

/// Stops what runs; with `purge` also removes all data.
pub(crate) fn down(place: &Place, purge: bool) -> Result<()> {
    let state = place.up();
    // Both are tried, whatever becomes of the other.
    let daemon = daemon::stop(&state.join("buildkit"));
    let registry = registry::stop(&state.join("registry"));
    daemon?;
    registry?;
    if purge && state.exists() {
        fs::remove_dir_all(&state).with_context(|| format!("cannot remove {}", state.display()))?;
    }
    Ok(())
}

/// What runs, if both do.
pub(crate) fn running(place: &Place) -> Result<Fixtures> {
    let state = place.up();
    let hint = "run `cargo xtask up` first";
    Ok(Fixtures {
        registry: registry::running(&state.join("registry"))
            .context(hint)
            .context("the registry does not run")?,
        buildkit_host: daemon::running(&state.join("buildkit"))
            .context(hint)
            .context("buildkitd does not run")?,
        tools: tools::ensure(place)?,
        started: false,
    })
}

/// Prints what runs and where.
pub(crate) fn status(place: &Place) {
    let state = place.up();
    let say = |name: &str, address: Option<String>| match address {
        Some(address) => println!("{name}: runs at {address}"),
        None => println!("{name}: does not run"),
    };
    say("registry", registry::running(&state.join("registry")));
    say("buildkitd", daemon::running(&state.join("buildkit")));
    println!("state: {}", state.display());
}

/// Prints the environment as a shell reads it.
pub(crate) fn env(place: &Place) -> Result<()> {
    for (name, value) in running(place)?.variables() {
        println!("export {name}='{}'", value.replace('\'', r"'\''"));
    }
    Ok(())
}
