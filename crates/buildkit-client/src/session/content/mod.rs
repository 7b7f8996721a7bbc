//! `Content`: blobs of OCI layouts on this machine, for the daemon to read and to write.
//!
//! The daemon says in a header which store it means. What is written appears in its layout when it is whole; the
//! layout's index is left alone. (containerd `services/content/v1`, BuildKit v0.34 `session/content`.)

mod read;
mod stores;
mod write;

use buildkit_llb::Digest;
use buildkit_proto::content::content_server::Content;
use buildkit_proto::content::{
    AbortRequest, DeleteContentRequest, InfoRequest, InfoResponse, ListContentRequest, ListContentResponse,
    ListStatusesRequest, ListStatusesResponse, ReadContentRequest, ReadContentResponse, StatusRequest,
    StatusResponse, UpdateRequest, UpdateResponse, WriteContentRequest, WriteContentResponse,
};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

pub use stores::ContentStores;

use crate::layout::LayoutError;

/// The methods that a session announces for this service.
pub(super) const METHODS: &[&str] = &[
    "/containerd.services.content.v1.Content/Info",
    "/containerd.services.content.v1.Content/Update",
    "/containerd.services.content.v1.Content/List",
    "/containerd.services.content.v1.Content/Delete",
    "/containerd.services.content.v1.Content/Read",
    "/containerd.services.content.v1.Content/Status",
    "/containerd.services.content.v1.Content/ListStatuses",
    "/containerd.services.content.v1.Content/Write",
    "/containerd.services.content.v1.Content/Abort",
];

/// Messages that may wait to be sent.
const QUEUE: usize = 2;

#[tonic::async_trait]
impl Content for ContentStores {
    type ListStream = ReceiverStream<Result<ListContentResponse, Status>>;
    type ReadStream = ReceiverStream<Result<ReadContentResponse, Status>>;
    type WriteStream = ReceiverStream<Result<WriteContentResponse, Status>>;

    async fn info(&self, request: Request<InfoRequest>) -> Result<Response<InfoResponse>, Status> {
        let store = self.store(request.metadata())?;
        let digest = parse(&request.get_ref().digest)?;
        let info = blocking(move || store.info(&digest)).await?;
        Ok(Response::new(InfoResponse { info: Some(info) }))
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<UpdateResponse>, Status> {
        self.store(request.metadata())?;
        // What a daemon gets from other stores without labels, and lives with.
        Err(Status::failed_precondition("an OCI layout has no labels"))
    }

    async fn list(&self, request: Request<ListContentRequest>) -> Result<Response<Self::ListStream>, Status> {
        let store = self.store(request.metadata())?;
        if !request.get_ref().filters.is_empty() {
            return Err(Status::unimplemented("lists are not filtered here"));
        }
        let (output, messages) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            if let Err(status) = read::list(&store, &output).await {
                // Nobody waits for it if the daemon is gone.
                let _ = output.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(messages)))
    }

    async fn delete(&self, request: Request<DeleteContentRequest>) -> Result<Response<()>, Status> {
        let store = self.store(request.metadata())?;
        Err(Status::permission_denied(format!("nothing is deleted from the store {:?}", store.id)))
    }

    async fn read(&self, request: Request<ReadContentRequest>) -> Result<Response<Self::ReadStream>, Status> {
        let store = self.store(request.metadata())?;
        let request = request.into_inner();
        let digest = parse(&request.digest)?;
        let (output, messages) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            if let Err(status) = read::read(store, digest, request, &output).await {
                // Nobody waits for it if the daemon is gone.
                let _ = output.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(messages)))
    }

    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        self.store(request.metadata())?;
        Err(Status::not_found(format!("no write {:?} can be taken up again", request.get_ref().r#ref)))
    }

    async fn list_statuses(
        &self,
        request: Request<ListStatusesRequest>,
    ) -> Result<Response<ListStatusesResponse>, Status> {
        self.store(request.metadata())?;
        Ok(Response::new(ListStatusesResponse::default()))
    }

    async fn write(
        &self,
        request: Request<Streaming<WriteContentRequest>>,
    ) -> Result<Response<Self::WriteStream>, Status> {
        let store = self.writable(request.metadata())?;
        let (output, messages) = mpsc::channel(QUEUE);
        let mut input = request.into_inner();
        tokio::spawn(async move {
            if let Err(status) = write::write(&store, &mut input, &output).await {
                // Nobody waits for it if the daemon is gone.
                let _ = output.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(messages)))
    }

    async fn abort(&self, request: Request<AbortRequest>) -> Result<Response<()>, Status> {
        self.writable(request.metadata())?;
        // A write ends with its stream, and then nothing is left of it.
        Err(Status::not_found(format!("no write {:?} waits to be taken up again", request.get_ref().r#ref)))
    }
}

fn parse(digest: &str) -> Result<Digest, Status> {
    digest
        .parse()
        .map_err(|error: buildkit_llb::DigestError| Status::invalid_argument(error.to_string()))
}

fn failed(error: &LayoutError) -> Status {
    match error {
        LayoutError::Mismatch { .. } => Status::failed_precondition(error.to_string()),
        _ => Status::internal(error.to_string()),
    }
}

/// Does what may wait for the disk. Nothing in it waits for the daemon: the threads for it are few, and all's.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Status::cancelled("the session ends")),
    }
}
