//! Targets of exporters: checked before the build, filled during it, put into place after it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::Access;
use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;
use tonic::Status;

use super::FileSend;
use crate::fsutil::disk::{DiskError, Staging, staging_place};
use crate::fsutil::receive::{ReceiveError, ReceiveOptions};

/// Where an exporter's result goes.
pub enum ExportTarget {
    /// One file. A device or a pipe is written to as the bytes come.
    File(PathBuf),
    /// A directory, which may exist; what it has and the export has not stays.
    Directory(PathBuf, ReceiveOptions),
    /// Anything else, standard output say. It gets the bytes as they come and cannot take them back.
    Writer(Box<dyn Write + Send>),
}

impl fmt::Debug for ExportTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Directory(path, options) => f.debug_tuple("Directory").field(path).field(options).finish(),
            Self::Writer(_) => f.write_str("Writer"),
        }
    }
}

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
    /// The solve succeeded, but nothing was sent for a target.
    #[error("the daemon sent nothing for exporter {id}, {target}")]
    NothingSent {
        /// Index of the exporter.
        id: u32,
        /// The target.
        target: String,
    },
}

/// The targets of one solve, by index of the exporter.
#[derive(Clone, Debug)]
pub struct Exports {
    slots: Arc<Mutex<Slots>>,
}

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Index of the exporter.
    pub id: u32,
    /// Where it is; `None` if it went to a writer.
    pub path: Option<PathBuf>,
    /// Bytes of the file, or of the files in the directory.
    pub bytes: u64,
    /// Files, directories and links; 1 for a file.
    pub entries: u64,
}

#[derive(Debug, Default)]
struct Slots {
    by_id: BTreeMap<u32, Slot>,
    failure: Option<ExportError>,
}

#[derive(Debug)]
struct Slot {
    target: ExportTarget,
    /// How the target is called in messages.
    shown: String,
    started: bool,
    arrived: Vec<Arrived>,
}

/// A complete export that is not in its place yet.
#[derive(Debug)]
pub(super) enum Arrived {
    File {
        temporary: NamedTempFile,
        bytes: u64,
    },
    Tree(Box<Staging>),
    /// Already where it belongs.
    Written {
        bytes: u64,
    },
}

impl Exports {
    /// Checks that every target could be written now. Creates nothing.
    pub fn prepare(targets: impl IntoIterator<Item = (u32, ExportTarget)>) -> Result<Self, ExportError> {
        let slots = targets.into_iter().map(|(id, target)| {
            let (target, shown) = check(target)?;
            Ok((id, Slot { target, shown, started: false, arrived: Vec::new() }))
        });
        let by_id = slots.collect::<Result<_, ExportError>>()?;
        Ok(Self { slots: Arc::new(Mutex::new(Slots { by_id, failure: None })) })
    }

    /// The service for a session.
    pub fn service(&self) -> FileSend {
        FileSend::new(self.clone())
    }

    /// What went wrong here first, if anything did: it says more than the daemon's error for it.
    pub fn failure(&self) -> Option<ExportError> {
        self.lock().failure.take()
    }

    /// Puts everything into place. To be called once, when the solve has succeeded.
    ///
    /// A target for which nothing came is an error, and then nothing at all is put into place.
    pub async fn commit(self) -> Result<Vec<Exported>, ExportError> {
        let slots = std::mem::take(&mut *self.lock());
        let committed = spawn_blocking(move || slots.commit()).await;
        committed.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        // The slots are whole between any two statements.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The work for a new stream, which takes what it needs from the slot.
    pub(super) fn begin(&self, id: u32) -> Result<Job, Status> {
        let mut slots = self.lock();
        let known: Vec<_> = slots.by_id.keys().map(ToString::to_string).collect();
        let slot = slots.by_id.get_mut(&id).ok_or_else(|| {
            Status::not_found(format!("exporter {id} has no target here; there are: {}", known.join(", ")))
        })?;
        let target = slot.shown.clone();
        let again = std::mem::replace(&mut slot.started, true);
        let sink = match &mut slot.target {
            // One stream for each platform, or one for all: both are one export.
            ExportTarget::Directory(path, options) => {
                return Ok(Job::Tree { path: path.clone(), options: *options });
            }
            _ if again => return Err(status(&ExportError::Twice { target })),
            ExportTarget::File(path) => Sink::File(path.clone()),
            ExportTarget::Writer(writer) => Sink::Writer(std::mem::replace(writer, Box::new(io::sink()))),
        };
        Ok(Job::Bytes { target, sink })
    }

    /// Keeps what a stream brought, or why it failed.
    pub(super) fn end(&self, id: u32, result: Result<Arrived, ExportError>) {
        let mut slots = self.lock();
        match result {
            Ok(arrived) => {
                if let Some(slot) = slots.by_id.get_mut(&id) {
                    slot.arrived.push(arrived);
                }
            }
            Err(error) => drop(slots.failure.get_or_insert(error)),
        }
    }
}

impl Slots {
    fn commit(self) -> Result<Vec<Exported>, ExportError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if let Some((id, slot)) = self.by_id.iter().find(|(_, slot)| slot.arrived.is_empty()) {
            return Err(ExportError::NothingSent { id: *id, target: slot.shown.clone() });
        }
        self.by_id.into_iter().map(|(id, slot)| slot.commit(id)).collect()
    }
}

impl Slot {
    fn commit(self, id: u32) -> Result<Exported, ExportError> {
        let path = match self.target {
            ExportTarget::File(path) | ExportTarget::Directory(path, _) => Some(path),
            ExportTarget::Writer(_) => None,
        };
        let mut exported = Exported { id, path: path.clone(), bytes: 0, entries: 0 };
        let path = path.unwrap_or_default();
        for arrived in self.arrived {
            let (bytes, entries) = match arrived {
                Arrived::Written { bytes } => (bytes, 1),
                Arrived::File { temporary, bytes } => {
                    let target = || self.shown.clone();
                    put_file(temporary, &path)
                        .map_err(|source| ExportError::Write { target: target(), source })?;
                    (bytes, 1)
                }
                Arrived::Tree(staging) => {
                    let placed = staging.commit();
                    let placed = placed.map_err(|source| ExportError::Disk { path: path.clone(), source })?;
                    (placed.bytes, placed.entries)
                }
            };
            exported.bytes += bytes;
            exported.entries += entries;
        }
        Ok(exported)
    }
}

/// Checks one target, follows a link to a file, and says how it is called.
fn check(target: ExportTarget) -> Result<(ExportTarget, String), ExportError> {
    match target {
        ExportTarget::Writer(writer) => Ok((ExportTarget::Writer(writer), "standard output".to_owned())),
        ExportTarget::Directory(path, options) => {
            let place = staging_place(&path);
            if !place.is_dir() {
                return Err(ExportError::NotADirectory { path: place });
            }
            check_access(&path, &place, Access::WRITE_OK | Access::EXEC_OK)?;
            let shown = path.display().to_string();
            Ok((ExportTarget::Directory(path, options), shown))
        }
        ExportTarget::File(path) => {
            if path.is_dir() {
                return Err(ExportError::IsDirectory { path });
            }
            let shown = path.display().to_string();
            let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            if is_special(&real) {
                check_access(&path, &real, Access::WRITE_OK)?;
            } else {
                check_access(&path, directory_of(&real), Access::WRITE_OK | Access::EXEC_OK)?;
            }
            Ok((ExportTarget::File(real), shown))
        }
    }
}

fn check_access(path: &Path, place: &Path, access: Access) -> Result<(), ExportError> {
    rustix::fs::access(place, access).map_err(|e| ExportError::NotWritable {
        path: path.to_owned(),
        place: place.to_owned(),
        source: e.into(),
    })
}

/// Whether something that is neither file nor directory is there: a device, a pipe.
pub(super) fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir())
}

pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Puts a complete file in its place, with the mode of the one that it replaces.
fn put_file(temporary: NamedTempFile, path: &Path) -> io::Result<()> {
    if let Ok(old) = fs::metadata(path) {
        temporary.as_file().set_permissions(old.permissions())?;
    }
    temporary.persist(path).map_err(|e| e.error)?;
    File::open(directory_of(path))?.sync_all()
}

/// What a stream is to do.
pub(super) enum Job {
    Bytes { target: String, sink: Sink },
    Tree { path: PathBuf, options: ReceiveOptions },
}

pub(super) enum Sink {
    File(PathBuf),
    Writer(Box<dyn Write + Send>),
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
        _ => Status::failed_precondition(error.to_string()),
    }
}
