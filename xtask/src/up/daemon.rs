//! The private buildkitd, by the product's own code, with the registry on loopback as its mirror of
//! docker.io.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use buildkit_client::daemon::{Daemon, DaemonOptions};

use super::Started;

/// Starts buildkitd unless it runs with this very registry.
pub(super) fn start(state: &Path, program: &Path, registry: &str) -> Result<Started> {
    let config = configuration(registry);
    let before = running(state);
    let started = before.is_none();
    if let Some(address) = before {
        // The registry may have come back at another port.
        if fs::read_to_string(state.join("buildkitd.toml")).is_ok_and(|text| text == config) {
            return Ok(Started { address, started });
        }
        stop(state)?;
    }
    let mut options = DaemonOptions::new(program, state);
    options.config = config;
    let daemon = start_daemon(options)?;
    let address = daemon.endpoint().to_string();
    daemon.detach();
    Ok(Started { address, started })
}

/// Starts buildkitd, and waits until it serves.
pub(crate) fn start_daemon(options: DaemonOptions) -> Result<Daemon> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(Daemon::start(options)).context("cannot start buildkitd")
}

/// Stops buildkitd if it runs, and cleans up after one that was killed.
pub(super) fn stop(state: &Path) -> Result<()> {
    Daemon::stop_recorded(state).context("cannot stop buildkitd")?;
    Ok(())
}

/// The address of buildkitd, if it runs.
pub(super) fn running(state: &Path) -> Option<String> {
    // A record that does not read is reported by whoever starts or stops.
    let daemon = Daemon::attach(state).ok()??;
    Some(daemon.endpoint().to_string())
}

/// buildkitd's configuration (BuildKit v0.33 `cmd/buildkitd/config`). Nothing is collected as garbage: what large uploads
/// of one test would push out, another counts on. `down --purge` removes it.
pub(crate) fn configuration(registry: &str) -> String {
    format!(
        "[worker.oci]\n\
         gc = false\n\
         \n\
         [registry.\"docker.io\"]\n\
         mirrors = [\"{registry}\"]\n\
         \n\
         [registry.\"{registry}\"]\n\
         http = true\n\
         insecure = true\n"
    )
}
