//! `FileSync`: directories of this machine, for the daemon's local sources.
//!
//! The daemon names a directory and says in headers what of it it wants; then it is the receiving end of a
//! transfer as [`crate::fsutil`] knows it. Only named directories are served, each from a handle that
//! cannot be left. Files are read on blocking threads, a few at once; what waits to be sent is bounded.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use buildkit_proto::filesync::file_sync_server::{self, FileSyncServer};
use buildkit_proto::fsutil as pb;
use bytes::Bytes;
use percent_encoding::percent_decode;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use crate::client::MAX_MESSAGE;
use crate::fsutil::packet::Packet;
use crate::fsutil::quoted;
use crate::fsutil::root::Root;
use crate::fsutil::send::{MAX_READS, Reader, SendError, Sender, Sent};
use crate::fsutil::stat::Stat;
use crate::fsutil::walk::{Filter, Selection, SkipReason, Step, Walk};

/// The methods that a session announces for this service.
pub(super) const METHODS: &[&str] = &["/moby.filesync.v1.FileSync/DiffCopy"];

/// Packets on their way to the connection.
const PACKETS: usize = 64;
/// Pieces on their way to become packets come in batches: to wake a task for each costs more than to make it.
const QUEUE: usize = 4;
/// Entries in a batch.
const ENTRIES: usize = 64;
/// Bytes of files in a batch, unless a single piece has more.
const BATCH_BYTES: usize = 256 << 10;
/// Threads that read, and files that one of them is given at once.
const READERS: usize = 4;
const READER_FILES: usize = MAX_READS / READERS;
/// How long a daemon may take to listen to why a transfer failed.
const TELL_LIMIT: Duration = Duration::from_secs(3);

/// The service with its directories.
#[derive(Clone, Debug)]
pub struct FileSync {
    directories: Directories,
}

/// A directory that may be sent.
#[derive(Clone, Debug)]
pub struct LocalDir {
    root: Arc<Root>,
    exclude: Vec<String>,
}

/// A directory that cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the directory {}: {source}", path.display())]
pub struct LocalDirError {
    /// The directory.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Something that happened in a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncEvent {
    /// The daemon asked for a directory.
    Started {
        /// Its name.
        directory: String,
    },
    /// An entry is left out although no pattern says so.
    Skipped {
        /// Name of the directory.
        directory: String,
        /// The entry, in quotes.
        path: String,
        /// Why.
        reason: SkipReason,
    },
    /// The transfer is over.
    Ended {
        /// Name of the directory.
        directory: String,
        /// What was sent.
        sent: Sent,
        /// Why it failed, if it did.
        error: Option<String>,
    },
}

impl LocalDir {
    /// Opens a directory.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LocalDirError> {
        let path = path.as_ref();
        let root = Root::open(path).map_err(|source| LocalDirError { path: path.to_owned(), source })?;
        Ok(Self { root: Arc::new(root), exclude: Vec::new() })
    }

    /// Never sends what these patterns match, whatever the daemon asks for.
    #[must_use]
    pub fn exclude(mut self, patterns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.exclude.extend(patterns.into_iter().map(Into::into));
        self
    }
}

impl FileSync {
    /// Serves these directories under their names.
    pub fn new(directories: impl IntoIterator<Item = (impl Into<String>, LocalDir)>) -> Self {
        let by_name = directories
            .into_iter()
            .map(|(name, directory)| (name.into(), directory))
            .collect();
        Self { directories: Directories { by_name, observer: None } }
    }

    /// Tells `observer` of every transfer. It is called on the transfer's own task and must not block.
    #[must_use]
    pub fn observe(mut self, observer: impl Fn(&SyncEvent) + Send + Sync + 'static) -> Self {
        self.directories.observer = Some(Arc::new(observer));
        self
    }

    /// As a session mounts it.
    pub(super) fn server(&self) -> FileSyncServer<Directories> {
        FileSyncServer::new(self.directories.clone())
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE)
    }
}

type Observer = Arc<dyn Fn(&SyncEvent) + Send + Sync>;

#[derive(Clone)]
pub(super) struct Directories {
    by_name: BTreeMap<String, LocalDir>,
    observer: Option<Observer>,
}

impl fmt::Debug for Directories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.by_name).finish()
    }
}

#[tonic::async_trait]
impl file_sync_server::FileSync for Directories {
    type DiffCopyStream = ReceiverStream<Result<pb::Packet, Status>>;
    type TarStreamStream = ReceiverStream<Result<pb::Packet, Status>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<pb::Packet>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let headers = request.metadata();
        let name = values(headers, "dir-name").into_iter().next().unwrap_or_default();
        let name = String::from_utf8_lossy(&name).into_owned();
        let directory = self.by_name.get(&name).ok_or_else(|| self.unknown(&name))?.clone();
        let selection = Selection {
            include: values(headers, "include-patterns"),
            exclude: values(headers, "exclude-patterns"),
            follow: values(headers, "followpaths"),
        };
        let (output, packets) = mpsc::channel(PACKETS);
        let transfer = Transfer { name, sender: Sender::new(), output, observer: self.observer.clone() };
        tokio::spawn(transfer.run(directory, selection, request.into_inner()));
        Ok(Response::new(ReceiverStream::new(packets)))
    }

    async fn tar_stream(
        &self,
        _: Request<Streaming<pb::Packet>>,
    ) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented("no daemon since 2017 calls this method"))
    }
}

impl Directories {
    fn unknown(&self, name: &str) -> Status {
        let known: Vec<_> = self.by_name.keys().map(|name| format!("{name:?}")).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let name = quoted(name.as_bytes());
        Status::not_found(format!("no local directory {name} is offered; there are: {known}"))
    }
}

/// All values of a header; those that are not ASCII come query-escaped, with a header that says so.
fn values(headers: &MetadataMap, key: &str) -> Vec<Vec<u8>> {
    let flag = headers.get(format!("{key}-encoded"));
    let encoded = flag
        .is_some_and(|v| matches!(v.as_encoded_bytes(), b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True"));
    let raw = headers.get_all(key).iter().map(|value| value.as_encoded_bytes().to_vec());
    raw.map(|value| if encoded { unescape(&value) } else { value }).collect()
}

fn unescape(value: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = value.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    percent_decode(&spaced).collect()
}

/// One call of the daemon: a [`Sender`] with a socket, threads and an observer around it.
struct Transfer {
    name: String,
    sender: Sender,
    output: mpsc::Sender<Result<pb::Packet, Status>>,
    observer: Option<Observer>,
}

/// What the blocking threads hand to the machine.
type Feed = mpsc::Sender<Vec<Piece>>;

enum Piece {
    Step(Step),
    EndOfWalk,
    Data { id: u32, bytes: Bytes },
    Failed(SendError),
}

/// Why a transfer ended early.
enum Broken {
    /// Something failed here; the daemon is told.
    Here(SendError),
    /// The daemon is gone: it cancelled, or the connection broke.
    There(String),
}

impl From<SendError> for Broken {
    fn from(error: SendError) -> Self {
        Self::Here(error)
    }
}

impl Transfer {
    async fn run(mut self, directory: LocalDir, selection: Selection, mut input: Streaming<pb::Packet>) {
        self.tell(&SyncEvent::Started { directory: self.name.clone() });
        let (feed, mut pieces) = mpsc::channel(QUEUE);
        let root = Arc::clone(&directory.root);
        let walk_feed = feed.clone();
        let mut workers = JoinSet::new();
        workers.spawn_blocking(move || walk(&directory, &selection, &walk_feed));
        let result = self.exchange(&root, &feed, &mut workers, &mut pieces, &mut input).await;
        let error = match result {
            Ok(()) => None,
            Err(Broken::There(reason)) => {
                // An end without a status would be a good one.
                let status = Status::aborted(reason.clone());
                let _ = timeout(TELL_LIMIT, self.output.send(Err(status))).await;
                Some(reason)
            }
            Err(Broken::Here(error)) => {
                self.sender.fail(&error);
                // In words for the other end of the protocol, and as the status of the call.
                while let Some(packet) = self.sender.poll_packet() {
                    let _ = timeout(TELL_LIMIT, self.output.send(Ok(packet.into()))).await;
                }
                let status = Status::failed_precondition(error.to_string());
                let _ = timeout(TELL_LIMIT, self.output.send(Err(status))).await;
                Some(error.to_string())
            }
        };
        self.tell(&SyncEvent::Ended { directory: self.name.clone(), sent: self.sender.sent(), error });
    }

    async fn exchange(
        &mut self,
        root: &Arc<Root>,
        feed: &Feed,
        workers: &mut JoinSet<()>,
        pieces: &mut mpsc::Receiver<Vec<Piece>>,
        input: &mut Streaming<pb::Packet>,
    ) -> Result<(), Broken> {
        loop {
            // Files that are asked for while all read are given out together.
            while workers.len() < READERS {
                let files = std::iter::from_fn(|| self.sender.poll_read());
                let files: Vec<_> = files.take(READER_FILES).collect();
                if files.is_empty() {
                    break;
                }
                let (root, feed) = (Arc::clone(root), feed.clone());
                workers.spawn_blocking(move || read(&root, &files, &feed));
            }
            if self.sender.is_finished() && !self.sender.has_packet() {
                return Ok(());
            }
            // The daemon is always listened to, also when it does not take what waits for it. Walk and
            // files are only listened to when nothing waits, which bounds what does.
            let batch = tokio::select! {
                permit = self.output.reserve(), if self.sender.has_packet() => {
                    let mut permit = permit.map_err(|_| Broken::There("the daemon hung up".to_owned()))?;
                    while let Some(packet) = self.sender.poll_packet() {
                        permit.send(Ok(packet.into()));
                        match self.output.try_reserve() {
                            Ok(next) => permit = next,
                            Err(_) => break,
                        }
                    }
                    continue;
                }
                message = input.message(), if !self.sender.is_finished() => {
                    let message = message.map_err(|status| Broken::There(status.to_string()))?;
                    let packet = message.ok_or_else(|| Broken::There("the daemon hung up".to_owned()))?;
                    let packet = Packet::try_from(packet).map_err(|_| SendError::Unexpected)?;
                    self.sender.handle(packet)?;
                    continue;
                }
                Some(batch) = pieces.recv(), if !self.sender.has_packet() => batch,
                // A worker that panicked sends nothing more: the transfer ends with it instead of waiting.
                ended = workers.join_next(), if !workers.is_empty() => {
                    if let Some(Err(panic)) = ended {
                        std::panic::resume_unwind(panic.into_panic());
                    }
                    continue;
                }
            };
            for piece in batch {
                self.take(piece)?;
            }
        }
    }

    fn take(&mut self, piece: Piece) -> Result<(), SendError> {
        match piece {
            Piece::Step(Step::Entry(stat)) => self.sender.announce(stat)?,
            Piece::Step(Step::Skipped { path, reason }) => {
                self.tell(&SyncEvent::Skipped { directory: self.name.clone(), path: quoted(&path), reason });
            }
            Piece::EndOfWalk => self.sender.end_of_entries(),
            Piece::Data { id, bytes } => self.sender.data(id, bytes),
            Piece::Failed(error) => return Err(error),
        }
        Ok(())
    }

    fn tell(&self, event: &SyncEvent) {
        tracing::debug!(?event, "local directory");
        if let Some(observer) = &self.observer {
            observer(event);
        }
    }
}

/// Walks on a blocking thread; ends early when nobody listens any more.
fn walk(directory: &LocalDir, selection: &Selection, feed: &Feed) {
    let filter = match Filter::new(&directory.root, selection, &directory.exclude) {
        Ok(filter) => filter,
        Err(error) => return drop(feed.blocking_send(vec![Piece::Failed(error.into())])),
    };
    let mut batch = Vec::with_capacity(ENTRIES);
    for step in Walk::new(Arc::clone(&directory.root), filter) {
        let piece = step.map_or_else(|error| Piece::Failed(error.into()), Piece::Step);
        let failed = matches!(piece, Piece::Failed(_));
        batch.push(piece);
        if failed || batch.len() >= ENTRIES {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(ENTRIES));
            if feed.blocking_send(full).is_err() || failed {
                return;
            }
        }
    }
    batch.push(Piece::EndOfWalk);
    let _ = feed.blocking_send(batch);
}

/// Reads files on a blocking thread, until one fails or nobody listens any more.
fn read(root: &Root, files: &[(u32, Stat)], feed: &Feed) {
    let mut reader = Reader::new(root);
    let (mut batch, mut size) = (Vec::new(), 0);
    for (id, stat) in files {
        let result = reader.read(stat, |bytes| {
            size += bytes.len();
            batch.push(Piece::Data { id: *id, bytes });
            let full = size >= BATCH_BYTES;
            if full {
                size = 0;
            }
            !full || feed.blocking_send(std::mem::take(&mut batch)).is_ok()
        });
        if let Err(error) = result {
            // What was read before is no longer of use to anybody.
            return drop(feed.blocking_send(vec![Piece::Failed(error)]));
        }
    }
    let _ = feed.blocking_send(batch);
}

#[cfg(test)]
mod tests;
