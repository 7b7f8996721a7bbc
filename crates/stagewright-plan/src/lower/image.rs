//! The config of an image: what its stage says on top of what it started from.

use serde_json::Map;

use crate::config::{ContainerConfig, HealthConfig};
use crate::plan::Runtime;

/// Applies a stage's runtime configuration.
///
/// As in a Dockerfile, an entrypoint discards arguments that were meant for the one before.
pub(super) fn apply(runtime: &Runtime, config: &mut ContainerConfig) {
    if let Some(entrypoint) = &runtime.entrypoint {
        config.entrypoint.clone_from(entrypoint);
        config.cmd.clear();
    }
    if let Some(cmd) = &runtime.cmd {
        config.cmd.clone_from(cmd);
    }
    for port in &runtime.expose {
        config.exposed_ports.insert(port.clone(), Map::new());
    }
    for path in &runtime.volumes {
        config.volumes.insert(path.clone(), Map::new());
    }
    config.labels.extend(runtime.labels.clone());
    if let Some(signal) = &runtime.stop_signal {
        config.stop_signal.clone_from(signal);
    }
    if let Some(check) = &runtime.healthcheck {
        config.healthcheck = Some(HealthConfig {
            test: check.test.clone(),
            interval: check.interval.unwrap_or_default(),
            timeout: check.timeout.unwrap_or_default(),
            start_period: check.start_period.unwrap_or_default(),
            start_interval: 0,
            retries: check.retries.unwrap_or_default().into(),
        });
    }
}

/// Sets a variable where it stands, or adds it.
pub(super) fn set_env(env: &mut Vec<String>, name: &str, value: &str) {
    let variable = format!("{name}={value}");
    match env
        .iter_mut()
        .find(|known| known.split_once('=').map_or(known.as_str(), |(n, _)| n) == name)
    {
        Some(known) => *known = variable,
        None => env.push(variable),
    }
}
