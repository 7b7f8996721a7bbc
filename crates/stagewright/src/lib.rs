//! Multi-stage container builds as typed Rust values.
//!
//! A build program is a function from typed parameters to targets, and [`main`]. This one builds a Node service
//! whose image is there only if its tests pass:
//!
//! ```no_run
//! use stagewright::prelude::*;
//!
//! /// What `--build-arg` may set.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(default)]
//! struct Params {
//!     /// Major version of Node.
//!     node: String,
//! }
//!
//! impl Default for Params {
//!     fn default() -> Self {
//!         Self { node: "18".to_owned() }
//!     }
//! }
//!
//! fn build(b: &Build, p: Params) -> Targets {
//!     let src = b.context();
//!     let base = b.base("base", format!("node:{}-slim", p.node)).workdir("/app");
//!     let app = base
//!         .builder("build")
//!         .copy(src.files(["package.json", "package-lock.json"]), "./")
//!         .run(sh("npm ci").cache(Cache::npm()))
//!         .copy(src.dir("src"), "src/")
//!         .run("npm run build");
//!     let unit = app.tester("unit").run("npm test");
//!     let image = base
//!         .runtime("app")
//!         .copy(app.artifact("/app/dist"), "dist/")
//!         .user("node")
//!         .cmd(["node", "dist/server.js"])
//!         .gated_by(&unit);
//!     Targets::new().product(image).target(unit)
//! }
//!
//! fn main() -> ExitCode {
//!     stagewright::main(build)
//! }
//! ```
//!
//! Run it as `cargo run -- build -t registry.example/app:1 --push .`; `--help` lists its parameters.
//!
//! Another program that wants to build, and not to be a command line, calls [`Builder`]: it gets events and
//! digests, and nothing is printed. A program's own tests call [`plan()`].
//!
//! # Features
//!
//! * `cli` (default): [`main`] is a command line.
//! * `client`: [`Builder`], builds on a daemon.
//! * `frontend`: inside a BuildKit daemon [`main`] serves the build; and [`frontend()`], whose build files are of a type
//!   of yours.
//! * `rust`: [`mod@rust`], programs of one file that the daemon compiles.
//! * `yaml`: `stages.yaml`. With `cli` and `rust`, [`tool`] is the command line for build files, and the program
//!   `stagewright` is there.
//! * Without features, [`main`] writes the Plan as JSON, and neither tokio nor tonic is compiled.

#[cfg(all(feature = "client", feature = "rust"))]
mod build_file;
#[cfg(any(feature = "client", feature = "frontend"))]
mod driver;
#[cfg(any(feature = "client", feature = "frontend", feature = "rust"))]
mod excerpt;
#[cfg(any(feature = "client", feature = "frontend", feature = "rust"))]
mod images;
#[cfg(any(feature = "client", feature = "frontend"))]
mod lock;
#[cfg(feature = "client")]
mod sources;

#[cfg(feature = "client")]
pub mod builder;

#[cfg(feature = "rust")]
pub mod rust;

#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod diagnostics;
#[cfg(feature = "cli")]
mod progress;

#[cfg(feature = "frontend")]
mod frontend;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(any(not(feature = "cli"), feature = "rust"))]
mod description;
#[cfg(not(feature = "cli"))]
mod plain;

pub mod prelude;

pub use buildkit_llb::Platform;
pub use stagewright_plan::{
    Artifact, Build, Cache, Cross, Download, Every, FileSet, Git, Healthcheck, HttpTool, Image, Outcome,
    Parameter, Parameters, Plan, Problem, Problems, Provenance, Reports, Root, Run, Scratch, Secret, Site,
    Source, Stage, Targets, argv, describe, oci, plan, role, script, secs, sh, text, udp,
};
pub use {schemars, serde, stagewright_plan};

#[cfg(feature = "client")]
pub use builder::{
    Auth, BuildOptions, Builder, ContextSource, Credential, DockerSource, Event, Output, Report, Running,
    SshAgent,
};
#[cfg(feature = "cli")]
pub use cli::main;
#[cfg(all(feature = "cli", feature = "yaml", feature = "rust"))]
pub use cli::tool;
#[cfg(any(feature = "client", feature = "frontend"))]
pub use driver::DriveError;
#[cfg(feature = "frontend")]
pub use frontend::frontend;
#[cfg(all(feature = "frontend", feature = "rust"))]
pub use frontend::rust_frontend;
#[cfg(all(feature = "frontend", feature = "yaml"))]
pub use frontend::yaml_frontend;
#[cfg(not(feature = "cli"))]
pub use plain::main;

/// What a program can answer as a BuildKit frontend, for the label `moby.buildkit.frontend.caps` of its image: BuildKit
/// asks it nothing else.
pub const FRONTEND_CAPS: &str = "moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,\
    moby.buildkit.frontend.contexts,moby.buildkit.frontend.gitquerystring,moby.buildkit.frontend.contexts.zstd";

/// The README, whose examples are tests.
#[cfg(all(doctest, feature = "cli"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The platform of this machine, with Linux as its system: what a daemon beside it most likely builds.
fn host_platform() -> Platform {
    Platform::new("linux", std::env::consts::ARCH).normalized()
}
