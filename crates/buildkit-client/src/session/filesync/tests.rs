use std::fs;
use std::sync::Mutex;

use buildkit_proto::filesync::file_sync_client::FileSyncClient;

use super::*;
use crate::fsutil::disk::Staging;
use crate::fsutil::receive::{ReceiveOptions, Receiver};

#[test]
fn headers_are_taken_as_they_are_or_unescaped() {
    let mut headers = MetadataMap::new();
    for value in ["a%20b", "c+d"] {
        headers.append("exclude-patterns", value.parse().unwrap());
    }
    assert_eq!(values(&headers, "exclude-patterns"), [b"a%20b".to_vec(), b"c+d".to_vec()]);
    headers.insert("exclude-patterns-encoded", "1".parse().unwrap());
    assert_eq!(values(&headers, "exclude-patterns"), [b"a b".to_vec(), b"c d".to_vec()]);
    headers.insert("dir-name", "caf%C3%A9%2B%FF".parse().unwrap());
    headers.insert("dir-name-encoded", "1".parse().unwrap());
    assert_eq!(values(&headers, "dir-name"), [b"caf\xc3\xa9+\xff".to_vec()]);
    assert!(values(&headers, "followpaths").is_empty());
}

#[test]
fn a_missing_directory_is_named() {
    let error = LocalDir::open("/nonexistent/dir").unwrap_err();
    assert!(error.to_string().starts_with("cannot read the directory /nonexistent/dir: "), "{error}");
}

/// A call as the daemon makes it, up to the answer's headers.
async fn call(
    files: &FileSync,
    headers: &[(&'static str, &str)],
) -> Result<(mpsc::Sender<pb::Packet>, Streaming<pb::Packet>), Status> {
    let (say, said) = mpsc::channel(100);
    let mut request = Request::new(ReceiverStream::new(said));
    for (key, value) in headers {
        request.metadata_mut().append(*key, value.parse().unwrap());
    }
    let answer = FileSyncClient::new(files.server()).diff_copy(request).await?;
    Ok((say, answer.into_inner()))
}

/// Takes a whole directory, and gives the paths that came.
async fn fetch(files: &FileSync, headers: &[(&'static str, &str)], to: &Path) -> Vec<String> {
    let (say, mut heard) = call(files, headers).await.unwrap();
    let mut receiver = Receiver::new(ReceiveOptions::default());
    let mut staging = Some(Staging::new(to).unwrap());
    let mut paths = Vec::new();
    while let Some(packet) = heard.message().await.unwrap() {
        let packet = Packet::try_from(packet).unwrap();
        if let Packet::Stat(stat) = &packet {
            paths.push(String::from_utf8(stat.path.clone()).unwrap());
        }
        if let Some(action) = receiver.handle(packet).unwrap() {
            staging.as_mut().unwrap().perform(action).unwrap();
        }
        if receiver.has_everything()
            && let Some(staging) = staging.take()
        {
            staging.commit().unwrap();
            receiver.confirm();
        }
        while let Some(packet) = receiver.poll_packet() {
            say.send(packet.into()).await.unwrap();
        }
    }
    assert!(receiver.is_finished());
    paths
}

/// A service for one directory called `context`, and what it tells.
fn observed(dir: &Path) -> (FileSync, Arc<Mutex<Vec<SyncEvent>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let context = LocalDir::open(dir).unwrap().exclude(["*.log"]);
    let files = FileSync::new([("context", context)]).observe(move |e| seen.lock().unwrap().push(e.clone()));
    (files, events)
}

#[tokio::test]
async fn a_directory_is_sent_and_counted() {
    let from = tempfile::tempdir().unwrap();
    let large = vec![b'x'; 1_000_000];
    fs::create_dir(from.path().join("src")).unwrap();
    fs::write(from.path().join("src/large"), &large).unwrap();
    fs::write(from.path().join("src/skip.o"), "o").unwrap();
    fs::write(from.path().join("build.log"), "l").unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(from.path().join("socket")).unwrap();
    for number in 0..300 {
        fs::write(from.path().join(format!("f{number:03}")), "y").unwrap();
    }
    let (files, events) = observed(from.path());
    let to = tempfile::tempdir().unwrap();
    let out = to.path().join("out");
    let paths = fetch(&files, &[("dir-name", "context"), ("exclude-patterns", "**/*.o")], &out).await;
    assert_eq!(paths.len(), 302);
    assert_eq!(paths[300..], ["src", "src/large"]);
    assert_eq!(fs::read(out.join("src/large")).unwrap(), large);
    assert_eq!(fs::read(out.join("f299")).unwrap(), b"y");

    let directory = || "context".to_owned();
    assert_eq!(
        *events.lock().unwrap(),
        [
            SyncEvent::Started { directory: directory() },
            SyncEvent::Skipped {
                directory: directory(),
                path: "\"socket\"".to_owned(),
                reason: SkipReason::Socket
            },
            SyncEvent::Ended {
                directory: directory(),
                sent: Sent { entries: 302, files: 301, bytes: 1_000_300 },
                error: None
            },
        ]
    );
}

#[tokio::test]
async fn followed_paths_and_includes_choose() {
    let from = tempfile::tempdir().unwrap();
    fs::create_dir(from.path().join("real")).unwrap();
    fs::write(from.path().join("real/caf\u{e9}"), "").unwrap();
    fs::write(from.path().join("other"), "").unwrap();
    std::os::unix::fs::symlink("real", from.path().join("link")).unwrap();
    let (files, _) = observed(from.path());
    let to = tempfile::tempdir().unwrap();
    let follow = [("dir-name", "context"), ("followpaths", "link%2Fcaf%C3%A9"), ("followpaths-encoded", "1")];
    assert_eq!(fetch(&files, &follow, &to.path().join("a")).await, ["link", "real", "real/caf\u{e9}"]);
    let include = [("dir-name", "context"), ("include-patterns", "oth*"), ("include-patterns", "link")];
    assert_eq!(fetch(&files, &include, &to.path().join("b")).await, ["link", "other"]);
}

#[tokio::test]
async fn an_unknown_name_is_told_the_known_ones() {
    let dir = tempfile::tempdir().unwrap();
    let open = || LocalDir::open(dir.path()).unwrap();
    let files = FileSync::new([("context", open()), ("dockerfile", open())]);
    let status = call(&files, &[("dir-name", "src")]).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
    let expected = "no local directory \"src\" is offered; there are: \"context\", \"dockerfile\"";
    assert_eq!(status.message(), expected);
}

/// Hears the transfer out; gives its last packet and its status.
async fn end(mut heard: Streaming<pb::Packet>) -> (Option<Packet>, Status) {
    let mut last = None;
    loop {
        match heard.message().await {
            Ok(Some(packet)) => last = Some(Packet::try_from(packet).unwrap()),
            Ok(None) => panic!("ended well after {last:?}"),
            Err(status) => return (last, status),
        }
    }
}

#[tokio::test]
async fn a_file_that_changed_is_an_error_for_both_sides() {
    let from = tempfile::tempdir().unwrap();
    let file = from.path().join("f");
    fs::write(&file, "as announced").unwrap();
    let (files, events) = observed(from.path());
    let (say, mut heard) = call(&files, &[("dir-name", "context")]).await.unwrap();
    assert!(heard.message().await.unwrap().unwrap().stat.is_some());
    fs::write(&file, "not what was announced").unwrap();
    say.send(Packet::Request(0).into()).await.unwrap();
    let (last, status) = end(heard).await;
    let expected = "\"f\" changed while it was being sent: it had 12 bytes and has 22";
    assert_eq!(last, Some(Packet::Error(expected.to_owned())));
    assert_eq!(status.message(), expected);
    let last = events.lock().unwrap().last().cloned();
    assert!(matches!(last, Some(SyncEvent::Ended { error: Some(error), .. }) if error == expected));
}

#[tokio::test]
async fn bad_patterns_and_bad_requests_are_errors() {
    let from = tempfile::tempdir().unwrap();
    fs::write(from.path().join("f"), "x").unwrap();
    let (files, _) = observed(from.path());
    let (_say, heard) = call(&files, &[("dir-name", "context"), ("exclude-patterns", "[a")])
        .await
        .unwrap();
    let (_, status) = end(heard).await;
    assert_eq!(status.message(), "in exclude patterns: pattern \"[a\" is malformed: a [ has no ]");

    let (say, heard) = call(&files, &[("dir-name", "context")]).await.unwrap();
    say.send(Packet::Request(7).into()).await.unwrap();
    let (_, status) = end(heard).await;
    assert!(status.message().starts_with("the receiver asked for file 7"), "{status}");
}
