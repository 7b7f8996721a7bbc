//! Reading: blobs and lists, sent as fast as the daemon takes them.
//!
//! A thread that may block is held for one message at a time, and only when there is room for it: a daemon that opens
//! many streams and reads none of them keeps no thread from others.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use buildkit_llb::Digest;
use buildkit_proto::content::{ListContentResponse, ReadContentRequest, ReadContentResponse};
use bytes::Bytes;
use tokio::sync::mpsc;
use tonic::Status;

use super::stores::Store;
use super::{blocking, failed};
use crate::layout::LayoutError;

/// Bytes in one message of a blob that is read.
const CHUNK: u64 = 1 << 20;
/// Blobs in one message of a list.
const LIST: usize = 100;

/// Sends all blobs of a store.
pub(super) async fn list(
    store: &Arc<Store>,
    output: &mpsc::Sender<Result<ListContentResponse, Status>>,
) -> Result<(), Status> {
    let layout = store.layout.clone();
    let digests = blocking(move || layout.digests().map_err(|error| failed(&error))).await?;
    for digests in digests.chunks(LIST) {
        let Ok(room) = output.reserve().await else { return Ok(()) };
        let (store, digests) = (Arc::clone(store), digests.to_vec());
        let info = blocking(move || digests.iter().map(|digest| store.info(digest)).collect()).await?;
        room.send(Ok(ListContentResponse { info }));
    }
    Ok(())
}

/// Sends a part of a blob; a size of zero means up to its end.
pub(super) async fn read(
    store: Arc<Store>,
    digest: Digest,
    request: ReadContentRequest,
    output: &mpsc::Sender<Result<ReadContentResponse, Status>>,
) -> Result<(), Status> {
    let mut rest = blocking(move || Rest::open(&store, &digest, request.offset, request.size)).await?;
    while rest.length > 0 {
        let Ok(room) = output.reserve().await else { return Ok(()) };
        let message;
        (message, rest) = blocking(move || rest.next()).await?;
        room.send(Ok(message));
    }
    Ok(())
}

/// What is still to be sent of a blob.
struct Rest {
    path: PathBuf,
    file: File,
    sent: i64,
    length: u64,
}

impl Rest {
    fn open(store: &Store, digest: &Digest, offset: i64, size: i64) -> Result<Self, Status> {
        let (mut file, total) = store.open(digest)?;
        let start = u64::try_from(offset).unwrap_or(0);
        let Some(rest) = total.checked_sub(start) else {
            return Err(Status::out_of_range(format!("blob {digest} has {total} bytes, not {offset}")));
        };
        let length = u64::try_from(size)
            .ok()
            .filter(|size| *size > 0)
            .map_or(rest, |size| size.min(rest));
        let path = store.layout.blob_path(digest);
        match file.seek(SeekFrom::Start(start)) {
            Ok(_) => Ok(Self { path, file, sent: 0, length }),
            Err(source) => Err(failed(&LayoutError::Io { path, source })),
        }
    }

    /// The next message, and what remains after it.
    fn next(mut self) -> Result<(ReadContentResponse, Self), Status> {
        let mut data = vec![0; usize::try_from(self.length.min(CHUNK)).unwrap_or(usize::MAX)];
        if let Err(source) = self.file.read_exact(&mut data) {
            return Err(failed(&LayoutError::Io { path: self.path, source }));
        }
        let message = ReadContentResponse { offset: self.sent, data: Bytes::from(data) };
        self.length -= message.data.len() as u64;
        self.sent += i64::try_from(message.data.len()).unwrap_or(i64::MAX);
        Ok((message, self))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use buildkit_proto::content::content_server::Content as _;
    use buildkit_proto::content::{InfoRequest, ListContentRequest};
    use tokio_stream::StreamExt as _;
    use tonic::Request;

    use super::super::stores::STORE_ID;
    use super::super::{ContentStores, QUEUE};
    use super::*;
    use crate::layout::Layout;

    fn to_store<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert(STORE_ID, "oci:base".parse().unwrap());
        request
    }

    /// Every blob has three bytes more than six chunks.
    fn stores(folder: &std::path::Path, blobs: &[Digest]) -> ContentStores {
        let layout = Layout::create(folder).unwrap();
        for digest in blobs {
            let file = File::create(layout.blob_path(digest)).unwrap();
            file.set_len(6 * CHUNK).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, b"end", 6 * CHUNK).unwrap();
        }
        ContentStores::new().images("base", layout)
    }

    #[tokio::test]
    async fn a_part_of_a_blob_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let digest = Digest::of(b"a");
        let stores = stores(folder.path(), &[digest]);
        let read = async |offset: i64, size: i64| {
            let request = ReadContentRequest { digest: digest.to_string(), offset, size };
            let mut messages = stores.read(to_store(request)).await.unwrap().into_inner();
            let (mut sizes, mut end) = (Vec::new(), Bytes::new());
            while let Some(message) = messages.next().await {
                let message = message.map_err(|status| status.code())?;
                assert_eq!(message.offset, sizes.iter().sum::<i64>());
                sizes.push(i64::try_from(message.data.len()).unwrap());
                end = message.data;
            }
            Ok::<_, tonic::Code>((sizes, end))
        };
        let chunk = i64::try_from(CHUNK).unwrap();
        let (sizes, end) = read(0, 0).await.unwrap();
        assert_eq!((sizes, end.as_ref()), ([vec![chunk; 6], vec![3]].concat(), b"end".as_ref()));
        let (sizes, end) = read(6 * chunk + 1, 1).await.unwrap();
        assert_eq!((sizes, end.as_ref()), (vec![1], b"n".as_ref()));
        assert!(read(6 * chunk + 3, 0).await.unwrap().0.is_empty());
        assert_eq!(read(6 * chunk + 4, 0).await.unwrap_err(), tonic::Code::OutOfRange);
    }

    #[test]
    fn a_stream_that_is_not_read_keeps_no_thread() {
        let folder = tempfile::tempdir().unwrap();
        let blobs: Vec<_> = (0..(QUEUE + 2) * LIST).map(|n| Digest::of(n.to_string().as_bytes())).collect();
        let stores = stores(folder.path(), &blobs);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let digest = blobs[0].to_string();
            let read = ReadContentRequest { digest: digest.clone(), ..Default::default() };
            let mut first = stores.read(to_store(read.clone())).await.unwrap().into_inner();
            let _second = stores.read(to_store(read)).await.unwrap();
            let mut list = stores.list(to_store(ListContentRequest::default())).await.unwrap().into_inner();
            // All of them wait now.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let info = stores.info(to_store(InfoRequest { digest }));
            let info = tokio::time::timeout(Duration::from_secs(10), info).await;
            assert_eq!(info.expect("a thread is free").unwrap().into_inner().info.unwrap().size, 6 << 20 | 3);

            let mut count = 0;
            while let Some(message) = list.next().await {
                count += message.unwrap().info.len();
            }
            assert_eq!(count, blobs.len());
            assert_eq!(first.next().await.unwrap().unwrap().data.len() as u64, CHUNK);
        });
    }
}
