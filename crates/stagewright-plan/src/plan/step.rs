//! What the steps of a stage do.

use serde::{Deserialize, Serialize};

use super::Origin;
use crate::site::Site;

/// One thing that a stage does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Where it was written.
    pub at: Site,
    /// The presets that it came through, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<Site>,
    /// What it does.
    pub action: Action,
}

impl Step {
    /// What the step takes files from, and the paths there.
    pub(crate) fn origins(&self) -> Vec<(&Origin, &[String])> {
        match &self.action {
            Action::Copy(copy) => vec![(&copy.from, copy.paths.as_slice())],
            Action::Run(run) => {
                let binds = run.mounts.iter().filter_map(|mount| match mount {
                    Mount::Bind { from, source, .. } => Some((from, std::slice::from_ref(source))),
                    Mount::Cache { .. } | Mount::Tmpfs { .. } | Mount::Secret { .. } | Mount::Ssh { .. } => {
                        None
                    }
                });
                binds.collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Copies files.
    Copy(Copy),
    /// Runs a command.
    Run(Run),
    /// Sets an environment variable, for later steps and in the image.
    Env {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// Sets the working directory, which is made if it is missing.
    Workdir {
        /// The directory, relative to the one before.
        path: String,
    },
    /// Sets the user of later steps and of the image.
    User {
        /// Name or id, with `:group` if wanted.
        user: String,
    },
    /// Makes a directory with its parents.
    Mkdir {
        /// The directory, relative to the working directory.
        path: String,
        /// Permission bits.
        mode: u32,
        /// User, with `:group` if wanted; without it, root.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    /// Writes a file, with the directories above it.
    File {
        /// The file, relative to the working directory.
        path: String,
        /// What is in it.
        text: String,
        /// Permission bits.
        mode: u32,
        /// User, with `:group` if wanted; without it, root.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
}

/// Files that are copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// What they are taken from.
    pub from: Origin,
    /// The files and directories: of a directory, what is in it. Slash-separated, from the origin's root; `*`, `?`
    /// and `[…]` match names.
    pub paths: Vec<String>,
    /// Where they go, relative to the working directory; with a slash at its end, into that directory.
    pub to: String,
    /// Only what matches one of these, below each path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Nothing that matches one of these, below each path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// User, with `:group` if wanted; without it, root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Permission bits; without them, as in the origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

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
}

impl Run {
    /// The ids of the secrets that the command is given.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let files = self.mounts.iter().filter_map(|mount| match mount {
            Mount::Secret { id, .. } => Some(id.as_str()),
            Mount::Cache { .. } | Mount::Bind { .. } | Mount::Tmpfs { .. } | Mount::Ssh { .. } => None,
        });
        files.chain(self.secret_env.iter().map(|secret| secret.id.as_str()))
    }

    /// The ids of the caches that the command uses.
    pub fn caches(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter_map(|mount| match mount {
            Mount::Cache { id, path, .. } => Some(id.as_deref().unwrap_or(path)),
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
}

/// What is mounted while a command runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mount {
    /// A directory that outlives the build, shared by its id.
    Cache {
        /// Where it is mounted.
        path: String,
        /// Its id; the path when absent, as in a Dockerfile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Who may use it at the same time.
        #[serde(default, skip_serializing_if = "Sharing::is_shared")]
        sharing: Sharing,
    },
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
