//! Multi-stage container builds as typed Rust values: the DSL, the Plan, the lowering.
//!
//! A build program calls the DSL ([`Build`], [`Stage`]); what it says is recorded as a [`Plan`], which is plain
//! data; [`lower`](lower::lower) turns a Plan and what the [world](lower::World) says into a graph of LLB ops
//! and one image config per target. Nothing here touches a file, a socket, a clock or the environment.
//!
//! ```
//! use stagewright_plan::{Build, Targets, plan, sh};
//!
//! fn build(b: &Build, _: ()) -> Targets {
//!     let src = b.context();
//!     let base = b.base("base", "node:18-slim").workdir("/app");
//!     let app = base.builder("build").copy(src.all(), "./").run(sh("npm ci && npm run build"));
//!     let unit = app.tester("unit").run("npm test");
//!     let image = base
//!         .runtime("app")
//!         .copy(app.artifact("/app/dist"), "dist/")
//!         .cmd(["node", "dist/server.js"])
//!         .gated_by(&unit);
//!     Targets::new().product(image).target(unit)
//! }
//!
//! let plan = plan(build, &[]).unwrap();
//! assert_eq!(plan.stages.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["base", "build", "unit", "app"]);
//! ```

pub mod check;
pub mod config;
mod dsl;
pub mod lint;
pub mod lock;
pub mod lower;
mod outcome;
pub mod params;
pub mod plan;
pub mod problem;
pub mod site;

pub use buildkit_llb::Platform;
pub use dsl::{
    Argv, Artifact, Bind, Build, Cache, Caches, Contents, CopyInto, Cross, Download, Every, FileSet, Gates,
    Git, Healthcheck, HttpTool, Image, Interpreter, IntoPorts, IntoProduct, IntoTarget, NONROOT, Port,
    Reports, Root, Run, Scratch, Secret, Source, Stage, StartsFrom, Targets, Text, Value, argv, oci, role,
    script, secs, sh, text, udp,
};
pub use outcome::{Outcome, describe, describe_file, plan};
pub use params::{Parameter, Parameters};
pub use plan::{Plan, Provenance};
pub use problem::{Problem, Problems};
pub use site::Site;
