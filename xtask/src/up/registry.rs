//! The registry on loopback: Debian's docker-registry on a free port.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use stagewright_tests::Registry;

use super::Started;
use super::process::Process;
use crate::packages;
use crate::process::check_interrupt;

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is written down about a registry that was started.
#[derive(Serialize, Deserialize)]
struct Record {
    process: Process,
    port: u16,
}

/// Starts the registry unless it runs.
pub(super) fn start(state: &Path) -> Result<Started> {
    if let Some(address) = running(state) {
        return Ok(Started { address, started: false });
    }
    fs::create_dir_all(state).with_context(|| format!("cannot create {}", state.display()))?;
    let program = packages::find("docker-registry").context("docker-registry is not installed")?;
    let port = free_port(read(state).map(|record| record.port))?;
    let config = state.join("config.json");
    // JSON is YAML, which is what the registry reads.
    let text = serde_json::json!({
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": true}},
        "storage": {
            "filesystem": {"rootdirectory": state.join("data")},
            "delete": {"enabled": true},
        },
        "http": {"addr": address(port)},
    });
    fs::write(&config, text.to_string()).with_context(|| format!("cannot write {}", config.display()))?;
    let log = state.join("log");
    // Variables of the environment would change its configuration.
    let process = Process::start(Command::new(program).arg("serve").arg(&config).env_clear(), &log)?;
    let record = Record { process, port };
    fs::write(record_path(state), serde_json::to_string(&record)?)?;

    let address = address(port);
    let registry = Registry::new(address.clone());
    let end = Instant::now() + PATIENCE;
    while let Err(error) = registry.ping() {
        check_interrupt()?;
        if !process.runs() {
            let said = fs::read_to_string(&log).unwrap_or_default();
            bail!("the registry ended at once:\n{said}");
        }
        if Instant::now() > end {
            return Err(error).context("the registry does not answer");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(Started { address, started: true })
}

/// Stops the registry if it runs.
pub(super) fn stop(state: &Path) -> Result<()> {
    match read(state) {
        Some(record) => record.process.stop().context("cannot stop the registry"),
        None => Ok(()),
    }
}

/// The address of the registry, if it runs.
pub(super) fn running(state: &Path) -> Option<String> {
    read(state)
        .filter(|record| record.process.runs())
        .map(|record| address(record.port))
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// The last port again if it is free, so that names of images stay what they were.
fn free_port(last: Option<u16>) -> Result<u16> {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).and_then(|it| it.local_addr());
    last.and_then(|port| free(port).ok())
        .map_or_else(|| free(0), Ok)
        .map(|address| address.port())
        .context("no port is free on loopback")
}

/// What was written down, unless it is missing or damaged: then nothing is known to run.
fn read(state: &Path) -> Option<Record> {
    serde_json::from_str(&fs::read_to_string(record_path(state)).ok()?).ok()
}

fn record_path(state: &Path) -> std::path::PathBuf {
    state.join("process.json")
}
