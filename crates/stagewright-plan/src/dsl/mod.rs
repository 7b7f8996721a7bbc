//! The DSL: what a build program says.
//!
//! Every value remembers the [recorder](record) of its [`Build`]; a step is recorded the moment it is written.

mod build;
mod cache;
mod cross;
mod files;
pub mod oci;
mod record;
pub mod role;
mod run;
pub(crate) mod runtime;
mod stage;
mod targets;

pub use build::{Build, Git, Image, Scratch, Source, StartsFrom};
pub use cache::{Cache, Caches};
pub use cross::Cross;
pub use files::{Artifact, Bind, Contents, CopyInto, Download, FileSet, Reports, Root, Text, text};
pub use run::{Argv, Every, Interpreter, Run, Secret, argv, script, sh};
pub use runtime::{Healthcheck, HttpTool, IntoPorts, NONROOT, Port, secs, udp};
pub use stage::{Gates, Stage, Value};
pub use targets::{IntoProduct, IntoTarget, Targets};
