//! Files of exporters that send bytes: without end, without sense, for nobody.

use std::fs;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use buildkit_client::session::filesend::{ExportError, ExportTarget, Exports};
use buildkit_client::{BuildRequest, SessionOptions};
use buildkit_proto::filesync::BytesMessage;
use buildkit_proto::filesync::file_send_client::FileSendClient;
use bytes::Bytes;
use stagewright_tests::names;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::control::definition;
use super::daemon::{Liar, Lies, MAX_MESSAGE};
use super::{LIMIT, within};
use crate::support::eventually;

/// Sends pieces to an exporter until it hangs up or they end; gives what the call ended with.
async fn send(
    channel: &Channel,
    id: &str,
    pieces: impl IntoIterator<Item = Bytes, IntoIter: Send> + Send + 'static,
) -> Result<(), Status> {
    let (say, said) = mpsc::channel(1);
    tokio::spawn(async move {
        for data in pieces {
            if say.send(BytesMessage { data }).await.is_err() {
                return;
            }
        }
    });
    call(channel, id, said).await
}

/// Says all of this to an exporter; what is over the limit of this end resets the stream.
async fn call(channel: &Channel, id: &str, said: mpsc::Receiver<BytesMessage>) -> Result<(), Status> {
    let mut request = Request::new(ReceiverStream::new(said));
    request
        .metadata_mut()
        .insert("buildkit-attachable-exporter-id", id.parse().unwrap());
    let mut client = FileSendClient::new(channel.clone()).max_encoding_message_size(2 * MAX_MESSAGE);
    let ended = async { client.diff_copy(request).await?.into_inner().message().await };
    within("the export ends", ended).await.map(|_| ())
}

fn pieces(sizes: &[usize]) -> Vec<Bytes> {
    sizes.iter().map(|size| Bytes::from(vec![b'x'; *size])).collect()
}

#[tokio::test]
async fn only_exporters_of_the_build_are_given_anything() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("app.tar");
    fs::write(&target, "old").unwrap();
    let liar = Liar::start(Lies::default());
    let exports = Exports::prepare([(0, ExportTarget::File(target.clone()))]).unwrap();
    let (_client, session, caller) = liar.session(SessionOptions::new().file_send(exports.service())).await;
    for (id, code, text) in [
        ("1", Code::NotFound, "exporter 1 has no target here; there are: 0"),
        ("4294967295", Code::NotFound, "exporter 4294967295 has no target"),
        ("4294967296", Code::InvalidArgument, "not a number"),
        ("-1", Code::InvalidArgument, "not a number"),
        ("", Code::InvalidArgument, "not a number"),
        ("../0", Code::InvalidArgument, "not a number"),
    ] {
        let status = send(&caller.channel, id, pieces(&[10])).await.unwrap_err();
        assert_eq!((status.code(), status.message().contains(text)), (code, true), "{id:?}: {status}");
    }
    send(&caller.channel, "0", pieces(&[3, 0, 15 << 20])).await.unwrap();
    let twice = send(&caller.channel, "0", pieces(&[3])).await.unwrap_err();
    assert!(twice.message().contains("a second file for"), "{twice}");
    assert_eq!(fs::read_to_string(&target).unwrap(), "old", "nothing changes before the solve succeeds");
    session.close().await;
    drop(exports);
    let alone = || names(folder.path()) == ["app.tar"];
    eventually("only the old file is there", Duration::from_secs(5), alone).await;
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_export_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let liar = Liar::start(Lies::default());
    let target = ExportTarget::File(folder.path().join("app.tar"));
    let exports = Exports::prepare([(0, target)]).unwrap();
    let (_client, session, caller) = liar.session(SessionOptions::new().file_send(exports.service())).await;
    let status = send(&caller.channel, "0", pieces(&[10, MAX_MESSAGE + 10])).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    assert!(status.message().contains("16777216"), "{status}");
    let error = exports.clone().commit().await.unwrap_err().to_string();
    assert!(error.contains("app.tar"), "{error}");
    session.close().await;
    drop(exports);
    let empty = || names(folder.path()).is_empty();
    eventually("nothing is left", Duration::from_secs(5), empty).await;
}

#[tokio::test]
async fn a_stream_that_breaks_off_before_a_solve_that_succeeds_is_an_error_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole.tar", "broken.tar"].map(|name| folder.path().join(name));
    fs::write(&whole, "old").unwrap();
    fs::write(&broken, "old").unwrap();
    let liar = Liar::start(Lies::default());
    let targets = [(0, ExportTarget::File(whole.clone())), (1, ExportTarget::File(broken.clone()))];
    let exports = Exports::prepare(targets).unwrap();
    let (client, session, caller) = liar.session(SessionOptions::new().file_send(exports.service())).await;
    send(&caller.channel, "0", pieces(&[10])).await.unwrap();
    let (say, said) = mpsc::channel(1);
    let channel = caller.channel.clone();
    let calling = tokio::spawn(async move { call(&channel, "1", said).await });
    let piece = |size: usize| BytesMessage { data: vec![b'x'; size].into() };
    say.send(piece(10)).await.unwrap();
    // Each arrives beside its target.
    let both = || names(folder.path()).len() == 4;
    eventually("the second file arrives", LIMIT, both).await;
    say.send(piece(3 * MAX_MESSAGE)).await.unwrap();
    within("the call ends", calling).await.unwrap().unwrap_err();
    eventually("the second file is gone", LIMIT, || !both()).await;

    let solved = client
        .solve(&definition(b"a".to_vec()), BuildRequest::new(&session), drop)
        .await;
    solved.unwrap();
    let error = exports.commit().await.unwrap_err();
    assert!(matches!(error, ExportError::BrokeOff { id: 1, .. }), "{error}");
    assert!(error.to_string().contains("broken.tar"), "{error}");
    session.close().await;
    assert_eq!(names(folder.path()), ["broken.tar", "whole.tar"]);
    for path in [whole, broken] {
        assert_eq!(fs::read_to_string(&path).unwrap(), "old", "{}", path.display());
    }
}

/// Takes nothing until it may.
struct Slow {
    open: Arc<AtomicBool>,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while !self.open.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets it go on, also when the test fails.
struct Opens(Arc<AtomicBool>);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_file_without_end_waits_for_its_reader() {
    let open = Arc::new(AtomicBool::new(false));
    let _opens = Opens(Arc::clone(&open));
    let liar = Liar::start(Lies::default());
    let target =
        ExportTarget::Writer { name: "slow".to_owned(), writer: Box::new(Slow { open: Arc::clone(&open) }) };
    let exports = Exports::prepare([(0, target)]).unwrap();
    let (_client, session, caller) = liar.session(SessionOptions::new().file_send(exports.service())).await;
    let taken = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&taken);
    let piece = Bytes::from(vec![b'x'; 8 << 20]);
    let endless = std::iter::repeat_with(move || {
        counted.fetch_add(piece.len() as u64, Ordering::Relaxed);
        piece.clone()
    });
    let channel = caller.channel.clone();
    let sending = tokio::spawn(async move { send(&channel, "0", endless).await });
    // Until no more is taken for a second.
    let mut before = u64::MAX;
    while before != taken.load(Ordering::Relaxed) {
        before = taken.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(before < 96 << 20, "{before} bytes were taken that nobody reads");
    drop((exports, session));
    let status = within("the call ends with the session", sending).await.unwrap().unwrap_err();
    assert_ne!(status.code(), Code::Ok);
}
