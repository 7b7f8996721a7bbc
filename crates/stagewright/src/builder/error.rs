//! Why a build does not start.

use buildkit_client::SessionError;
use buildkit_client::session::filesend::ExportError;
use buildkit_client::session::filesync::LocalDirError;
use buildkit_gateway::GatewayError;
use stagewright_plan::Problems;

use super::cache::CacheLayoutError;
use super::context::ContextLayoutError;
use super::find::{FindError, TriedError};
use super::order::OptionsError;
use crate::lock::LockFileError;

/// No daemon to build with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuilderError {
    /// None was found.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The one at the address that was given does not serve.
    #[error(transparent)]
    At(#[from] TriedError),
    /// It does not tell of its workers.
    #[error("the daemon does not tell of its workers: {0}")]
    Workers(#[source] GatewayError),
    /// It has no worker.
    #[error("the daemon has no worker: it builds nothing")]
    NoWorker,
}

/// A build that does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The program or its parameters are wrong.
    #[error(transparent)]
    Plan(#[from] Problems),
    /// The options do not fit the program, or each other.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The Plan was made for another platform: its program asked for it, and may describe something else here.
    #[error("the plan is for {plan}, and is built for {daemon}: describe it again for {daemon}")]
    Platform {
        /// The platform that the Plan was made for.
        plan: String,
        /// The platform that is built for.
        daemon: String,
    },
    /// A context is no directory that can be read.
    #[error("context `{name}`: {source}")]
    Context {
        /// The context's name.
        name: String,
        /// Why.
        source: LocalDirError,
    },
    /// A context is no layout with such an image.
    #[error("context `{name}`: {source}")]
    Layout {
        /// The context's name.
        name: String,
        /// Why.
        source: ContextLayoutError,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockFileError),
    /// A cache cannot be read from or written to its directory.
    #[error("cache: {0}")]
    Cache(#[from] CacheLayoutError),
    /// A destination cannot be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The daemon takes no session.
    #[error(transparent)]
    Session(#[from] SessionError),
}
