//! Inside a BuildKit daemon: the gateway on stdin and stdout, and what a frontend is told.
//!
//! A frontend is a program in an image that the daemon starts for one build, because a client named it or because
//! a file begins with `# syntax=`. It speaks the gateway API over its own stdin and stdout, as
//! [`buildkit_gateway`] does over any channel, and ends the build with a result or an error:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use buildkit_frontend::{Frontend, Stdio, serve};
//! use buildkit_gateway::{GatewayError, GatewayResult, SolveOptions};
//! use buildkit_llb::{Definition, Graph};
//!
//! async fn build(frontend: Frontend) -> Result<GatewayResult, GatewayError> {
//!     let nothing = Graph::new().definition(None).map_err(|error| GatewayError::new(error.to_string()))?;
//!     let scratch = frontend.gateway.solve(&nothing, &SolveOptions::default()).await?;
//!     Ok(GatewayResult::single(scratch))
//! }
//!
//! fn main() -> ExitCode {
//!     serve(&[], build)
//! }
//! ```
//!
//! (BuildKit v0.34 `frontend/gateway/gateway.go`, `frontend/gateway/grpcclient/client.go`.)

pub mod caps;
mod entry;
mod environment;
mod options;
mod panics;
mod serve;
mod stdio;
pub mod subrequests;

pub use entry::{Entry, EntryError};
pub use environment::{Environment, EnvironmentError, is_inside};
pub use options::{
    AttestOptions, CheckOptions, ContextOptions, EntryOptions, Epoch, NamedContext, NoCache, OptionProblem,
    Options, OptionsError, Provenance,
};
pub use serve::{Frontend, serve};
pub use stdio::{Stdio, StdioError};
