//! Writing: one stream of the daemon is one blob.

use std::sync::Arc;

use buildkit_llb::Digest;
use buildkit_proto::content::{WriteAction, WriteContentRequest, WriteContentResponse};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::stores::Store;
use super::{blocking, failed, parse};
use crate::layout::{BlobWriter, Layout};

/// Writes a blob, and answers each request, until the blob is in its place or the stream ends.
pub(super) async fn write(
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

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
}
