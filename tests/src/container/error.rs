//! What can go wrong between an image in a registry and the end of its container.

use std::io;
use std::path::Path;
use std::process::ExitStatus;

use thiserror::Error;

use super::{UnpackError, UserError};
use crate::RegistryError;

/// Why a container could not be made, asked or ended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// Whoever waits asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// No runc on this machine.
    #[error("runc is not installed")]
    NoRunc,
    /// The registry does not answer, or otherwise than it should.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Nothing under that name.
    #[error("the registry has no {0}")]
    NoImage(String),
    /// An index without that platform, or several platforms where one image was asked for.
    #[error("{name} is for {has}, and not for {wanted}")]
    Platform {
        /// The name.
        name: String,
        /// The platforms of the index.
        has: String,
        /// What was asked for.
        wanted: String,
    },
    /// A manifest or a config of another shape.
    #[error("{what} of {name} does not read")]
    Json {
        /// Of which image.
        name: String,
        /// `the manifest` or `the config`.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// Content that is not what its digest says.
    #[error("the registry served content with the digest {found}, not {wanted}")]
    Digest {
        /// What was asked for.
        wanted: String,
        /// What came.
        found: String,
    },
    /// A layer that is not packed as layers are here.
    #[error("layer {digest}: {media_type} is neither a tar nor one by gzip")]
    MediaType {
        /// Which layer.
        digest: String,
        /// What it says it is.
        media_type: String,
    },
    /// A layer that cannot be laid over the others.
    #[error("cannot unpack layer {digest}")]
    Layer {
        /// Which layer.
        digest: String,
        /// Why.
        source: UnpackError,
    },
    /// A user whom the image does not have.
    #[error("cannot run the image of {name}")]
    User {
        /// Of which container.
        name: String,
        /// Why.
        source: UserError,
    },
    /// An image that starts nothing.
    #[error("the image of {0} has neither entrypoint nor cmd")]
    NoProgram(String),
    /// An image that says nothing of its health.
    #[error("the image of {0} has no health check")]
    NoCheck(String),
    /// A program inside that failed.
    #[error("`{command}` in {id} ended with {status}: {text}")]
    Exec {
        /// The program and its arguments.
        command: String,
        /// In which container.
        id: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote.
        text: String,
    },
    /// A container that ended by itself.
    #[error("{id} should run, but ended with {status}:\n{log}")]
    Ended {
        /// Which one.
        id: String,
        /// How.
        status: ExitStatus,
        /// What it wrote.
        log: String,
    },
    /// A container whose check does not succeed in time.
    #[error("{id} does not become healthy: {last}\n{log}")]
    Unhealthy {
        /// Which one.
        id: String,
        /// The last check's failure.
        last: String,
        /// What the container wrote.
        log: String,
    },
    /// A container that goes on in spite of a signal, or longer than it may.
    #[error("{id} should end {why}, but still runs after {seconds} s\n{log}")]
    StillRuns {
        /// Which one.
        id: String,
        /// `on SIGTERM`, `by itself`.
        why: String,
        /// How long was waited.
        seconds: u64,
        /// What it wrote.
        log: String,
    },
    /// What runc refuses.
    #[error("runc cannot {what}: {text}")]
    Runc {
        /// What it was asked for.
        what: String,
        /// What it says.
        text: String,
    },
    /// No answer over HTTP.
    #[error("GET {url} in {id}")]
    Http {
        /// The address, inside the container.
        url: String,
        /// In which container.
        id: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// A file, a directory or a process of this machine.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why.
        source: io::Error,
    },
}

impl ContainerError {
    /// What an error of the system becomes: `map_err(ContainerError::io("read", path))`.
    pub(super) fn io(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let what = format!("{verb} {}", path.display());
        move |source| Self::Io { what, source }
    }
}
