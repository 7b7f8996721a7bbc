//! The DSL: what a build program says.
//!
//! Every value remembers the [recorder](record) of its [`Build`]; a step is recorded the moment it is written.

mod build;
mod files;
mod record;
pub mod role;
mod run;
mod runtime;
mod stage;
mod targets;

pub use build::{Build, Image, Scratch, Source, StartsFrom};
pub use files::{Artifact, Contents, CopyInto, FileSet, Text, text};
pub use run::{Argv, Cache, Run, Secret, argv, sh};
pub use runtime::{Healthcheck, IntoPorts, Port, secs, udp};
pub use stage::{Gates, Stage, Value};
pub use targets::{IntoProduct, IntoTarget, Targets};
