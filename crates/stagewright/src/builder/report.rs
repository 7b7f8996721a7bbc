//! What a build tells: events while it runs, a report at its end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use buildkit_client::session::filesend::ExportError;
use buildkit_client::{BuildError, StatusUpdate};
use buildkit_gateway::GatewayError;
use stagewright_plan::plan::Role;

use super::audit::Audited;
use super::cache::CacheLayoutError;
use crate::driver::DriveError;

/// Something that happened in a build.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A target is lowered; its steps are about to run.
    Lowered {
        /// The target's name.
        target: String,
        /// The vertices that are asked for, each after its inputs.
        vertices: Vec<Vertex>,
    },
    /// News of the daemon about a target. A vertex that targets share is told with each of them.
    Status {
        /// The target's name.
        target: String,
        /// What has changed.
        update: StatusUpdate,
    },
    /// Files of a context were sent to the daemon: those that it asked for, as its own copies were stale.
    ContextSent {
        /// The context's name.
        context: String,
        /// Files whose bytes were sent.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// A file of a context is left out although no pattern says so: a socket, or what may not be read.
    ContextSkipped {
        /// The context's name.
        context: String,
        /// The file, in quotes.
        path: String,
    },
    /// A report of a tester is not among those that are written. The build goes on as it does.
    ReportMissing {
        /// The tester's name.
        tester: String,
        /// The report, or a file in it, by its path in the tester.
        report: String,
        /// Why.
        reason: MissingReport,
    },
    /// A target was looked into, and no secret stands in it.
    Audited {
        /// The target's name.
        target: String,
        /// What was looked into.
        audited: Audited,
    },
    /// Something that a person should know, such as a source that the lock does not have.
    Warning {
        /// What.
        text: String,
    },
    /// A target has ended, well or not.
    Ended(Arc<TargetReport>),
}

/// Why a report is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissingReport {
    /// The tester did not make it, or had not yet when it failed.
    Absent,
    /// The tester did not run, or did not come to a step of its own: something before it failed.
    NotRun,
    /// A secret stands in it.
    Leaks,
    /// It cannot be read, or not be kept.
    Unread(String),
}

/// A vertex that a target asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vertex {
    /// Its digest, as the status updates tell it.
    pub digest: String,
    /// Its name, for people.
    pub name: String,
}

/// What became of a build: every target in the order asked for.
#[derive(Debug)]
#[must_use = "a target may have failed"]
pub struct Report {
    /// The targets.
    pub targets: Vec<Arc<TargetReport>>,
    /// The testers whose reports were written, if that was asked for, or why none were.
    pub reports: Result<Vec<String>, ExportError>,
}

/// What became of a target.
#[derive(Debug)]
pub struct TargetReport {
    /// Its name.
    pub target: String,
    /// Its role.
    pub role: Role,
    /// Whether it is the reports of a tester, without its verdict.
    pub reports: bool,
    /// The testers that gate it.
    pub gates: Vec<String>,
    /// What was made of it, or why nothing was.
    pub outcome: Result<Product, Failure>,
}

/// What was made of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// The digest of the image's manifest, if an image was exported.
    pub digest: Option<String>,
    /// The digest of the image's config: what an engine calls its id.
    pub config_digest: Option<String>,
    /// The names under which the image was exported.
    pub names: Vec<String>,
    /// The files and directories that were written here.
    pub files: Vec<PathBuf>,
    /// All that the exporters told, by key.
    pub metadata: BTreeMap<String, String>,
}

/// Why a target failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The build was given up, refused, failed or cancelled.
    #[error(transparent)]
    Build(#[from] BuildError<DriveError>),
    /// What was built could not be written here.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The cache could not be named in its directory.
    #[error("cache: {0}")]
    Cache(#[from] CacheLayoutError),
}

impl Report {
    /// Whether every target succeeded, and reports could be written where they were asked for.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.reports.is_ok() && self.targets.iter().all(|target| target.outcome.is_ok())
    }

    /// The product of a target, if it succeeded.
    #[must_use]
    pub fn product(&self, target: &str) -> Option<&Product> {
        self.targets
            .iter()
            .find(|report| report.target == target)?
            .outcome
            .as_ref()
            .ok()
    }

    /// The targets that failed, with the reason.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &Failure)> {
        self.targets
            .iter()
            .filter_map(|report| Some((report.target.as_str(), report.outcome.as_ref().err()?)))
    }
}

impl Failure {
    /// What the daemon said, with details such as the failing step and its exit code.
    #[must_use]
    pub fn daemon(&self) -> Option<&GatewayError> {
        match self {
            Self::Build(BuildError::Solve(error) | BuildError::Return(error)) => Some(error),
            _ => self.drive()?.daemon(),
        }
    }

    /// What the build was given up for.
    #[must_use]
    pub fn drive(&self) -> Option<&DriveError> {
        match self {
            Self::Build(BuildError::Drive(error)) => Some(error),
            _ => None,
        }
    }

    /// Whether the reader of the standard output wanted no more of it.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        // No other writer is given to the session; a pipe with a name is a file that somebody asked for.
        let Self::Export(ExportError::Write { path: None, source, .. }) = self else { return false };
        source.kind() == std::io::ErrorKind::BrokenPipe
    }

    /// Whether the build was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Build(BuildError::Cancelled))
    }
}
