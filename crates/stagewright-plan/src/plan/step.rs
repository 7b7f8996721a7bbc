//! What the steps of a stage do.

use serde::{Deserialize, Serialize};

use super::{Mount, Origin, Run};
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
                    Mount::Cache(_) | Mount::Tmpfs { .. } | Mount::Secret { .. } | Mount::Ssh { .. } => None,
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
    /// Makes a user, and a group of the same name and id.
    AddUser(NewUser),
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
    /// Removes a file, or a directory with what is in it.
    Remove {
        /// What is removed, relative to the working directory; `*`, `?` and `[…]` match names.
        path: String,
        /// Whether it need not be there.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        optional: bool,
    },
    /// Makes a symbolic link in a directory that is there.
    Symlink {
        /// What the link says.
        target: String,
        /// The link, relative to the working directory.
        path: String,
    },
}

/// A user who does not log in, with a group of the same name and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name of both.
    pub name: String,
    /// The id of both.
    pub id: u32,
    /// The home directory, which is made; without it there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
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
    /// Whether paths that are not there are passed over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Whether the directories above each path are kept; of `a/./b/c` those after the dot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parents: bool,
    /// Whether the copy is a layer of its own, which does not depend on what is below it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub link: bool,
    /// Whether archives are unpacked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpack: bool,
}

impl Copy {
    /// A copy of these paths as they are.
    #[must_use]
    pub fn new(from: Origin, paths: Vec<String>, to: impl Into<String>) -> Self {
        Self {
            from,
            paths,
            to: to.into(),
            include: Vec::new(),
            exclude: Vec::new(),
            owner: None,
            mode: None,
            optional: false,
            parents: false,
            link: false,
            unpack: false,
        }
    }
}
