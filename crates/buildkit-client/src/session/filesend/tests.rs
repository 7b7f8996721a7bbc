use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use tonic::client::Grpc as Client;

use super::*;
use crate::fsutil::root::Root;
use crate::fsutil::send::{Sender, read_announced};
use crate::fsutil::stat::{Mode, Stat};
use crate::fsutil::walk::{Filter, Step, Walk};

/// A call as the daemon makes it.
async fn call(exports: &Exports, id: &str) -> Result<(mpsc::Sender<Bytes>, Streaming<Bytes>), Status> {
    call_with(exports, &[("buildkit-attachable-exporter-id", id)]).await
}

async fn call_with(
    exports: &Exports,
    headers: &[(&'static str, &str)],
) -> Result<(mpsc::Sender<Bytes>, Streaming<Bytes>), Status> {
    let (say, said) = mpsc::channel(1000);
    let mut request = Request::new(ReceiverStream::new(said));
    for (key, value) in headers {
        request.metadata_mut().append(*key, value.parse().unwrap());
    }
    let mut client = Client::new(exports.service());
    client.ready().await.unwrap();
    let answer = client
        .streaming(request, http::uri::PathAndQuery::from_static(METHODS[0]), Raw)
        .await?;
    Ok((say, answer.into_inner()))
}

fn chunk(data: &'static [u8]) -> Bytes {
    BytesMessage { data: Bytes::from_static(data) }.encode_to_vec().into()
}

fn message(packet: Packet) -> Bytes {
    pb::Packet::from(packet).encode_to_vec().into()
}

async fn send_file(exports: &Exports, id: &str, chunks: &[&'static [u8]]) -> Result<(), Status> {
    let (say, mut heard) = call(exports, id).await?;
    for data in chunks {
        // When the other end has given up, its status says why.
        let _ = say.send(chunk(data)).await;
    }
    drop(say);
    assert!(heard.message().await?.is_none());
    Ok(())
}

/// Sends a directory as the `local` exporter does.
async fn send_tree(exports: &Exports, id: &str, from: &Path) -> Result<(), Status> {
    send_tree_on(call(exports, id).await?, from).await
}

async fn send_tree_on(
    (say, mut heard): (mpsc::Sender<Bytes>, Streaming<Bytes>),
    from: &Path,
) -> Result<(), Status> {
    let root = Arc::new(Root::open(from).unwrap());
    let mut sender = Sender::new();
    for step in Walk::new(Arc::clone(&root), Filter::default()) {
        if let Step::Entry(stat) = step.unwrap() {
            sender.announce(stat).unwrap();
        }
    }
    sender.end_of_entries();
    loop {
        while let Some(packet) = sender.poll_packet() {
            say.send(message(packet)).await.unwrap();
        }
        let Some(packet) = heard.message().await? else { break };
        sender.handle(pb::Packet::decode(packet).unwrap().try_into().unwrap()).unwrap();
        while let Some((id, stat)) = sender.poll_read() {
            read_announced(&root, &stat, |bytes| {
                sender.data(id, bytes);
                true
            })
            .unwrap();
        }
    }
    assert!(sender.is_finished());
    Ok(())
}

fn one(target: ExportTarget) -> Exports {
    Exports::prepare([(0, target)]).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_appears_at_commit_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.tar");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o604)).unwrap();
    let exports = one(ExportTarget::File(path.clone()));
    assert_eq!(names(dir.path()), ["out.tar"]);
    send_file(&exports, "0", &[b"new ", b"bytes"]).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let exported = exports.commit().await.unwrap();
    assert_eq!(
        exported,
        [Exported { id: 0, path: Some(path.clone()), bytes: 9, entries: 1, metadata: BTreeMap::new() }]
    );
    assert_eq!(fs::read(&path).unwrap(), b"new bytes");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o604);
    assert_eq!(names(dir.path()), ["out.tar"]);
}

#[tokio::test]
async fn without_commit_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("f"), "x").unwrap();
    let file = ExportTarget::File(dir.path().join("out.tar"));
    let directory = ExportTarget::Directory(dir.path().join("out"), ReceiveOptions::default());
    let exports = Exports::prepare([(0, file), (1, directory)]).unwrap();
    send_file(&exports, "0", &[b"x"]).await.unwrap();
    send_tree(&exports, "1", tree.path()).await.unwrap();
    assert_eq!(names(dir.path()).len(), 2);
    drop(exports);
    assert!(names(dir.path()).is_empty());
}

#[tokio::test]
async fn a_link_to_a_file_stays_a_link() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("real"), "").unwrap();
    std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
    let exports = one(ExportTarget::File(dir.path().join("link")));
    send_file(&exports, "0", &[b"x"]).await.unwrap();
    exports.commit().await.unwrap();
    assert_eq!(fs::read(dir.path().join("real")).unwrap(), b"x");
    assert!(fs::symlink_metadata(dir.path().join("link")).unwrap().is_symlink());
}

#[tokio::test]
async fn a_full_disk_is_called_that() {
    let exports = one(ExportTarget::File("/dev/full".into()));
    let status = send_file(&exports, "0", &[b"x"]).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert_eq!(status.message(), "cannot write /dev/full: No space left on device (os error 28)");
    assert!(matches!(exports.failure(), Some(ExportError::Write { .. })));
}

#[tokio::test]
async fn what_was_interrupted_is_not_exported() {
    let dir = tempfile::tempdir().unwrap();
    let exports = one(ExportTarget::File(dir.path().join("out")));
    let (say, heard) = call(&exports, "0").await.unwrap();
    say.send(chunk(b"half")).await.unwrap();
    say.send(Bytes::from_static(b"\xff\xff\xff")).await.unwrap();
    let mut heard = heard;
    assert!(heard.message().await.is_err());
    assert!(matches!(exports.commit().await, Err(ExportError::Garbled { .. })));
    assert!(names(dir.path()).is_empty());
}

#[tokio::test]
async fn nothing_sent_is_an_error_and_holds_back_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name| ExportTarget::File(dir.path().join(name));
    let exports = Exports::prepare([(0, file("a")), (1, file("b"))]).unwrap();
    send_file(&exports, "0", &[b"x"]).await.unwrap();
    let error = exports.commit().await.unwrap_err();
    assert!(matches!(error, ExportError::NothingSent { id: 1, .. }), "{error}");
    assert!(names(dir.path()).is_empty());
}

#[tokio::test]
async fn a_tree_is_received_while_another_stream_waits() {
    let tree = tempfile::tempdir().unwrap();
    for number in 0..500 {
        fs::write(tree.path().join(format!("f{number:03}")), format!("{number}")).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let file = ExportTarget::File(dir.path().join("tar"));
    let directory = ExportTarget::Directory(out.clone(), ReceiveOptions::default());
    let exports = Exports::prepare([(0, file), (1, directory)]).unwrap();
    let (waiting, mut heard) = call(&exports, "0").await.unwrap();
    send_tree(&exports, "1", tree.path()).await.unwrap();
    drop(waiting);
    assert!(heard.message().await.unwrap().is_none());
    let exported = exports.commit().await.unwrap();
    assert_eq!(
        exported[1],
        Exported { id: 1, path: Some(out.clone()), bytes: 1390, entries: 500, metadata: BTreeMap::new() }
    );
    assert_eq!(fs::read(out.join("f499")).unwrap(), b"499");
    assert_eq!(names(dir.path()), ["out", "tar"]);
}

#[tokio::test]
async fn two_streams_for_one_directory_are_one_export() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let exports = one(ExportTarget::Directory(out.clone(), ReceiveOptions::default()));
    for platform in ["linux_amd64", "linux_arm64"] {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir(tree.path().join(platform)).unwrap();
        fs::write(tree.path().join(platform).join("app"), platform).unwrap();
        send_tree(&exports, "0", tree.path()).await.unwrap();
    }
    exports.commit().await.unwrap();
    assert_eq!(names(&out), ["linux_amd64", "linux_arm64"]);
}

#[tokio::test]
async fn hostile_trees_are_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    for path in ["../escape", "/escape", "missing/escape"] {
        let exports = one(ExportTarget::Directory(out.clone(), ReceiveOptions::default()));
        let (say, mut heard) = call(&exports, "0").await.unwrap();
        let stat = Stat { path: path.into(), mode: Mode(0o644), ..Stat::default() };
        say.send(message(Packet::Stat(Box::new(stat)))).await.unwrap();
        let told = pb::Packet::decode(heard.message().await.unwrap().unwrap()).unwrap();
        let status = heard.message().await.unwrap_err();
        assert!(status.message().contains(&format!("the sender announced {path:?}")), "{status}");
        assert_eq!(Packet::try_from(told), Ok(Packet::Error(status.message().to_owned())));
        drop(exports);
    }
    assert!(names(dir.path()).is_empty());
}

#[tokio::test]
async fn targets_are_found_by_the_exporters_index() {
    let dir = tempfile::tempdir().unwrap();
    let exports = one(ExportTarget::File(dir.path().join("out")));
    let status = call(&exports, "3").await.err().unwrap();
    assert_eq!(status.message(), "exporter 3 has no target here; there are: 0");
    assert_eq!(call(&exports, "x").await.err().unwrap().code(), tonic::Code::InvalidArgument);
    send_file(&exports, "0", &[b"x"]).await.unwrap();
    let status = send_file(&exports, "0", &[b"y"]).await.unwrap_err();
    assert!(status.message().starts_with("the daemon sent a second file for "), "{status}");
}

#[test]
fn targets_are_checked_before_the_build() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let prepare = |target| Exports::prepare([(0, target)]).unwrap_err();
    let directory = |path: &Path| ExportTarget::Directory(path.to_owned(), ReceiveOptions::default());
    assert!(matches!(prepare(ExportTarget::File(dir.path().into())), ExportError::IsDirectory { .. }));
    assert!(matches!(prepare(directory(&file)), ExportError::NotADirectory { .. }));
    let missing = dir.path().join("no/out.tar");
    let expected = format!(
        "cannot export to {}: {}: No such file or directory (os error 2)",
        missing.display(),
        dir.path().join("no").display()
    );
    assert_eq!(prepare(ExportTarget::File(missing)).to_string(), expected);
    assert!(matches!(prepare(directory(&file.join("out"))), ExportError::NotADirectory { .. }));
    Exports::prepare([(0, directory(&dir.path().join("not/yet/there")))]).unwrap();
    assert_eq!(names(dir.path()), ["file"]);
}

#[tokio::test]
async fn what_the_daemon_tells_of_a_file_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let exports = one(ExportTarget::File(dir.path().join("out")));
    let headers =
        [("exporter-md-containerimage.digest", "sha256:1"), ("exporter-md-a", "1"), ("exporter-md-a", "2")];
    let (say, mut heard) = call_with(&exports, &headers).await.unwrap();
    drop(say);
    assert!(heard.message().await.unwrap().is_none());
    let exported = exports.commit().await.unwrap();
    let told: Vec<_> = exported[0]
        .metadata
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(told, ["a=1,2", "containerimage.digest=sha256:1"]);
}

#[tokio::test]
async fn a_mirror_is_one_stream_with_everything() {
    let (dir, tree) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(dir.path().join("extra"), "").unwrap();
    fs::write(tree.path().join("f"), "").unwrap();
    let mirror = || one(ExportTarget::Mirror(dir.path().into(), ReceiveOptions::default()));
    let exports = mirror();
    let status = call(&exports, "0").await.err().unwrap();
    assert!(status.message().ends_with("the daemon is too old for mode=delete"), "{status}");
    assert!(matches!(exports.failure(), Some(ExportError::NoMirror { .. })));
    let exports = mirror();
    let headers = [("buildkit-exporter-multi-platform", "1")];
    send_tree_on(call_with(&exports, &headers).await.unwrap(), tree.path())
        .await
        .unwrap();
    assert_eq!(call_with(&exports, &headers).await.err().unwrap().code(), tonic::Code::FailedPrecondition);
    exports.commit().await.unwrap();
    assert_eq!(names(dir.path()), ["f"]);
}

#[tokio::test]
async fn an_output_that_cannot_be_placed_takes_the_others_back() {
    let (dir, tree) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| dir.path().join(name);
    fs::write(tree.path().join("f"), "new").unwrap();
    fs::write(path("a"), "old").unwrap();
    let exports = Exports::prepare([
        (0, ExportTarget::File(path("a"))),
        (1, ExportTarget::File(path("b"))),
        (2, ExportTarget::Directory(path("c/d"), ReceiveOptions::default())),
        (3, ExportTarget::File(path("z"))),
    ])
    .unwrap();
    for id in ["0", "1", "3"] {
        send_file(&exports, id, &[b"new"]).await.unwrap();
    }
    send_tree(&exports, "2", tree.path()).await.unwrap();
    fs::create_dir(path("z")).unwrap();
    let error = exports.commit().await.unwrap_err().to_string();
    assert_eq!(error, format!("cannot write {}: is a directory", path("z").display()));
    assert_eq!(names(dir.path()), ["a", "z"]);
    assert_eq!(fs::read(path("a")).unwrap(), b"old");
}

#[tokio::test]
async fn what_is_in_place_is_finished_when_another_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let out = |name: &str| dir.path().join(name);
    let options = ReceiveOptions { xattrs: true, ..ReceiveOptions::default() };
    let directory = |name| ExportTarget::Directory(out(name), options);
    let exports = Exports::prepare([(0, directory("a")), (1, directory("b"))]).unwrap();
    // No file system has this attribute, and directories get theirs last.
    for (id, xattr) in [("0", Some("system.nothing")), ("1", None)] {
        let (say, mut heard) = call(&exports, id).await.unwrap();
        let xattrs = xattr.map(|key| (key.to_owned(), vec![1])).into_iter().collect();
        let stat =
            Stat { path: b"d".to_vec(), mode: Mode(Mode::DIRECTORY | 0o755), xattrs, ..Stat::default() };
        for packet in [Packet::Stat(Box::new(stat)), Packet::EndOfStats] {
            say.send(message(packet)).await.unwrap();
        }
        heard.message().await.unwrap().unwrap();
        say.send(message(Packet::Finish)).await.unwrap();
        assert!(heard.message().await.unwrap().is_none());
    }
    let error = exports.commit().await.unwrap_err();
    assert!(matches!(&error, ExportError::Disk { path, .. } if *path == out("a")), "{error}");
    assert_eq!(fs::metadata(out("b/d")).unwrap().permissions().mode() & 0o7777, 0o755);
}

#[tokio::test]
async fn a_disk_that_fails_is_told_to_a_daemon_that_is_silent() {
    let dir = tempfile::tempdir().unwrap();
    let exports = one(ExportTarget::Directory(dir.path().join("out"), ReceiveOptions::default()));
    let (say, mut heard) = call(&exports, "0").await.unwrap();
    let stat = Stat { path: vec![b'n'; 300], mode: Mode(Mode::DIRECTORY | 0o755), ..Stat::default() };
    say.send(message(Packet::Stat(Box::new(stat)))).await.unwrap();
    let told = pb::Packet::decode(heard.message().await.unwrap().unwrap()).unwrap();
    let Ok(Packet::Error(text)) = Packet::try_from(told) else { panic!("no error is told") };
    assert!(text.contains("File name too long"), "{text}");
}

#[tokio::test]
async fn what_is_given_up_while_it_comes_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let tree = ExportTarget::Directory(dir.path().join("tree"), ReceiveOptions::default());
    let exports = Exports::prepare([(0, ExportTarget::File(dir.path().join("out"))), (1, tree)]).unwrap();
    let (say_file, mut heard) = call(&exports, "0").await.unwrap();
    say_file.send(chunk(b"half")).await.unwrap();
    let (say_tree, mut heard_tree) = call(&exports, "1").await.unwrap();
    let stat = Stat { path: b"f".to_vec(), mode: Mode(0o644), size: 9, ..Stat::default() };
    say_tree.send(message(Packet::Stat(Box::new(stat)))).await.unwrap();
    heard_tree.message().await.unwrap().unwrap();
    while names(dir.path()).len() < 2 {
        tokio::task::yield_now().await;
    }
    exports.give_up().await;
    assert!(names(dir.path()).is_empty());
    say_tree
        .send(message(Packet::Data { id: 0, bytes: Bytes::from_static(b"x") }))
        .await
        .unwrap();
    drop(say_file);
    assert!(heard.message().await.is_err());
    assert!(call(&exports, "0").await.is_err());
    assert!(names(dir.path()).is_empty());
}

/// Takes nothing before it is let.
struct Slow(std::sync::mpsc::Receiver<()>);

impl io::Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // When nobody holds it back any more, it takes everything.
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn little_waits_for_a_slow_disk() {
    let (release, held) = std::sync::mpsc::channel();
    let exports = one(ExportTarget::Writer { name: "slow".to_owned(), writer: Box::new(Slow(held)) });
    let (say, mut heard) = call(&exports, "0").await.unwrap();
    let piece = Bytes::from(BytesMessage { data: vec![0; 1 << 20].into() }.encode_to_vec());
    for _ in 0..100 {
        say.send(piece.clone()).await.unwrap();
    }
    let unread = || say.max_capacity() - say.capacity();
    let mut before = usize::MAX;
    while before != unread() {
        before = unread();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!((1..=PIECES + 4).contains(&(100 - before)), "{} of 100 were taken in", 100 - before);
    drop(release);
    drop(say);
    assert!(heard.message().await.unwrap().is_none());
    assert_eq!(exports.commit().await.unwrap()[0].bytes, 100 << 20);
}
