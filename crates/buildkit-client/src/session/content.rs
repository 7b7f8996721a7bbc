//! `Content`: blobs of OCI layouts on this machine, for the daemon to read and to write.
//!
//! The daemon says in a header which store it means. What is written appears in its layout when it is whole; the
//! layout's index is left alone. (containerd `services/content/v1`, BuildKit v0.34 `session/content`.)

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use buildkit_llb::Digest;
use buildkit_proto::content::content_server::Content;
use buildkit_proto::content::{
    AbortRequest, DeleteContentRequest, Info, InfoRequest, InfoResponse, ListContentRequest,
    ListContentResponse, ListStatusesRequest, ListStatusesResponse, ReadContentRequest, ReadContentResponse,
    StatusRequest, StatusResponse, UpdateRequest, UpdateResponse, WriteAction, WriteContentRequest,
    WriteContentResponse,
};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use crate::layout::{BlobWriter, Layout, LayoutError};

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

/// The header that names the store.
const STORE_ID: &str = "buildkit-attachable-store-id";
/// Bytes in one message of a blob that is read.
const CHUNK: u64 = 1 << 20;
/// Messages that may wait to be sent.
const QUEUE: usize = 2;
/// Blobs in one message of a list.
const LIST: usize = 100;

/// Layouts that a daemon may use, by the names that it knows them by.
#[derive(Clone, Debug, Default)]
pub struct ContentStores {
    by_id: BTreeMap<String, Arc<Store>>,
}

#[derive(Debug)]
struct Store {
    id: String,
    layout: Layout,
    writable: bool,
    /// The names of the writes that are under way.
    writing: Mutex<BTreeSet<String>>,
}

impl ContentStores {
    /// No layouts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A layout that sources of the kind `oci-layout` read, by the name that they call their store.
    #[must_use]
    pub fn images(self, store: &str, layout: Layout) -> Self {
        self.with(format!("oci:{store}"), layout, false)
    }

    /// A layout that caches of the kind `local` are read from, by their attribute `src`.
    #[must_use]
    pub fn cache_from(self, src: &str, layout: Layout) -> Self {
        self.with(format!("local:{src}"), layout, false)
    }

    /// A layout that a cache of the kind `local` is written to, by its attribute `dest`.
    #[must_use]
    pub fn cache_to(self, dest: &str, layout: Layout) -> Self {
        self.with(format!("local:{dest}"), layout, true)
    }

    /// The layout that the exporters `oci` and `docker` write with `tar=false`. A build can have one only.
    #[must_use]
    pub fn export(self, layout: Layout) -> Self {
        self.with("export".to_owned(), layout, true)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// A store that is read and written is both.
    fn with(mut self, id: String, layout: Layout, writable: bool) -> Self {
        let writable = writable || self.by_id.get(&id).is_some_and(|store| store.writable);
        let store = Store { id: id.clone(), layout, writable, writing: Mutex::default() };
        self.by_id.insert(id, Arc::new(store));
        self
    }

    fn store(&self, headers: &MetadataMap) -> Result<Arc<Store>, Status> {
        let id = headers
            .get(STORE_ID)
            .map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
        let id = id.ok_or_else(|| Status::invalid_argument(format!("the header {STORE_ID} is missing")))?;
        self.by_id.get(&id).cloned().ok_or_else(|| {
            let known: Vec<_> = self.by_id.keys().map(|id| format!("{id:?}")).collect();
            Status::not_found(format!("no store {id:?} is offered; there are: {}", known.join(", ")))
        })
    }

    fn writable(&self, headers: &MetadataMap) -> Result<Arc<Store>, Status> {
        let store = self.store(headers)?;
        if store.writable { Ok(store) } else { Err(read_only(&store.id)) }
    }
}

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
        spawn_blocking(move || {
            let digests = match store.layout.digests() {
                Ok(digests) => digests,
                Err(error) => return drop(output.blocking_send(Err(failed(&error)))),
            };
            for digests in digests.chunks(LIST) {
                let info = digests.iter().map(|digest| store.info(digest)).collect::<Result<_, _>>();
                if output.blocking_send(info.map(|info| ListContentResponse { info })).is_err() {
                    return;
                }
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
        spawn_blocking(move || {
            if let Err(status) = store.read(&digest, request.offset, request.size, &output) {
                // Nobody waits for it if the daemon is gone.
                let _ = output.blocking_send(Err(status));
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
            if let Err(status) = write(&store, &mut input, &output).await {
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

impl Store {
    fn info(&self, digest: &Digest) -> Result<Info, Status> {
        let (_, size) = self.open(digest)?;
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        Ok(Info { digest: digest.to_string(), size, ..Info::default() })
    }

    fn open(&self, digest: &Digest) -> Result<(std::fs::File, u64), Status> {
        let blob = self.layout.blob(digest).map_err(|error| failed(&error))?;
        blob.ok_or_else(|| {
            Status::not_found(format!("blob {digest} is not in {}", self.layout.path().display()))
        })
    }

    /// Sends a part of a blob; a size of zero means up to its end.
    fn read(
        &self,
        digest: &Digest,
        offset: i64,
        size: i64,
        output: &mpsc::Sender<Result<ReadContentResponse, Status>>,
    ) -> Result<(), Status> {
        let (mut file, total) = self.open(digest)?;
        let start = u64::try_from(offset).unwrap_or(0);
        let Some(rest) = total.checked_sub(start) else {
            return Err(Status::out_of_range(format!("blob {digest} has {total} bytes, not {offset}")));
        };
        let mut rest = u64::try_from(size)
            .ok()
            .filter(|size| *size > 0)
            .map_or(rest, |size| size.min(rest));
        let broken = |source| failed(&LayoutError::Io { path: self.layout.blob_path(digest), source });
        file.seek(SeekFrom::Start(start)).map_err(broken)?;
        let mut sent = 0;
        while rest > 0 {
            let mut data = vec![0; usize::try_from(rest.min(CHUNK)).unwrap_or(usize::MAX)];
            file.read_exact(&mut data).map_err(broken)?;
            let length = data.len() as u64;
            let message = ReadContentResponse { offset: sent, data: Bytes::from(data) };
            if output.blocking_send(Ok(message)).is_err() {
                return Ok(());
            }
            sent += i64::try_from(length).unwrap_or(i64::MAX);
            rest -= length;
        }
        Ok(())
    }

    /// Takes the name of a write for as long as the guard lives: two would write the same blob.
    fn lock(self: &Arc<Self>, name: &str) -> Result<Writing, Status> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if writing.insert(name.to_owned()) {
            Ok(Writing { store: Arc::clone(self), name: name.to_owned() })
        } else {
            Err(Status::unavailable(format!("write {name:?} is under way: it is locked")))
        }
    }
}

/// A write that is under way.
struct Writing {
    store: Arc<Store>,
    name: String,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.store
            .writing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.name);
    }
}

/// One stream of the daemon: one blob.
async fn write(
    store: &Arc<Store>,
    input: &mut Streaming<WriteContentRequest>,
    output: &mpsc::Sender<Result<WriteContentResponse, Status>>,
) -> Result<(), Status> {
    let Some(mut request) = input.message().await? else { return Ok(()) };
    if request.r#ref.is_empty() {
        return Err(Status::invalid_argument("the first request of a write has no ref"));
    }
    let _writing = store.lock(&request.r#ref)?;
    let layout = store.layout.clone();
    let mut blob = Blob { writer: None, total: 0, expected: None };
    loop {
        let (layout, step) = (layout.clone(), blob);
        let (answer, rest) = blocking(move || step.handle(&layout, request)).await?;
        if output.send(Ok(answer)).await.is_err() {
            return Ok(());
        }
        let Some(rest) = rest else { return Ok(()) };
        blob = rest;
        match input.message().await? {
            Some(next) => request = next,
            None => return Ok(()),
        }
    }
}

/// A blob that is being written, and what is announced of it.
struct Blob {
    writer: Option<BlobWriter>,
    total: u64,
    expected: Option<Digest>,
}

impl Blob {
    /// Does what is asked for; the blob is `None` when it is in its place.
    fn handle(
        mut self,
        layout: &Layout,
        request: WriteContentRequest,
    ) -> Result<(WriteContentResponse, Option<Self>), Status> {
        let action = request.action();
        if !request.expected.is_empty() {
            let expected = parse(&request.expected)?;
            if layout.blob(&expected).map_err(|error| failed(&error))?.is_some() {
                return Err(Status::already_exists(format!("blob {expected} is there")));
            }
            self.expected = Some(expected);
        }
        if let Ok(total @ 1..) = u64::try_from(request.total) {
            self.total = total;
        }
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => layout.write_blob().map_err(|error| failed(&error))?,
        };
        if action != WriteAction::Stat {
            let written = i64::try_from(writer.written()).unwrap_or(i64::MAX);
            if request.offset == 0 && written > 0 {
                writer = layout.write_blob().map_err(|error| failed(&error))?;
            } else if request.offset != written {
                let offset = request.offset;
                return Err(Status::out_of_range(format!("a write at {offset} must be at {written}")));
            }
            writer.write(&request.data).map_err(|error| failed(&error))?;
        }
        let mut answer = WriteContentResponse {
            action: action.into(),
            offset: i64::try_from(writer.written()).unwrap_or(i64::MAX),
            total: i64::try_from(self.total).unwrap_or(i64::MAX),
            ..WriteContentResponse::default()
        };
        if action == WriteAction::Commit {
            let digest = writer.commit(self.expected, self.total).map_err(|error| failed(&error))?;
            answer.digest = digest.to_string();
            return Ok((answer, None));
        }
        answer.digest = writer.digest().to_string();
        self.writer = Some(writer);
        Ok((answer, Some(self)))
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

fn read_only(id: &str) -> Status {
    Status::permission_denied(format!("the store {id:?} is offered for reading only"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(action: WriteAction, offset: i64, data: &'static [u8]) -> WriteContentRequest {
        WriteContentRequest {
            action: action.into(),
            offset,
            data: Bytes::from_static(data),
            ..Default::default()
        }
    }

    fn new() -> Blob {
        Blob { writer: None, total: 0, expected: None }
    }

    #[test]
    fn a_blob_is_written_in_steps_that_are_answered() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let (answer, blob) = new().handle(&layout, request(WriteAction::Stat, 0, b"")).unwrap();
        assert_eq!((answer.offset, answer.action()), (0, WriteAction::Stat));
        let (answer, blob) = blob.unwrap().handle(&layout, request(WriteAction::Write, 0, b"hel")).unwrap();
        assert_eq!(answer.offset, 3);
        let (answer, blob) = blob.unwrap().handle(&layout, request(WriteAction::Commit, 3, b"lo")).unwrap();
        assert_eq!((answer.offset, answer.digest), (5, Digest::of(b"hello").to_string()));
        assert!(blob.is_none());
        assert_eq!(layout.digests().unwrap(), [Digest::of(b"hello")]);

        let known = WriteContentRequest { expected: Digest::of(b"hello").to_string(), ..Default::default() };
        assert_eq!(new().handle(&layout, known).err().unwrap().code(), tonic::Code::AlreadyExists);
    }

    #[test]
    fn a_write_starts_again_at_zero_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let begun = || {
            new()
                .handle(&layout, request(WriteAction::Write, 0, b"wrong"))
                .unwrap()
                .1
                .unwrap()
        };
        let (answer, _) = begun().handle(&layout, request(WriteAction::Commit, 0, b"right")).unwrap();
        assert_eq!(answer.digest, Digest::of(b"right").to_string());
        for offset in [-1, 4, 6, i64::MAX] {
            let error = begun()
                .handle(&layout, request(WriteAction::Write, offset, b"x"))
                .err()
                .unwrap();
            assert_eq!(error.message(), format!("a write at {offset} must be at 5"));
        }
    }

    #[test]
    fn what_is_not_what_was_announced_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let expected = Digest::of(b"other").to_string();
        let commit = WriteContentRequest { expected, ..request(WriteAction::Commit, 0, b"hello") };
        let error = new().handle(&layout, commit).err().unwrap();
        assert_eq!(error.code(), tonic::Code::FailedPrecondition);
        let rubbish = WriteContentRequest { expected: "../../x".to_owned(), ..Default::default() };
        let error = new().handle(&layout, rubbish).err().unwrap();
        assert_eq!(error.code(), tonic::Code::InvalidArgument);
        assert_eq!(layout.digests().unwrap(), []);
    }

    #[test]
    fn a_store_is_known_by_its_header_and_written_only_when_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let stores = ContentStores::new()
            .images("base", layout.clone())
            .cache_to("/c", layout.clone());
        let headers = |id: &str| {
            let mut headers = MetadataMap::new();
            headers.insert(STORE_ID, id.parse().unwrap());
            headers
        };
        assert!(stores.store(&headers("oci:base")).is_ok());
        let error = stores.store(&headers("oci:other")).unwrap_err();
        let known = r#"no store "oci:other" is offered; there are: "local:/c", "oci:base""#;
        assert_eq!((error.code(), error.message()), (tonic::Code::NotFound, known));
        assert_eq!(stores.store(&MetadataMap::new()).unwrap_err().code(), tonic::Code::InvalidArgument);
        assert_eq!(stores.writable(&headers("oci:base")).unwrap_err().code(), tonic::Code::PermissionDenied);
        assert!(stores.cache_from("/c", layout).writable(&headers("local:/c")).is_ok());
    }

    #[test]
    fn a_name_is_written_once_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let stores = ContentStores::new().export(layout);
        let store = &stores.by_id["export"];
        let first = store.lock("layer").unwrap();
        assert_eq!(store.lock("layer").err().unwrap().code(), tonic::Code::Unavailable);
        drop(first);
        assert!(store.lock("layer").is_ok());
    }
}
