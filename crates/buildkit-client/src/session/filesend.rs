//! `FileSend`: what exporters send to this machine.
//!
//! One method carries two languages: exporters that make one file (`tar`, `oci`, `docker`) send its bytes,
//! the `local` exporter sends a tree as [`crate::fsutil`] knows it. Which one it is, only the exporter's
//! index says, in a header; so the service reads raw messages and looks the target up first.
//!
//! Exports are all or nothing. [`Exports::prepare`] checks before the build that every target could be
//! written; what arrives goes to a private place beside its target; [`Exports::commit`], called when the
//! solve has succeeded, puts all of it into place. Without commit nothing is left.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use buildkit_proto::Message;
use buildkit_proto::filesync::BytesMessage;
use buildkit_proto::fsutil as pb;
use bytes::{Buf, BufMut, Bytes};
use rustix::fs::Access;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::BoxFuture;
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tower::Service;

use crate::client::MAX_MESSAGE;
use crate::fsutil::disk::{DiskError, Staging, staging_place};
use crate::fsutil::packet::Packet;
use crate::fsutil::receive::{Action, ReceiveError, ReceiveOptions, Receiver};

/// The methods that a session announces for this service.
pub(super) const METHODS: &[&str] = &["/moby.filesync.v1.FileSend/DiffCopy"];

/// Messages on their way to the disk or to the connection.
const QUEUE: usize = 16;

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
    #[error("cannot export to {}: {} {source}", path.display(), place.display())]
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
enum Arrived {
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
        FileSend { exports: self.clone() }
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
    fn begin(&self, id: u32) -> Result<Job, Status> {
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
    fn end(&self, id: u32, result: Result<Arrived, ExportError>) {
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
            if path.exists() && !path.is_dir() {
                return Err(ExportError::NotADirectory { path });
            }
            check_access(&path, &staging_place(&path), Access::WRITE_OK | Access::EXEC_OK)?;
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
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir())
}

fn directory_of(path: &Path) -> &Path {
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

/// The service that a session mounts.
#[derive(Clone, Debug)]
pub struct FileSend {
    exports: Exports,
}

impl NamedService for FileSend {
    const NAME: &'static str = "moby.filesync.v1.FileSend";
}

impl Service<http::Request<Body>> for FileSend {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = DiffCopy { exports: self.exports.clone() };
        Box::pin(async move {
            if request.uri().path() != METHODS[0] {
                return Ok(Status::unimplemented("no such method").into_http());
            }
            let sizes = (Some(MAX_MESSAGE), Some(MAX_MESSAGE));
            let mut grpc = Grpc::new(Raw).apply_max_message_size_config(sizes.0, sizes.1);
            Ok(grpc.streaming(method, request).await)
        })
    }
}

struct DiffCopy {
    exports: Exports,
}

impl StreamingService<Bytes> for DiffCopy {
    type Response = Bytes;
    type ResponseStream = ReceiverStream<Result<Bytes, Status>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let exports = self.exports.clone();
        Box::pin(async move {
            let id = exporter_id(request.metadata())?;
            let job = exports.begin(id)?;
            let (output, messages) = mpsc::channel(QUEUE);
            // A task of its own: one stream that waits must not hold up another.
            tokio::spawn(async move {
                let result = match job {
                    Job::Bytes { target, sink } => receive_bytes(request.into_inner(), target, sink).await,
                    Job::Tree { path, options } => {
                        receive_tree(request.into_inner(), &output, path, options).await
                    }
                };
                match result {
                    Ok(arrived) => exports.end(id, Ok(arrived)),
                    Err(Broken::There(status)) => drop(output.send(Err(status)).await),
                    Err(Broken::Here(error)) => {
                        let status = status(&error);
                        exports.end(id, Err(error));
                        let _ = output.send(Err(status)).await;
                    }
                }
            });
            Ok(Response::new(ReceiverStream::new(messages)))
        })
    }
}

/// Index of the exporter; old daemons, which have only one, do not say it.
fn exporter_id(headers: &MetadataMap) -> Result<u32, Status> {
    let Some(value) = headers.get("buildkit-attachable-exporter-id") else { return Ok(0) };
    let id = value.to_str().ok().and_then(|id| id.parse().ok());
    id.ok_or_else(|| Status::invalid_argument("the exporter's id is not a number"))
}

/// What a stream is to do.
enum Job {
    Bytes { target: String, sink: Sink },
    Tree { path: PathBuf, options: ReceiveOptions },
}

enum Sink {
    File(PathBuf),
    Writer(Box<dyn Write + Send>),
}

/// Why a stream ended early.
enum Broken {
    Here(ExportError),
    /// The daemon gave up, or the connection broke: the solve's own error says why.
    There(Status),
}

impl From<ExportError> for Broken {
    fn from(error: ExportError) -> Self {
        Self::Here(error)
    }
}

/// Takes the bytes of one file until the daemon ends them.
async fn receive_bytes(mut input: Streaming<Bytes>, target: String, sink: Sink) -> Result<Arrived, Broken> {
    let (chunks, queue) = mpsc::channel(QUEUE);
    let disk = spawn_blocking(move || write_chunks(sink, queue));
    let taken = loop {
        let message = match input.message().await {
            Ok(Some(message)) => message,
            Ok(None) => break Ok(()),
            Err(status) => break Err(Broken::There(status)),
        };
        let Ok(message) = BytesMessage::decode(message) else {
            break Err(ExportError::Garbled { target: target.clone() }.into());
        };
        if chunks.send(message.data).await.is_err() {
            // Writing failed, and `disk` says why.
            break Ok(());
        }
    };
    drop(chunks);
    let written = join(disk.await);
    // What is incomplete is dropped here, and with it its file.
    taken?;
    Ok(written.map_err(|source| ExportError::Write { target, source })?)
}

fn write_chunks(sink: Sink, mut queue: mpsc::Receiver<Bytes>) -> io::Result<Arrived> {
    let mut copy = |out: &mut dyn Write| -> io::Result<u64> {
        let mut bytes = 0;
        while let Some(chunk) = queue.blocking_recv() {
            out.write_all(&chunk)?;
            bytes += chunk.len() as u64;
        }
        out.flush()?;
        Ok(bytes)
    };
    match sink {
        Sink::Writer(mut writer) => Ok(Arrived::Written { bytes: copy(&mut writer)? }),
        Sink::File(path) if is_special(&path) => {
            let mut file = OpenOptions::new().write(true).open(path)?;
            Ok(Arrived::Written { bytes: copy(&mut file)? })
        }
        Sink::File(path) => {
            let mut temporary = tempfile::Builder::new()
                .prefix(".export-")
                .suffix(".partial")
                .permissions(Permissions::from_mode(0o666))
                .tempfile_in(directory_of(&path))?;
            let bytes = copy(temporary.as_file_mut())?;
            temporary.as_file().sync_all()?;
            Ok(Arrived::File { temporary, bytes })
        }
    }
}

/// Takes a tree: a [`Receiver`] with a socket and a disk thread around it.
async fn receive_tree(
    mut input: Streaming<Bytes>,
    output: &mpsc::Sender<Result<Bytes, Status>>,
    path: PathBuf,
    options: ReceiveOptions,
) -> Result<Arrived, Broken> {
    let (actions, queue) = mpsc::channel(QUEUE);
    let staged = path.clone();
    let mut disk = Some((actions, spawn_blocking(move || stage(&staged, queue))));
    let mut receiver = Receiver::new(options);
    let mut staging = None;
    let result = loop {
        if receiver.has_everything()
            && let Some((actions, thread)) = disk.take()
        {
            drop(actions);
            match join(thread.await) {
                Ok(done) => staging = Some(done),
                Err(source) => break Err(ExportError::Disk { path: path.clone(), source }.into()),
            }
            receiver.confirm();
        }
        if let Some(staging) = staging.take_if(|_| receiver.is_finished() && !receiver.has_packet()) {
            return Ok(Arrived::Tree(Box::new(staging)));
        }
        // Requests are sent while entries are read: a root file system has more of either than any window.
        let packet = tokio::select! {
            permit = output.reserve(), if receiver.has_packet() => {
                let Ok(permit) = permit else { break Err(Broken::There(Status::cancelled("the daemon hung up"))) };
                if let Some(packet) = receiver.poll_packet() {
                    permit.send(Ok(pb::Packet::from(packet).encode_to_vec().into()));
                }
                continue;
            }
            message = input.message() => match message {
                Ok(Some(message)) => pb::Packet::decode(message).ok().and_then(|p| Packet::try_from(p).ok()),
                Ok(None) => break Err(Broken::There(Status::cancelled("the daemon hung up"))),
                Err(status) => break Err(Broken::There(status)),
            },
        };
        let target = || path.display().to_string();
        let Some(packet) = packet else { break Err(ExportError::Garbled { target: target() }.into()) };
        let action: Option<Action> = match receiver.handle(packet) {
            Ok(action) => action,
            Err(source) => break Err(ExportError::Receive { target: target(), source }.into()),
        };
        // The disk goes on by itself, so waiting for it cannot last for ever.
        if let Some(action) = action
            && let Some((actions, _)) = &disk
            && actions.send(action).await.is_err()
        {
            let thread = disk.take().map(|(_, thread)| thread);
            let failed = match thread {
                Some(thread) => join(thread.await).err(),
                None => None,
            };
            break match failed {
                Some(source) => Err(ExportError::Disk { path: path.clone(), source }.into()),
                None => Err(Broken::There(Status::cancelled("the export was given up"))),
            };
        }
    };
    if let Err(Broken::Here(error)) = &result {
        receiver.fail(error.to_string());
        while let Some(packet) = receiver.poll_packet() {
            let _ = output.send(Ok(pb::Packet::from(packet).encode_to_vec().into())).await;
        }
    }
    result
}

fn stage(path: &Path, mut queue: mpsc::Receiver<Action>) -> Result<Staging, DiskError> {
    let mut staging = Staging::new(path)?;
    while let Some(action) = queue.blocking_recv() {
        staging.perform(action)?;
    }
    Ok(staging)
}

/// A blocking thread's result; its panic is ours.
fn join<T>(result: Result<T, tokio::task::JoinError>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// The error as the daemon is told: a full disk is a full disk, not a broken stream.
fn status(error: &ExportError) -> Status {
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

/// Messages as bytes: which type they have is known only after a look at the headers.
#[derive(Clone, Copy, Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
