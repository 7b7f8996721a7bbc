//! What a build program tells of itself: its parameters, and its Plan or why there is none.
//!
//! A program writes it as JSON where `--describe FILE` asks for it; who compiled the program reads it back.

use serde::{Deserialize, Serialize};
use stagewright_plan::{Parameter, Plan, Problem, Site};

/// The version of the description's form.
pub(crate) const VERSION: u32 = 1;

/// A build program as seen from outside.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Description {
    /// The form's version: [`VERSION`].
    pub(crate) version: u32,
    /// What `--build-arg` may set, whatever the outcome is.
    pub(crate) parameters: Vec<Parameter>,
    /// What came of the build function.
    pub(crate) outcome: Told,
}

/// What came of the build function.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Told {
    /// A Plan that was checked.
    Plan(Plan),
    /// Everything that is wrong, never empty.
    Problems(Vec<Problem>),
    /// It panicked.
    Panic(Panic),
}

/// A panic of the build function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Panic {
    /// What it said; empty for a payload that is no text.
    pub(crate) message: String,
    /// Where it was, as the compiler names files.
    pub(crate) at: Option<Site>,
}

impl Description {
    /// A description of this version.
    #[cfg(not(feature = "cli"))]
    pub(crate) fn new(parameters: Vec<Parameter>, outcome: Told) -> Self {
        Self { version: VERSION, parameters, outcome }
    }
}
