//! The private buildkitd, whose mirror of docker.io is the registry on loopback.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::process::Process;
use crate::packages;

/// A buildkitd that runs.
pub(super) struct Started {
    /// `unix://…`.
    pub(super) address: String,
    /// Whether it did not run before.
    pub(super) started: bool,
}

/// Starts buildkitd unless it runs.
pub(super) fn start(state: &Path, program: &Path, registry: &str) -> Result<Started> {
    if let Some(address) = running(state) {
        return Ok(Started { address, started: false });
    }
    fs::create_dir_all(state).with_context(|| format!("cannot create {}", state.display()))?;
    let config = state.join("buildkitd.toml");
    fs::write(&config, configuration(registry))
        .with_context(|| format!("cannot write {}", config.display()))?;
    let address = format!("unix://{}", state.join("buildkitd.sock").display());
    let process = Process::start(
        Command::new(program)
            .arg("--config")
            .arg(&config)
            .arg("--root")
            .arg(state.join("root"))
            .arg("--addr")
            .arg(&address)
            .arg("--otel-socket-path")
            .arg(state.join("otel.sock"))
            .env("PATH", packages::search_path()),
        &state.join("log"),
    )?;
    fs::write(state.join("process.json"), serde_json::to_string(&process)?)?;
    std::thread::sleep(std::time::Duration::from_secs(2));
    Ok(Started { address, started: true })
}

/// Stops buildkitd if it runs.
pub(super) fn stop(state: &Path) -> Result<()> {
    match read(state) {
        Some(p) => p.stop(),
        None => Ok(()),
    }
}

/// The address of buildkitd, if it runs.
pub(super) fn running(state: &Path) -> Option<String> {
    read(state).filter(|p| p.runs()).map(|_| format!("unix://{}", state.join("buildkitd.sock").display()))
}

fn read(state: &Path) -> Option<Process> {
    serde_json::from_str(&fs::read_to_string(state.join("process.json")).ok()?).ok()
}

/// buildkitd's configuration (BuildKit v0.33 `docs/buildkitd.toml.md`).
fn configuration(registry: &str) -> String {
    format!(
        "[registry.\"docker.io\"]\n\
         mirrors = [\"{registry}\"]\n\
         [registry.\"{registry}\"]\n\
         http = true\n\
         insecure = true\n"
    )
}
