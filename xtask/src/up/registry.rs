//! The registry on loopback: Debian's docker-registry on a free port.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use buildkit_client::daemon::Process;
use serde::{Deserialize, Serialize};
use stagewright_tests::Registry;

use super::Started;
use crate::packages;
use crate::process::check_interrupt;

/// How long it may take until it answers, or ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is written down about a registry that was started.
#[derive(Serialize, Deserialize)]
struct Record {
    process: Process,
    port: u16,
}

impl Record {
    fn stop(&self) -> Result<()> {
        self.process.stop(None, PATIENCE).context("cannot stop the registry")
    }
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
    let output = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
    let child = Command::new(program)
        .arg("serve")
        .arg(&config)
        // Variables of the environment would change its configuration.
        .env_clear()
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        // Ctrl-C in the terminal does not reach it.
        .process_group(0)
        .spawn()
        .context("cannot run docker-registry")?;
    let record = Record { process: Process::of(&child), port };
    let ready = write(state, &record).and_then(|()| wait_ready(&record, &log));
    if ready.is_err() {
        record.stop()?;
    }
    ready.map(|()| Started { address: address(port), started: true })
}

fn wait_ready(record: &Record, log: &Path) -> Result<()> {
    let registry = Registry::new(address(record.port));
    let end = Instant::now() + PATIENCE;
    while let Err(error) = registry.ping() {
        check_interrupt()?;
        if !record.process.is_running() {
            let said = fs::read_to_string(log).unwrap_or_default();
            bail!("the registry ended at once:\n{said}");
        }
        if Instant::now() > end {
            return Err(error).context("the registry does not answer");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Stops the registry if it runs.
pub(super) fn stop(state: &Path) -> Result<()> {
    match read(state) {
        Some(record) => record.stop(),
        None => Ok(()),
    }
}

/// The address of the registry, if it runs.
pub(super) fn running(state: &Path) -> Option<String> {
    read(state)
        .filter(|record| record.process.is_running())
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

fn write(state: &Path, record: &Record) -> Result<()> {
    let path = record_path(state);
    fs::write(&path, serde_json::to_string(record)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

fn record_path(state: &Path) -> PathBuf {
    state.join("process.json")
}
