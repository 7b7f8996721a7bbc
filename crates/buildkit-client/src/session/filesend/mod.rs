//! `FileSend`: what exporters send to this machine.
//!
//! One method carries two languages: exporters that make one file (`tar`, `oci`, `docker`) send its bytes,
//! the `local` exporter sends a tree as [`crate::fsutil`] knows it. Which one it is, only the exporter's
//! index says, in a header; so the service reads raw messages and looks the target up first.
//!
//! Exports are all or nothing. [`Exports::prepare`] checks before the build that every target could be
//! written; what arrives goes to a private place beside its target; [`Exports::commit`], called when the
//! solve has succeeded, puts all of it into place. Without commit nothing is left; who ends the process while
//! something still comes calls [`Exports::give_up`] first.

mod error;
mod exports;
mod file;
mod own;
mod raw;
mod target;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};
use std::time::Duration;

use buildkit_proto::Message;
use buildkit_proto::filesync::BytesMessage;
use buildkit_proto::fsutil as pb;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tower::Service;

use crate::client::MAX_MESSAGE;
use crate::fsutil::disk::{DiskError, Staging};
use crate::fsutil::packet::Packet;
use crate::fsutil::partial::Partials;
use crate::fsutil::place::Others;
use crate::fsutil::receive::{Action, ReceiveOptions, Receiver};
use error::status;
use exports::{Arrived, Destination, Job};
use file::write_chunks;
use raw::Raw;

pub use error::ExportError;
pub use exports::{Exported, Exports};
pub use own::Tree;
pub use target::ExportTarget;

/// The methods that a session announces for this service.
pub(super) const METHODS: &[&str] = &["/moby.filesync.v1.FileSend/DiffCopy"];

/// Packets on their way to the disk or to the connection.
const QUEUE: usize = 16;
/// How long a sender may take to stop once it is told that its tree is not wanted.
const STOP_LIMIT: Duration = Duration::from_millis(500);
/// Pieces of a file on their way to the disk: a piece may be as large as a message.
const PIECES: usize = 2;
/// How long a daemon may take to listen to why an export failed.
const TELL_LIMIT: Duration = Duration::from_secs(3);

/// The service that a session mounts.
#[derive(Clone, Debug)]
pub struct FileSend {
    exports: Exports,
}

impl FileSend {
    fn new(exports: Exports) -> Self {
        Self { exports }
    }
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
            let job = exports.begin(id, request.metadata())?;
            let (output, messages) = mpsc::channel(QUEUE);
            // A task of its own: one stream that waits must not hold up another.
            tokio::spawn(async move {
                let mut input = request.into_inner();
                let is_tree = matches!(job, Job::Tree { .. });
                let result = match job {
                    Job::Bytes { target, to } => receive_bytes(&mut input, target, to).await,
                    Job::Tree { path, options, others, partials } => {
                        let staged = path.clone();
                        let disk = move |queue| stage(&staged, others, &partials, queue);
                        receive_tree(&mut input, &output, path, options, disk).await
                    }
                };
                match result {
                    Ok(arrived) => exports.end(id, Ok(arrived)),
                    Err(Broken::There(status)) => {
                        exports.broke_off(id);
                        let _ = timeout(TELL_LIMIT, output.send(Err(status))).await;
                    }
                    Err(Broken::Here(error)) => {
                        let status = status(&error);
                        // Kept before the daemon hears of it: the solve's end asks for it.
                        exports.end(id, Err(error));
                        if is_tree {
                            say_why(&status, &output, &mut input).await;
                        }
                        let _ = timeout(TELL_LIMIT, output.send(Err(status))).await;
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
async fn receive_bytes(
    input: &mut Streaming<Bytes>,
    target: String,
    to: Destination,
) -> Result<Arrived, Broken> {
    let path = to.path().map(Path::to_owned);
    let (chunks, queue) = mpsc::channel(PIECES);
    let disk = spawn_blocking(move || write_chunks(to, queue));
    let taken = loop {
        let message = tokio::select! {
            // Writing failed, and `disk` says why; a daemon that is silent is not waited for.
            () = chunks.closed() => break Ok(()),
            message = input.message() => match message {
                Ok(Some(message)) => message,
                Ok(None) => break Ok(()),
                Err(status) => break Err(Broken::There(status)),
            },
        };
        let Ok(message) = BytesMessage::decode(message) else {
            break Err(ExportError::Garbled { target: target.clone() }.into());
        };
        if chunks.send(message.data).await.is_err() {
            break Ok(());
        }
    };
    drop(chunks);
    let written = join(disk.await);
    // What is incomplete is dropped here, and with it its file.
    taken?;
    Ok(written.map_err(|source| ExportError::Write { target, path, source })?)
}

/// Takes a tree: a [`Receiver`] with a socket and a disk thread around it.
async fn receive_tree(
    input: &mut Streaming<Bytes>,
    output: &mpsc::Sender<Result<Bytes, Status>>,
    path: PathBuf,
    options: ReceiveOptions,
    disk: impl FnOnce(mpsc::Receiver<Action>) -> Result<Staging, DiskError> + Send + 'static,
) -> Result<Arrived, Broken> {
    let (actions, queue) = mpsc::channel(QUEUE);
    let mut disk: Option<Disk> = Some((actions, spawn_blocking(move || disk(queue))));
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
            // Also when the daemon is silent.
            () = ended(&disk) => break Err(why_ended(disk.take(), &path).await),
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
            break Err(why_ended(disk.take(), &path).await);
        }
    };
    if let Some((actions, thread)) = disk.take() {
        // What was written so far is gone before anybody hears of the failure.
        drop(actions);
        let staging = thread.await;
        // It may be large: removing it is for a thread that may block.
        let _ = spawn_blocking(move || drop(staging)).await;
    }
    result
}

/// A thread that stages a tree, and the way to it.
type Disk = (mpsc::Sender<Action>, JoinHandle<Result<Staging, DiskError>>);

/// Waits until the thread has ended although it may expect more: it failed. One that was left to end never has.
async fn ended(disk: &Option<Disk>) {
    match disk {
        Some((actions, _)) => actions.closed().await,
        None => pending().await,
    }
}

/// Why the thread has ended although it could expect more.
async fn why_ended(disk: Option<Disk>, path: &Path) -> Broken {
    let failed = match disk {
        Some((_, thread)) => join(thread.await).err(),
        None => None,
    };
    match failed {
        Some(source) => ExportError::Disk { path: path.to_owned(), source }.into(),
        None => Broken::There(Status::cancelled("the export was given up")),
    }
}

/// Tells the sender of a tree why it failed, and lets it stop: else it only sees that its stream is gone.
async fn say_why(
    status: &Status,
    output: &mpsc::Sender<Result<Bytes, Status>>,
    input: &mut Streaming<Bytes>,
) {
    let packet = pb::Packet::from(Packet::Error(status.message().to_owned()));
    // A daemon that does not listen is not waited for.
    let told = timeout(TELL_LIMIT, output.send(Ok(packet.encode_to_vec().into()))).await;
    if matches!(told, Ok(Ok(()))) {
        let _ = timeout(STOP_LIMIT, async { while let Ok(Some(_)) = input.message().await {} }).await;
    }
}

fn stage(
    path: &Path,
    others: Others,
    partials: &Partials,
    mut queue: mpsc::Receiver<Action>,
) -> Result<Staging, DiskError> {
    let mut staging = Staging::beside(path, others, partials)?;
    while let Some(action) = queue.blocking_recv() {
        staging.perform(action)?;
    }
    Ok(staging)
}

/// A blocking thread's result; its panic is ours.
fn join<T>(result: Result<T, tokio::task::JoinError>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
