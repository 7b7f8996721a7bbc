//! The targets of a solve: checked before it, filled during it, put into place after it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::spawn_blocking;
use tonic::Status;
use tonic::metadata::{KeyAndValueRef, MetadataMap};

use super::error::{ExportError, status};
use super::file::Incoming;
use super::target::{ExportTarget, check};
use super::{FileSend, join};
use crate::fsutil::disk::{DiskError, Placed, Staging};
use crate::fsutil::partial::Partials;
use crate::fsutil::place::Others;
use crate::fsutil::receive::ReceiveOptions;

/// The header of a tree that holds every platform.
const ALL_PLATFORMS: &str = "buildkit-exporter-multi-platform";
/// What the headers with a file's metadata begin with.
const METADATA: &str = "exporter-md-";

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
    /// directories, and bringing the moves to the disk, which is done as far as it can be.
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
        let to = match &mut slot.target {
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
            ExportTarget::File(path) => Destination::File(path.clone(), self.partials.clone()),
            ExportTarget::Writer { writer, .. } => {
                Destination::Writer(std::mem::replace(writer, Box::new(io::sink())))
            }
        };
        slot.metadata = metadata(headers);
        Ok(Job::Bytes { target, to })
    }

    /// The directory that is the target of this index, and what is under way.
    pub(super) fn directory(&self, id: u32) -> Result<(PathBuf, Partials), ExportError> {
        let slots = self.lock();
        match slots.by_id.get(&id).map(|slot| &slot.target) {
            Some(ExportTarget::Directory(path, _)) => Ok((path.clone(), self.partials.clone())),
            Some(other) => {
                let path = other.path().map(Path::to_owned).unwrap_or_default();
                Err(ExportError::NotADirectory { path })
            }
            None => Err(ExportError::NoTarget { id }),
        }
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
        // What is in place gets its modes and times, and comes to the disk, whatever becomes of the others.
        let finished: Vec<_> = self.by_id.into_iter().map(|(id, slot)| slot.finish(id)).collect();
        finished.into_iter().collect()
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
        let path = self.target.path().map(Path::to_owned);
        let metadata = std::mem::take(&mut self.metadata);
        let mut exported = Exported { id, path, bytes: 0, entries: 0, metadata };
        let mut done = Ok(());
        for arrived in std::mem::take(&mut self.arrived) {
            let finished = self.told(arrived.finish()).map(|placed| {
                exported.bytes += placed.bytes;
                exported.entries += placed.entries;
            });
            done = done.and(finished);
        }
        done.map(|()| exported)
    }

    /// An error with the target that it is about.
    fn told<T>(&self, done: Result<T, Stuck>) -> Result<T, ExportError> {
        let write = |source| ExportError::Write {
            target: self.shown.clone(),
            path: self.target.path().map(Path::to_owned),
            source,
        };
        done.map_err(|stuck| match (stuck, &self.target) {
            (Stuck::Tree(source), ExportTarget::Directory(path, _) | ExportTarget::Mirror(path, _)) => {
                ExportError::Disk { path: path.clone(), source }
            }
            (Stuck::Tree(source), _) => write(io::Error::other(source)),
            (Stuck::File(source), _) => write(source),
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
    Bytes { target: String, to: Destination },
    Tree { path: PathBuf, options: ReceiveOptions, others: Others, partials: Partials },
}

/// Where bytes go as they come.
pub(super) enum Destination {
    File(PathBuf, Partials),
    Writer(Box<dyn Write + Send>),
}

impl Destination {
    /// Its path, unless it is a writer.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path, _) => Some(path),
            Self::Writer(_) => None,
        }
    }
}
