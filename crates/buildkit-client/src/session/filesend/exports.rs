//! Targets of exporters: checked before the build, filled during it, put into place after it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::Access;
use tokio::task::spawn_blocking;
use tonic::Status;
use tonic::metadata::{KeyAndValueRef, MetadataMap};

use super::file::Incoming;
use super::{FileSend, join};
use crate::fsutil::disk::{DiskError, Placed, Staging, staging_place};
use crate::fsutil::partial::Partials;
use crate::fsutil::place::Others;
use crate::fsutil::receive::{ReceiveError, ReceiveOptions};

/// The header of a tree that holds every platform.
const ALL_PLATFORMS: &str = "buildkit-exporter-multi-platform";
/// What the headers with a file's metadata begin with.
const METADATA: &str = "exporter-md-";

/// Where an exporter's result goes.
pub enum ExportTarget {
    /// One file. A device or a pipe is written to as the bytes come.
    File(PathBuf),
    /// A directory, which may exist; what it has and the export has not stays.
    Directory(PathBuf, ReceiveOptions),
    /// A directory that becomes what the export is: what else it has is removed. For the exporter's `mode=delete`.
    Mirror(PathBuf, ReceiveOptions),
    /// Anything else, standard output say. It gets the bytes as they come and cannot take them back.
    Writer(Box<dyn Write + Send>),
}

impl fmt::Debug for ExportTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Directory(path, options) => f.debug_tuple("Directory").field(path).field(options).finish(),
            Self::Mirror(path, options) => f.debug_tuple("Mirror").field(path).field(options).finish(),
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

/// The targets of one solve, by index of the exporter.
#[derive(Clone, Debug)]
pub struct Exports {
    slots: Arc<Mutex<Slots>>,
    partials: Partials,
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
    /// What the daemon told of it beside its bytes, such as `containerimage.digest`; only of files.
    pub metadata: BTreeMap<String, String>,
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
    metadata: BTreeMap<String, String>,
    broke_off: bool,
    arrived: Vec<Arrived>,
}

/// A complete export that is not in its place yet.
#[derive(Debug)]
pub(super) enum Arrived {
    File(Box<Incoming>),
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
            let metadata = BTreeMap::new();
            Ok((id, Slot { target, shown, started: false, broke_off: false, metadata, arrived: Vec::new() }))
        });
        let by_id = slots.collect::<Result<_, ExportError>>()?;
        Ok(Self {
            slots: Arc::new(Mutex::new(Slots { by_id, failure: None })),
            partials: Partials::default(),
        })
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
    /// Everything is on the disk before anything is moved; a target for which nothing came, or which is in the
    /// way, is found before that too. Where a move fails, those before it are taken back.
    ///
    /// # Errors
    /// Nothing is in place then, unless the error is of what comes after the moves: times and modes of
    /// directories, and bringing the moves to the disk.
    pub async fn commit(self) -> Result<Vec<Exported>, ExportError> {
        let slots = std::mem::take(&mut *self.lock());
        join(spawn_blocking(move || slots.commit()).await)
    }

    /// Removes what has come and is not in place; what still comes is refused. Waits until nothing is left.
    pub async fn give_up(&self) {
        let this = self.clone();
        join(spawn_blocking(move || this.give_up_now()).await);
    }

    /// As [`give_up`](Self::give_up), on this thread.
    pub fn give_up_now(&self) {
        self.lock().by_id.clear();
        self.partials.give_up();
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        // The slots are whole between any two statements.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The work for a new stream, which takes what it needs from the slot.
    pub(super) fn begin(&self, id: u32, headers: &MetadataMap) -> Result<Job, Status> {
        let mut slots = self.lock();
        let known: Vec<_> = slots.by_id.keys().map(ToString::to_string).collect();
        let slot = slots.by_id.get_mut(&id).ok_or_else(|| {
            Status::not_found(format!("exporter {id} has no target here; there are: {}", known.join(", ")))
        })?;
        let target = slot.shown.clone();
        let again = std::mem::replace(&mut slot.started, true);
        let tree = |path: &PathBuf, options: &ReceiveOptions, others| Job::Tree {
            path: path.clone(),
            options: *options,
            others,
            partials: self.partials.clone(),
        };
        let sink = match &mut slot.target {
            // One stream for each platform, or one for all: both are one export.
            ExportTarget::Directory(path, options) => return Ok(tree(path, options, Others::Stay)),
            ExportTarget::Mirror(path, options) if !again && headers.get(ALL_PLATFORMS).is_some() => {
                return Ok(tree(path, options, Others::Go));
            }
            ExportTarget::Mirror(..) if !again => {
                let error = ExportError::NoMirror { target };
                let told = status(&error);
                slots.failure.get_or_insert(error);
                return Err(told);
            }
            _ if again => return Err(status(&ExportError::Twice { target })),
            ExportTarget::Mirror(..) => return Err(status(&ExportError::Twice { target })),
            ExportTarget::File(path) => Sink::File(path.clone(), self.partials.clone()),
            ExportTarget::Writer(writer) => Sink::Writer(std::mem::replace(writer, Box::new(io::sink()))),
        };
        slot.metadata = metadata(headers);
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

    /// Notes that a stream broke off. The solve's error says why; a solve that succeeds all the same lies.
    pub(super) fn broke_off(&self, id: u32) {
        if let Some(slot) = self.lock().by_id.get_mut(&id) {
            slot.broke_off = true;
        }
    }
}

impl Slots {
    fn commit(mut self) -> Result<Vec<Exported>, ExportError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if let Some((id, slot)) = self.by_id.iter().find(|(_, slot)| slot.broke_off) {
            return Err(ExportError::BrokeOff { id: *id, target: slot.shown.clone() });
        }
        if let Some((id, slot)) = self.by_id.iter().find(|(_, slot)| slot.arrived.is_empty()) {
            return Err(ExportError::NothingSent { id: *id, target: slot.shown.clone() });
        }
        for slot in self.by_id.values() {
            slot.arrived.iter().try_for_each(|arrived| slot.told(arrived.prepare()))?;
        }
        if let Err(error) = self.place() {
            for arrived in self.by_id.values_mut().rev().flat_map(|slot| slot.arrived.iter_mut().rev()) {
                arrived.undo();
            }
            return Err(error);
        }
        self.by_id.into_iter().map(|(id, slot)| slot.finish(id)).collect()
    }

    fn place(&mut self) -> Result<(), ExportError> {
        for slot in self.by_id.values_mut() {
            for index in 0..slot.arrived.len() {
                let placed = slot.arrived[index].place();
                slot.told(placed)?;
            }
        }
        Ok(())
    }
}

impl Slot {
    fn finish(mut self, id: u32) -> Result<Exported, ExportError> {
        let path = match &self.target {
            ExportTarget::File(path) | ExportTarget::Directory(path, _) | ExportTarget::Mirror(path, _) => {
                Some(path.clone())
            }
            ExportTarget::Writer(_) => None,
        };
        let metadata = std::mem::take(&mut self.metadata);
        let mut exported = Exported { id, path, bytes: 0, entries: 0, metadata };
        for arrived in std::mem::take(&mut self.arrived) {
            let placed = self.told(arrived.finish())?;
            exported.bytes += placed.bytes;
            exported.entries += placed.entries;
        }
        Ok(exported)
    }

    /// An error with the target that it is about.
    fn told<T>(&self, done: Result<T, Stuck>) -> Result<T, ExportError> {
        done.map_err(|stuck| match (stuck, &self.target) {
            (Stuck::Tree(source), ExportTarget::Directory(path, _) | ExportTarget::Mirror(path, _)) => {
                ExportError::Disk { path: path.clone(), source }
            }
            (Stuck::Tree(source), _) => {
                ExportError::Write { target: self.shown.clone(), source: io::Error::other(source) }
            }
            (Stuck::File(source), _) => ExportError::Write { target: self.shown.clone(), source },
        })
    }
}

/// Why an export is not put into place.
enum Stuck {
    File(io::Error),
    Tree(DiskError),
}

impl Arrived {
    fn prepare(&self) -> Result<(), Stuck> {
        match self {
            Self::Tree(staging) => staging.prepare().map_err(Stuck::Tree),
            Self::File(_) | Self::Written { .. } => Ok(()),
        }
    }

    fn place(&mut self) -> Result<(), Stuck> {
        match self {
            Self::Tree(staging) => staging.place().map_err(Stuck::Tree),
            Self::File(file) => file.place().map_err(Stuck::File),
            Self::Written { .. } => Ok(()),
        }
    }

    fn undo(&mut self) {
        match self {
            Self::Tree(staging) => staging.undo(),
            Self::File(file) => file.undo(),
            Self::Written { .. } => {}
        }
    }

    fn finish(self) -> Result<Placed, Stuck> {
        match self {
            Self::Tree(staging) => staging.finish().map_err(Stuck::Tree),
            Self::File(file) => file.finish().map(|bytes| Placed { entries: 1, bytes }).map_err(Stuck::File),
            Self::Written { bytes } => Ok(Placed { entries: 1, bytes }),
        }
    }
}

/// Checks one target, follows a link to a file, and says how it is called.
fn check(target: ExportTarget) -> Result<(ExportTarget, String), ExportError> {
    match target {
        ExportTarget::Writer(writer) => Ok((ExportTarget::Writer(writer), "standard output".to_owned())),
        ExportTarget::Directory(path, options) => {
            let shown = check_directory(&path)?;
            Ok((ExportTarget::Directory(path, options), shown))
        }
        ExportTarget::Mirror(path, options) => {
            let shown = check_directory(&path)?;
            Ok((ExportTarget::Mirror(path, options), shown))
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
                let place = directory_of(&real);
                if place.exists() && !place.is_dir() {
                    return Err(ExportError::NotADirectory { path: place.to_owned() });
                }
                check_access(&path, place, Access::WRITE_OK | Access::EXEC_OK)?;
            }
            Ok((ExportTarget::File(real), shown))
        }
    }
}

fn check_directory(path: &Path) -> Result<String, ExportError> {
    let place = staging_place(path);
    // A link to nothing is there, and is no directory.
    let dangling = place != path && fs::symlink_metadata(path).is_ok();
    if dangling || !place.is_dir() {
        return Err(ExportError::NotADirectory { path: if dangling { path.to_owned() } else { place } });
    }
    check_access(path, &place, Access::WRITE_OK | Access::EXEC_OK)?;
    Ok(path.display().to_string())
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

/// What the daemon tells of a file in headers.
fn metadata(headers: &MetadataMap) -> BTreeMap<String, String> {
    let mut metadata: BTreeMap<String, String> = BTreeMap::new();
    for entry in headers.iter() {
        let KeyAndValueRef::Ascii(key, value) = entry else { continue };
        if let (Some(key), Ok(value)) = (key.as_str().strip_prefix(METADATA), value.to_str()) {
            let text = metadata.entry(key.to_owned()).or_default();
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(value);
        }
    }
    metadata
}

/// What a stream is to do.
pub(super) enum Job {
    Bytes { target: String, sink: Sink },
    Tree { path: PathBuf, options: ReceiveOptions, others: Others, partials: Partials },
}

pub(super) enum Sink {
    File(PathBuf, Partials),
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
        Some(io::ErrorKind::BrokenPipe) => Status::cancelled(error.to_string()),
        _ => Status::failed_precondition(error.to_string()),
    }
}
