//! The Plan: one description of a multi-stage build, whatever it was written in.
//!
//! Plain data, closed and versioned: it can be written as JSON and read back without loss, so that the program
//! that makes it and the one that builds it may be two.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::site::Site;

/// The version of the Plan's form that this crate reads and writes.
pub const VERSION: u32 = 1;

/// A multi-stage build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The form's version: [`VERSION`].
    pub version: u32,
    /// The platform that it was made for, if the program asked for it; without it, the Plan serves every platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The stages in the order in which they were started. One may copy from a later one.
    pub stages: Vec<Stage>,
    /// What can be asked for.
    pub targets: Vec<Target>,
    /// The secrets that steps use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretSpec>,
}

impl Plan {
    /// The stage of this name.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// The target of this name.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.name == name)
    }

    /// The targets that are built when none is named.
    pub fn products(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| target.product)
    }

    /// A Plan as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a Plan has string keys and finite numbers only")
    }

    /// A Plan from JSON.
    ///
    /// # Errors
    ///
    /// Text that is no Plan, or one of another version.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_str(text)?;
        if version != VERSION {
            return Err(PlanError::Version { found: version });
        }
        Ok(serde_json::from_str(text)?)
    }
}

/// Why a text is no Plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is no JSON, or not of a Plan's form.
    #[error("not a plan: {0}")]
    Form(#[from] serde_json::Error),
    /// It is a Plan of another version.
    #[error("a plan of version {found}, but this program reads version {VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
}

/// What a stage is for; decides what may start from it and what it hands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What other stages have in common.
    Base,
    /// Dependencies, installed from their manifests.
    Deps,
    /// What makes artifacts.
    Builder,
    /// What judges: it succeeds or fails, and hands on nothing but that.
    Tester,
    /// An image that ships.
    Runtime,
    /// An image for development.
    Dev,
}

impl Role {
    /// Whether a stage of this role is an image: only then it has runtime configuration.
    #[must_use]
    pub fn is_image(self) -> bool {
        matches!(self, Self::Runtime | Self::Dev)
    }

    /// The role's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Deps => "deps",
            Self::Builder => "builder",
            Self::Tester => "tester",
            Self::Runtime => "runtime",
            Self::Dev => "dev",
        }
    }
}

/// A named part of a build: where it starts, and the steps from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its name, unique in the Plan.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Where it starts.
    pub from: Origin,
    /// What it does, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// How a container of it runs, if it is an image.
    #[serde(default, skip_serializing_if = "Runtime::is_empty")]
    pub runtime: Runtime,
    /// The testers that must have passed before this stage may be a target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// What a tester leaves for people: exported when the tester is a target, instead of its whole filesystem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<Report>,
    /// Where it was started.
    pub at: Site,
    /// The presets that it was started through, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<Site>,
}

/// Where a stage starts, or what a step copies from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Nothing: an empty filesystem.
    Scratch,
    /// An image of a registry.
    Image(Image),
    /// Another stage, by name.
    Stage(String),
    /// A context, by name: files of the person who builds.
    Context(String),
}

/// An image of a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Its name as written, as in `node:18-slim`.
    pub name: String,
    /// The platform that is taken of it.
    #[serde(default, skip_serializing_if = "OnPlatform::is_target")]
    pub on: OnPlatform,
}

/// The platform that an image is taken for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnPlatform {
    /// The platform that is built for.
    #[default]
    Target,
    /// The platform that builds: for tools.
    Build,
}

impl OnPlatform {
    fn is_target(&self) -> bool {
        *self == Self::Target
    }
}

/// "This must have succeeded."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The tester's name.
    pub stage: String,
    /// Where it was demanded.
    pub at: Site,
}

/// A file or directory that a tester leaves for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The file or directory, relative to the working directory at the end of the stage.
    pub path: String,
    /// Where it was named.
    pub at: Site,
}

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

/// A secret that the person who builds gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSpec {
    /// Its id.
    pub id: String,
    /// Whether the build goes on without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Where it was declared.
    pub at: Site,
}

/// How a container of an image runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// The program, with first arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Arguments of the entrypoint; without one, the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Ports that it serves, as in `3000/tcp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expose: Vec<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How it is told whether it is healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<HealthcheckSpec>,
    /// Directories of data that outlive a container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    /// The signal that stops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
}

impl Runtime {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How it is told whether a container is healthy. Times in nanoseconds; none is the engine's default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthcheckSpec {
    /// `["CMD", …]`, `["CMD-SHELL", line]` or `["NONE"]`.
    pub test: Vec<String>,
    /// From one check to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<u64>,
    /// Limit of one check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// Grace after the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_period: Option<u64>,
    /// Failures in a row until it counts as unhealthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
}

/// Something that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// The stage.
    pub stage: String,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it is built when no target is named.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub product: bool,
    /// Where it was declared.
    pub at: Site,
}
