//! The image config: how a container of an image runs, and what the image was made by.
//!
//! The OCI image config with Docker's additions (healthcheck, shell, onbuild). What is unknown here is kept, so that
//! a base image's config comes through whole. Field order as Docker writes it (OCI image-spec v1.1 `config.md`,
//! docker image-spec v1.3).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An image config.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When it was made (RFC 3339); without it, the exporter says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The processor it runs on, as in `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// The processor's variant, as in `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The operating system it runs on, as in `linux`.
    #[serde(default)]
    pub os: String,
    /// How a container runs.
    #[serde(default)]
    pub config: ContainerConfig,
    /// The layers; the exporter writes those of the result.
    #[serde(default)]
    pub rootfs: RootFs,
    /// What made each layer, oldest first.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
    /// What this crate does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How a container runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// User, with `:group` if wanted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Ports that it serves: the keys.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Map<String, Value>>,
    /// Environment, as `NAME=value`.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// The program, with first arguments.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// Arguments of the entrypoint.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Directories of data: the keys.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Map<String, Value>>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Labels.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The signal that stops it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// How it is told whether it is healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<HealthConfig>,
    /// What a Dockerfile that starts from the image would run.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub on_build: Vec<String>,
    /// The shell that reads command lines; without it, `/bin/sh -c`.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub shell: Vec<String>,
    /// What this crate does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How it is told whether a container is healthy. Times in nanoseconds; 0 is the engine's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthConfig {
    /// `["CMD", …]`, `["CMD-SHELL", line]` or `["NONE"]`.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// From one check to the next.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interval: u64,
    /// Limit of one check.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timeout: u64,
    /// Grace after the start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_period: u64,
    /// From one check to the next within the grace.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_interval: u64,
    /// Failures in a row until it counts as unhealthy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u64,
}

/// The layers of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digests of the layers, uncompressed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub diff_ids: Vec<String>,
}

impl Default for RootFs {
    fn default() -> Self {
        Self { kind: "layers".to_owned(), diff_ids: Vec::new() }
    }
}

/// What made a layer, or changed the config.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// When (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The step.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// The tool.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether it made no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
    /// What this crate does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl ImageConfig {
    /// A config from JSON.
    ///
    /// # Errors
    ///
    /// Bytes that are no image config.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The config as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an image config has string keys only")
    }
}

// serde's `skip_serializing_if` hands out references.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Go writes an empty list or map as `null`.
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_comes_through_whole() {
        let text = r#"{"created":"2026-11-01T00:00:00Z","architecture":"amd64","os":"linux","config":{"User":"node","ExposedPorts":{"3000/tcp":{}},"Env":["PATH=/bin","A="],"Cmd":["node"],"WorkingDir":"/app","Healthcheck":{"Test":["CMD","true"],"Interval":30000000000},"Shell":["/bin/bash","-c"],"ArgsEscaped":true},"rootfs":{"type":"layers","diff_ids":["sha256:00"]},"history":[{"created_by":"x","author":"me"}],"author":"you"}"#;
        let config = ImageConfig::from_json(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(config.to_json()).unwrap(), text);
    }

    #[test]
    fn nulls_are_empty() {
        let text = r#"{"architecture":"amd64","os":"linux","config":{"Env":null,"Cmd":null,"Volumes":null},"rootfs":{"type":"layers","diff_ids":null},"history":null}"#;
        let config = ImageConfig::from_json(text.as_bytes()).unwrap();
        assert_eq!(config.config, ContainerConfig::default());
    }
}
