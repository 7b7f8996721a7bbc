//! Why an export cannot be made, as it is told here and to the daemon.

use std::io;
use std::path::PathBuf;

use tonic::Status;

use crate::fsutil::disk::DiskError;
use crate::fsutil::receive::ReceiveError;

/// An export that cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A file was asked for where a directory is.
    #[error("cannot export to {}: it is a directory, not a file", path.display())]
    IsDirectory {
        /// The target.
        path: PathBuf,
    },
    /// A directory was asked for where something else is.
    #[error("cannot export to {}: it is not a directory", path.display())]
    NotADirectory {
        /// The target.
        path: PathBuf,
    },
    /// The target, or the directory for it, cannot be written.
    #[error("cannot export to {}: {}: {source}", path.display(), place.display())]
    NotWritable {
        /// The target.
        path: PathBuf,
        /// What would have to be writable.
        place: PathBuf,
        /// Why it is not.
        source: io::Error,
    },
    /// Writing failed.
    #[error("cannot write {target}: {source}")]
    Write {
        /// The target.
        target: String,
        /// Its path; `None` if it is a writer.
        path: Option<PathBuf>,
        /// Why.
        source: io::Error,
    },
    /// Writing a tree failed.
    #[error("cannot export to {}: {source}", path.display())]
    Disk {
        /// The target.
        path: PathBuf,
        /// Why.
        source: DiskError,
    },
    /// The daemon sent a tree that must not be written, or broke the protocol.
    #[error("cannot export to {target}: {source}")]
    Receive {
        /// The target.
        target: String,
        /// What is wrong.
        source: ReceiveError,
    },
    /// The daemon would send a tree for each platform, each of which would remove the others.
    #[error("cannot make {target} equal to the export: the daemon is too old for mode=delete")]
    NoMirror {
        /// The target.
        target: String,
    },
    /// The daemon sent something that is no message.
    #[error("cannot export to {target}: the daemon sent a message that is not one")]
    Garbled {
        /// The target.
        target: String,
    },
    /// The daemon sent a second file for one target.
    #[error("the daemon sent a second file for {target}")]
    Twice {
        /// The target.
        target: String,
    },
    /// There is no such target, or no more.
    #[error("exporter {id} has no target here")]
    NoTarget {
        /// Index of the exporter.
        id: u32,
    },
    /// The solve succeeded, but something for a target broke off.
    #[error("what the daemon sent for exporter {id}, {target}, broke off")]
    BrokeOff {
        /// Index of the exporter.
        id: u32,
        /// The target.
        target: String,
    },
    /// The solve succeeded, but nothing was sent for a target.
    #[error("the daemon sent nothing for exporter {id}, {target}")]
    NothingSent {
        /// Index of the exporter.
        id: u32,
        /// The target.
        target: String,
    },
}

/// The error as the daemon is told: a full disk is a full disk, not a broken stream.
pub(super) fn status(error: &ExportError) -> Status {
    let cause = match error {
        ExportError::Write { source, .. }
        | ExportError::Disk { source: DiskError::Io { source, .. }, .. } => Some(source.kind()),
        _ => None,
    };
    match cause {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            Status::resource_exhausted(error.to_string())
        }
        Some(io::ErrorKind::BrokenPipe) => Status::cancelled(error.to_string()),
        _ => Status::failed_precondition(error.to_string()),
    }
}
