//! The Plan: one description of a multi-stage build, whatever it was written in.
//!
//! Plain data, closed and versioned: it can be written as JSON and read back without loss, so that the program
//! that makes it and the one that builds it may be two.

mod attests;
mod origin;
mod run;
mod runtime;
mod step;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::lint::Allow;
use crate::site::Site;

pub use attests::{Attests, Provenance, Sbom};
pub use origin::{Git, Http, Image, OnPlatform, Origin};
pub use run::{Cache, Command, Mount, Run, SecretEnv, Sharing};
pub use runtime::{HealthcheckSpec, Runtime};
pub use step::{Action, Copy, NewUser, Step};

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
    /// The findings that are allowed in all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Allow>,
}

impl Plan {
    /// The stage of this name.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// The platforms that images of this Plan are taken for.
    #[must_use]
    pub fn image_platforms(&self) -> BTreeSet<OnPlatform> {
        let steps = self.stages.iter().flat_map(|stage| &stage.steps).flat_map(Step::origins);
        let origins = self
            .stages
            .iter()
            .map(|stage| &stage.from)
            .chain(steps.map(|(origin, _)| origin));
        let images = origins.filter_map(|origin| match origin {
            Origin::Image(image) => Some(image.on.clone()),
            _ => None,
        });
        images.chain([OnPlatform::Target, OnPlatform::Build]).collect()
    }

    /// Adds a target for the reports of each tester that leaves any: `unit-reports` gives what `unit` left, whether it
    /// passed or failed. A target that has such a name already stays what it is, and those reports have none.
    pub fn add_report_targets(&mut self) {
        for stage in &self.stages {
            let Some(report) = stage.reports.first() else { continue };
            let name = format!("{}-reports", stage.name);
            let is_taken = self.target(&name).is_some() || self.stage(&name).is_some();
            if stage.role == Role::Tester && !is_taken {
                let description = Some(format!("What `{}` left for people, also if it failed", stage.name));
                let target = Target::new(name, report.at.clone());
                self.targets
                    .push(Target { stage: stage.name.clone(), description, reports: true, ..target });
            }
        }
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

    /// Whether it is the Plan for every platform: what made it did not ask which one it is for.
    #[must_use]
    pub fn serves_all_platforms(&self) -> bool {
        self.platform.is_none()
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
    /// The findings that are allowed in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Allow>,
    /// Where it was started.
    pub at: Site,
    /// The presets that it was started through, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<Site>,
}

impl Stage {
    /// A stage without steps.
    #[must_use]
    pub fn new(name: impl Into<String>, role: Role, from: Origin, at: &Site) -> Self {
        Self {
            name: name.into(),
            role,
            from,
            steps: Vec::new(),
            runtime: Runtime::default(),
            gates: Vec::new(),
            reports: Vec::new(),
            allow: Vec::new(),
            at: at.clone(),
            via: Vec::new(),
        }
    }

    /// Gates the stage, unless it is gated by the same tester already.
    pub fn gate(&mut self, gate: Gate) {
        if self.gates.iter().all(|known| known.stage != gate.stage) {
            self.gates.push(gate);
        }
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
    /// Whether it is files, not an image: a stage of any role that has artifacts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub files: bool,
    /// Whether it is the reports of a tester without its verdict: they are there also if it failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reports: bool,
    /// Where it was declared.
    pub at: Site,
}

impl Target {
    /// The stage of this name, to be built when it is asked for.
    #[must_use]
    pub fn new(name: impl Into<String>, at: Site) -> Self {
        let name = name.into();
        Self {
            stage: name.clone(),
            name,
            description: None,
            product: false,
            files: false,
            reports: false,
            at,
        }
    }
}
