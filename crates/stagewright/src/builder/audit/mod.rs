//! Whether a secret got into what a build makes: its layers, its config and history, its attestations, its log, the reports
//! of its testers.
//!
//! Before anything goes out the image is exported here, to a file that is removed again, with the attestations that were
//! asked for, and every byte of it is compared with what the secrets may look like. It is the same image: the solve that
//! made it waits meanwhile. So a leak is found before it is pushed, and not by whoever pulls it.
//!
//! What is not looked into: archives inside an image's files, layers of a base image that a registry may not hand on, and
//! what a step sent over the network. And a daemon's cache does not regard the value of a secret: what a cached step made
//! of an earlier value is not found by the new one.

mod archive;
mod form;
mod log;
mod search;
mod zstd;

use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use buildkit_client::session::filesend::{ExportError, ExportTarget, Exports};
use buildkit_client::{BuildError, Exporter, Session, StatusUpdate};
use buildkit_gateway::GatewayError;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

pub use form::Form;
pub(super) use form::{MIN_SECRET, trimmed};
use log::Logs;
pub(super) use search::{Hit, Wanted};

use super::order::Order;
use crate::driver::DriveError;

/// How many leaks an error shows.
const SHOWN: usize = 20;

/// A secret in something that goes out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    /// The secret's id.
    pub secret: String,
    /// The form in which it stands there.
    pub form: Form,
    /// Where.
    pub place: Place,
}

/// A part of an image, or of what a build tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Place {
    /// A file of a layer: its content, its name, or an attribute.
    Layer {
        /// The layer's number, from the lowest, counted from one.
        number: usize,
        /// How many layers the image has.
        layers: usize,
        /// The beginning of the layer's digest.
        digest: String,
        /// The file.
        path: String,
    },
    /// The image's config.
    Config,
    /// An entry of the image's history.
    History {
        /// Its number, counted from one.
        number: usize,
    },
    /// An attestation, such as the provenance.
    Attestation {
        /// What it attests to.
        predicate: String,
    },
    /// A manifest or an index, which has annotations.
    Document {
        /// The beginning of its digest.
        digest: String,
    },
    /// A file that a tester leaves for people: its content, its name, or where a link leads.
    Report {
        /// The tester.
        tester: String,
        /// The file.
        path: String,
    },
    /// What a step printed.
    Log {
        /// The step.
        step: String,
    },
}

/// An image that does not go out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Secrets stand in it.
    #[error("secrets leak into what was built:{}", shown(.0))]
    Leaks(Vec<Leak>),
    /// It could not be exported to be looked into.
    #[error("what was built cannot be looked into: {0}")]
    Export(#[from] ExportError),
    /// It could not be exported to be looked into, as the daemon says.
    #[error("what was built cannot be looked into: {0}")]
    Solve(#[source] Box<BuildError<DriveError>>),
    /// A part of it does not read.
    #[error("{what} cannot be looked into: {source}")]
    Read {
        /// The part.
        what: String,
        /// Why.
        source: io::Error,
    },
}

impl AuditError {
    /// What the daemon said, if it was the daemon.
    #[must_use]
    pub fn daemon(&self) -> Option<&GatewayError> {
        match self {
            Self::Solve(error) => match &**error {
                BuildError::Solve(error) | BuildError::Return(error) => Some(error),
                BuildError::Drive(error) => error.daemon(),
                BuildError::Id(_) | BuildError::Name(_) | BuildError::Cancelled => None,
            },
            Self::Leaks(_) | Self::Export(_) | Self::Read { .. } => None,
        }
    }
}

/// What was looked into, and found to be free of secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// How many secrets were looked for.
    pub secrets: usize,
    /// Layers, of all platforms.
    pub layers: usize,
    /// Configs, manifests, indexes and attestations.
    pub documents: usize,
    /// Steps that printed something.
    pub logs: usize,
    /// Bytes of all files and documents, uncompressed.
    pub bytes: u64,
}

/// The audit of one target.
pub(super) struct Audit {
    wanted: Wanted,
    /// What makes the image that is looked into.
    pub(super) exporter: Exporter,
    /// Where it goes: a session of its own, as exporters are counted from zero in each.
    pub(super) session: Session,
    pub(super) exports: Exports,
    directory: TempDir,
}

/// What a target's build tells, as it comes.
pub(super) struct Heard<'a>(Mutex<Logs<'a>>);

impl Audit {
    /// An archive that nobody has written to yet, and its exporter for an order: as the images that go out.
    ///
    /// # Errors
    ///
    /// There is no place for it.
    pub(super) fn prepare(order: &Order) -> Result<(Exporter, Exports, TempDir), ExportError> {
        let failed = |source| ExportError::Write {
            target: "the image that is looked into".to_owned(),
            path: None,
            source,
        };
        let directory = tempfile::Builder::new()
            .prefix("stagewright-audit-")
            .tempdir()
            .map_err(failed)?;
        let exports = Exports::prepare([(0, ExportTarget::File(file(&directory)))])?;
        Ok((order.audited(), exports, directory))
    }

    pub(super) fn new(
        wanted: Wanted,
        session: Session,
        (exporter, exports, directory): (Exporter, Exports, TempDir),
    ) -> Self {
        Self { wanted, exporter, session, exports, directory }
    }

    /// What is looked for.
    pub(super) const fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Listens to the target's log.
    pub(super) fn listen(&self) -> Heard<'_> {
        Heard(Mutex::new(Logs::new(&self.wanted)))
    }

    /// Looks into what has been exported, and into what has been heard by now.
    ///
    /// # Errors
    ///
    /// A secret stands there, or a part of it does not read.
    pub(super) async fn judge(&self, heard: &Heard<'_>) -> Result<Audited, AuditError> {
        self.exports.clone().commit().await?;
        let (path, wanted) = (file(&self.directory), self.wanted.clone());
        let searched = spawn_blocking(move || archive::search(&path, &wanted)).await;
        let searched = searched.unwrap_or_else(|panic| resume_unwind(panic.into_panic()))?;
        let logs = heard.logs();
        none_of(searched.leaks.into_iter().chain(logs.leaks()).collect())?;
        Ok(Audited {
            secrets: self.wanted.secrets,
            layers: searched.layers,
            documents: searched.documents,
            logs: logs.count(),
            bytes: searched.bytes,
        })
    }
}

impl Heard<'_> {
    /// Takes what the daemon has told.
    pub(super) fn take(&self, update: &StatusUpdate) {
        self.logs().take(update);
    }

    /// Looks into all that has been heard.
    ///
    /// # Errors
    ///
    /// A secret was printed.
    pub(super) fn judge(&self) -> Result<(), AuditError> {
        none_of(self.logs().leaks())
    }
}

impl<'a> Heard<'a> {
    fn logs(&self) -> MutexGuard<'_, Logs<'a>> {
        // They are whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("image.tar")
}

/// # Errors
///
/// There are some.
pub(super) fn none_of(mut leaks: Vec<Leak>) -> Result<(), AuditError> {
    // What platforms have in common is told once.
    leaks.sort();
    leaks.dedup();
    if leaks.is_empty() { Ok(()) } else { Err(AuditError::Leaks(leaks)) }
}

/// A line for each leak.
fn shown(leaks: &[Leak]) -> String {
    let mut text: String = leaks.iter().take(SHOWN).map(|leak| format!("\n  {leak}")).collect();
    if leaks.len() > SHOWN {
        text.push_str(&format!("\n  and {} more", leaks.len() - SHOWN));
    }
    text
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret `{}`: {} in {}", self.secret, self.form, self.place)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer { number, layers, digest, path } => {
                write!(f, "layer {number} of {layers} ({digest}), file {path:?}")
            }
            Self::Config => f.write_str("the image's config"),
            Self::History { number } => write!(f, "entry {number} of the image's history"),
            Self::Attestation { predicate } => write!(f, "the attestation {predicate}"),
            Self::Document { digest } => write!(f, "the image's document {digest}, or its annotations"),
            Self::Report { tester, path } => write!(f, "the report {path:?} of tester {tester}"),
            Self::Log { step } => write!(f, "what the step {step:?} printed"),
        }
    }
}

impl fmt::Display for Audited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { secrets, layers, documents, logs, .. } = self;
        if *secrets == 0 {
            return f.write_str("no secret was given, so that none could be looked for");
        }
        write!(
            f,
            "none of {secrets} secrets stands in {layers} layers, {documents} documents, and what {logs} steps printed"
        )
    }
}
