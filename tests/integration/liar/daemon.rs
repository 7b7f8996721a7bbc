//! The lying daemon: the real control API on a socket, whose answers are what a test wants them to be.
//!
//! It takes a session as buildkitd does, as the HTTP/2 client inside the stream, and hands the test a channel
//! on which it can call whatever the session serves.

use std::io;
use std::sync::Arc;

use buildkit_client::{Client, Endpoint, Session, SessionOptions};
use buildkit_proto::control::control_server::{Control, ControlServer};
use buildkit_proto::control::{
    BuildHistoryEvent, BuildHistoryRequest, BytesMessage, DiskUsageRequest, DiskUsageResponse, InfoRequest,
    InfoResponse, ListWorkersRequest, ListWorkersResponse, PruneRequest, SolveRequest, SolveResponse,
    StatusRequest, StatusResponse, UpdateBuildHistoryRequest, UpdateBuildHistoryResponse, UsageRecord,
};
use buildkit_proto::worker::BuildkitVersion;
use bytes::Bytes;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::UnixListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status, Streaming};

/// As daemons limit what they send and take.
pub(super) const MAX_MESSAGE: usize = 16 << 20;

/// What it answers.
#[derive(Clone)]
pub(super) struct Lies {
    pub(super) info: Result<InfoResponse, Status>,
    pub(super) workers: ListWorkersResponse,
    pub(super) status: Vec<StatusResponse>,
    pub(super) solve: Result<SolveResponse, Status>,
}

impl Default for Lies {
    fn default() -> Self {
        let version = BuildkitVersion { version: "v0.34.2".into(), ..Default::default() };
        Self {
            info: Ok(InfoResponse { buildkit_version: Some(version) }),
            workers: ListWorkersResponse::default(),
            status: Vec::new(),
            solve: Ok(SolveResponse::default()),
        }
    }
}

/// A daemon that lies. It ends with the test.
pub(super) struct Liar {
    pub(super) endpoint: Endpoint,
    callers: Mutex<mpsc::UnboundedReceiver<Caller>>,
    server: JoinHandle<()>,
    _folder: TempDir,
}

/// The daemon's end of a session.
pub(super) struct Caller {
    pub(super) channel: Channel,
    /// What the session announced itself with.
    pub(super) headers: MetadataMap,
}

impl Liar {
    pub(super) fn start(lies: Lies) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("buildkitd.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let (callers, received) = mpsc::unbounded_channel();
        let control = ControlServer::new(Answers { lies, callers }).max_decoding_message_size(MAX_MESSAGE);
        let server = tokio::spawn(async move {
            let connections = UnixListenerStream::new(listener);
            Server::builder()
                .http2_max_header_list_size(MAX_MESSAGE as u32)
                .initial_connection_window_size(64 << 20)
                .add_service(control)
                .serve_with_incoming(connections)
                .await
                .unwrap();
        });
        let endpoint = Endpoint::unix(path).unwrap();
        Self { endpoint, callers: Mutex::new(received), server, _folder: folder }
    }

    /// A client of it, a session of that client, and the daemon's end of the session.
    pub(super) async fn session(&self, options: SessionOptions) -> (Client, Session, Caller) {
        let client = Client::connect(&self.endpoint).await.unwrap();
        let session = client.session(options).await.unwrap();
        let caller = self.callers.lock().await.recv().await.unwrap();
        (client, session, caller)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Answers {
    lies: Lies,
    callers: mpsc::UnboundedSender<Caller>,
}

type Stream<T> = ReceiverStream<Result<T, Status>>;

#[tonic::async_trait]
impl Control for Answers {
    type PruneStream = Stream<UsageRecord>;
    type StatusStream = Stream<StatusResponse>;
    type SessionStream = Stream<BytesMessage>;
    type ListenBuildHistoryStream = Stream<BuildHistoryEvent>;

    async fn info(&self, _: Request<InfoRequest>) -> Result<Response<InfoResponse>, Status> {
        self.lies.info.clone().map(Response::new)
    }

    async fn list_workers(
        &self,
        _: Request<ListWorkersRequest>,
    ) -> Result<Response<ListWorkersResponse>, Status> {
        Ok(Response::new(self.lies.workers.clone()))
    }

    async fn session(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let headers = request.metadata().clone();
        let (near, far) = tokio::io::duplex(256 << 10);
        let (say, said) = mpsc::channel(4);
        tokio::spawn(carry(far, request.into_inner(), say));
        let callers = self.callers.clone();
        tokio::spawn(async move {
            let channel = call_back(near).await;
            let _ = callers.send(Caller { channel, headers });
        });
        Ok(Response::new(ReceiverStream::new(said)))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<Self::StatusStream>, Status> {
        let (say, said) = mpsc::channel(4);
        let updates = self.lies.status.clone();
        tokio::spawn(async move {
            for update in updates {
                if say.send(Ok(update)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(said)))
    }

    async fn solve(&self, _: Request<SolveRequest>) -> Result<Response<SolveResponse>, Status> {
        // The updates go first, or nobody would look at them.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        self.lies.solve.clone().map(Response::new)
    }

    async fn disk_usage(&self, _: Request<DiskUsageRequest>) -> Result<Response<DiskUsageResponse>, Status> {
        Err(Status::unimplemented("a lie"))
    }

    async fn prune(&self, _: Request<PruneRequest>) -> Result<Response<Self::PruneStream>, Status> {
        Err(Status::unimplemented("a lie"))
    }

    async fn listen_build_history(
        &self,
        _: Request<BuildHistoryRequest>,
    ) -> Result<Response<Self::ListenBuildHistoryStream>, Status> {
        Err(Status::unimplemented("a lie"))
    }

    async fn update_build_history(
        &self,
        _: Request<UpdateBuildHistoryRequest>,
    ) -> Result<Response<UpdateBuildHistoryResponse>, Status> {
        Err(Status::unimplemented("a lie"))
    }
}

/// Carries bytes between the session's stream and the HTTP/2 client, until either ends.
async fn carry(
    pipe: DuplexStream,
    mut heard: Streaming<BytesMessage>,
    say: mpsc::Sender<Result<BytesMessage, Status>>,
) {
    let (mut read, mut write) = tokio::io::split(pipe);
    let inward = async {
        while let Ok(Some(message)) = heard.message().await {
            if write.write_all(&message.data).await.is_err() {
                return;
            }
        }
    };
    let outward = async {
        let mut buffer = vec![0; 32 << 10];
        while let Ok(length @ 1..) = read.read(&mut buffer).await {
            let data = Bytes::copy_from_slice(&buffer[..length]);
            if say.send(Ok(BytesMessage { data })).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = inward => {}
        () = outward => {}
    }
}

/// The HTTP/2 client of a session.
async fn call_back(pipe: DuplexStream) -> Channel {
    let pipe = Arc::new(std::sync::Mutex::new(Some(pipe)));
    let dial = move |_| {
        let pipe = pipe.lock().unwrap().take();
        async move { pipe.map(TokioIo::new).ok_or(io::Error::from(io::ErrorKind::NotConnected)) }
    };
    Channel::from_static("http://localhost")
        .http2_max_header_list_size(MAX_MESSAGE as u32)
        .connect_with_connector(tower::service_fn(dial))
        .await
        .unwrap()
}
