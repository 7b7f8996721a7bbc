//! Commands, and what is mounted while they run.

use serde::{Deserialize, Serialize};

use super::Origin;

/// A command that is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The command.
    pub command: Command,
    /// What is mounted while it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Environment of this command alone, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
    /// Secrets in the environment of this command alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_env: Vec<SecretEnv>,
    /// Working directory of this command alone, relative to the stage's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// User of this command alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether it runs without any network but its own loopback.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_network: bool,
    /// After how many seconds its result is stale: it runs again in each such span of time, which all builds share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<u64>,
}

impl Run {
    /// A command with nothing else.
    #[must_use]
    pub fn new(command: Command) -> Self {
        Self {
            command,
            mounts: Vec::new(),
            env: Vec::new(),
            secret_env: Vec::new(),
            workdir: None,
            user: None,
            no_network: false,
            refresh: None,
        }
    }

    /// The ids of the secrets that the command is given.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let files = self.mounts.iter().filter_map(|mount| match mount {
            Mount::Secret { id, .. } => Some(id.as_str()),
            Mount::Cache(_) | Mount::Bind { .. } | Mount::Tmpfs { .. } | Mount::Ssh { .. } => None,
        });
        files.chain(self.secret_env.iter().map(|secret| secret.id.as_str()))
    }

    /// The ids of the caches that the command uses.
    pub fn caches(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter_map(|mount| match mount {
            Mount::Cache(cache) => Some(cache.id.as_deref().unwrap_or(&cache.path)),
            _ => None,
        })
    }

    /// The ids of the ssh agents that the command is lent.
    pub fn agents(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter_map(|mount| match mount {
            Mount::Ssh { id } => Some(id.as_str()),
            _ => None,
        })
    }
}

/// How a command is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// A line for the image's shell.
    Shell(String),
    /// The program and its arguments.
    Argv(Vec<String>),
    /// A text that an interpreter reads as a file.
    Script {
        /// The interpreter and its arguments; the file's path follows them.
        interpreter: Vec<String>,
        /// What is in the file.
        text: String,
    },
}

/// What is mounted while a command runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mount {
    /// A directory that outlives the build, shared by its id.
    Cache(Cache),
    /// Files of another origin, read-only.
    Bind {
        /// What they are taken from.
        from: Origin,
        /// The file or directory, from the origin's root.
        source: String,
        /// Where it is mounted.
        path: String,
    },
    /// An empty directory in memory.
    Tmpfs {
        /// Where it is mounted.
        path: String,
    },
    /// A secret as a file.
    Secret {
        /// Its id.
        id: String,
        /// Where it is mounted.
        path: String,
    },
    /// The socket of an ssh agent, which `SSH_AUTH_SOCK` names.
    Ssh {
        /// The agent's id.
        id: String,
    },
}

/// A directory that outlives the build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Where it is mounted.
    pub path: String,
    /// Its id; the path when absent, as in a Dockerfile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who may use it at the same time.
    #[serde(default, skip_serializing_if = "Sharing::is_shared")]
    pub sharing: Sharing,
    /// User and group that it is made for, by their ids; without them, root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<(u32, u32)>,
    /// Permission bits that it is made with; without them, 755.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

impl Cache {
    /// A cache at this path, shared by all steps that name the same.
    #[must_use]
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), id: None, sharing: Sharing::Shared, owner: None, mode: None }
    }
}

/// Who may use a cache at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// Several steps at once.
    #[default]
    Shared,
    /// One step; another at the same time gets a cache of its own.
    Private,
    /// One step; another at the same time waits.
    Locked,
}

impl Sharing {
    // serde's `skip_serializing_if` hands out references.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
    fn is_shared(&self) -> bool {
        *self == Self::Shared
    }
}

/// A secret in a command's environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretEnv {
    /// The variable's name.
    pub name: String,
    /// The secret's id.
    pub id: String,
}
