//! A daemon that dies or stops answering in the middle: an error in bounded time, and nothing half-written.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use buildkit_client::daemon::{Daemon, DaemonOptions};
use buildkit_client::session::filesend::{ExportTarget, Exports};
use buildkit_client::session::filesync::{FileSync, LocalDir};
use buildkit_client::{BuildRequest, Client, Exporter, SessionOptions};
use buildkit_llb::{
    CopyAction, Definition, FileInput, FileOp, Graph, LocalIdentity, LocalSource, Metadata, MkfileAction,
};
use stagewright_tests::{names, signal};

use crate::step::{runs, sleeping_step};
use crate::support::eventually;

/// Until a daemon that does not answer is given up: twice ten seconds, and what a busy machine adds.
const FROZEN_LIMIT: Duration = Duration::from_secs(45);
const STARTED_LIMIT: Duration = Duration::from_secs(60);

/// A daemon, and three builds of it that are under way: each ends with its error.
async fn interrupted(name: &str, limit: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(DaemonOptions::new("buildkitd", folder.path())).await.unwrap();
    let idle = connect(&daemon).await;
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("app.tar"), "old").unwrap();
    fs::create_dir(out.path().join("tree")).unwrap();
    let (id, sleeping) = sleeping_step();
    let uploading = Arc::new(AtomicBool::new(false));
    let (upload, solve, export) =
        (upload(&daemon, &uploading), plain(&daemon, &sleeping), export(&daemon, out.path()));

    let fault = async {
        let all = || uploading.load(Ordering::Relaxed) && runs(&id) && partial(out.path());
        eventually("the builds are under way", STARTED_LIMIT, all).await;
        signal(daemon.pid(), name);
        let start = Instant::now();
        // Without a build it is no different, and nobody connects any more.
        idle.info().await.unwrap_err();
        assert!(start.elapsed() < limit, "{:?}", start.elapsed());
        let again = Instant::now();
        assert!(Client::connect(daemon.endpoint()).await.is_err());
        assert!(again.elapsed() < Duration::from_secs(8), "{:?}", again.elapsed());
        start
    };
    let ended = async {
        let told = tokio::join!(upload, solve, export);
        (told, Instant::now())
    };
    let ((told, ended), start) = tokio::join!(ended, fault);
    assert!(ended - start < limit, "{:?}", ended - start);
    for (what, text) in [("upload", told.0), ("solve", told.1), ("export", told.2)] {
        assert!(text.contains("the connection to the daemon"), "{what}: {text}");
    }
    let untouched = || {
        names(out.path()) == ["app.tar", "tree"]
            && fs::read(out.path().join("app.tar")).unwrap() == b"old"
            && names(&out.path().join("tree")).is_empty()
    };
    eventually("nothing half-written is left", Duration::from_secs(5), untouched).await;
    if name == "-STOP" {
        signal(daemon.pid(), "-CONT");
    }
    let _ = tokio::task::spawn_blocking(|| daemon.stop()).await.unwrap();
    eventually("the step is gone", Duration::from_secs(10), || !runs(&id)).await;
}

#[tokio::test]
async fn a_daemon_that_is_killed_is_an_error_in_every_part_of_a_build() {
    interrupted("-KILL", Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_daemon_that_is_frozen_is_an_error_in_every_part_of_a_build() {
    interrupted("-STOP", FROZEN_LIMIT).await;
}

#[tokio::test]
async fn a_socket_that_nobody_serves_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("buildkitd.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let start = Instant::now();
    let endpoint = format!("unix://{}", path.display()).parse().unwrap();
    let error = Client::connect(&endpoint).await.unwrap_err().to_string();
    assert!(error.ends_with("within 5 s"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

async fn connect(daemon: &Daemon) -> Client {
    Client::connect(daemon.endpoint()).await.unwrap()
}

/// Sends a directory that takes a while.
async fn upload(daemon: &Daemon, started: &Arc<AtomicBool>) -> String {
    let context = tempfile::tempdir().unwrap();
    for number in 0..8 {
        let file = fs::File::create(context.path().join(format!("{number}"))).unwrap();
        file.set_len(1 << 30).unwrap();
    }
    let seen = Arc::clone(started);
    let files = FileSync::new([("context", LocalDir::open(context.path()).unwrap())])
        .observe(move |_| seen.store(true, Ordering::Relaxed));
    let client = connect(daemon).await;
    let session = client.session(SessionOptions::new().file_sync(files)).await.unwrap();
    let mut graph = Graph::new();
    let local = LocalSource::new("context", LocalIdentity::Session(session.id().to_owned()));
    let local = graph.add(local, Metadata::default()).unwrap();
    let definition = graph.definition(Some(local.root())).unwrap();
    let ended = client.solve(&definition, BuildRequest::new(&session), drop).await;
    ended.unwrap_err().to_string()
}

async fn plain(daemon: &Daemon, definition: &Definition) -> String {
    let client = connect(daemon).await;
    let session = client.session(SessionOptions::new()).await.unwrap();
    let ended = client.solve(definition, BuildRequest::new(&session), drop).await;
    ended.unwrap_err().to_string()
}

/// Exports half a gigabyte as an archive and as a directory.
async fn export(daemon: &Daemon, out: &Path) -> String {
    let mut graph = Graph::new();
    let file = FileOp::chain(None, [MkfileAction::new("/0", 0o644, vec![b'x'; 8 << 20])]);
    let file = graph.add(file, Metadata::default()).unwrap();
    let mut copies = FileOp::default();
    let mut last = FileInput::Scratch;
    for number in 0..64 {
        let action = CopyAction::new(file.root(), "/0", format!("/{number}"));
        last = copies.push(last, action);
    }
    let copies = graph.add(copies, Metadata::default()).unwrap();
    let definition = graph.definition(Some(copies.root())).unwrap();
    let exports = Exports::prepare([
        (0, ExportTarget::File(out.join("app.tar"))),
        (1, ExportTarget::Directory(out.join("tree"), Default::default())),
    ])
    .unwrap();
    let client = connect(daemon).await;
    let session = client
        .session(SessionOptions::new().file_send(exports.service()))
        .await
        .unwrap();
    let request = BuildRequest::new(&session)
        .exporter(Exporter::new("tar"))
        .exporter(Exporter::new("local"));
    let ended = client.solve(&definition, request, drop).await;
    session.close().await;
    drop(exports);
    ended.unwrap_err().to_string()
}

fn partial(out: &Path) -> bool {
    names(out).len() > 2 && !names(&out.join("tree")).is_empty()
}
