//! A private daemon: started, found by another process, stopped whole.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use buildkit_client::daemon::{Daemon, DaemonError, DaemonOptions};
use buildkit_client::{BuildGateway, BuildRequest, Client, SessionOptions};
use buildkit_gateway::{GatewayError, GatewayResult, SolveOptions};
use stagewright_tests::signal;

use crate::step::{runs, sleeping_step};
use crate::support::eventually;

fn mounts_below(directory: &Path) -> usize {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.lines().filter(|line| line.contains(directory.to_str().unwrap())).count()
}

async fn start(directory: &Path) -> Daemon {
    Daemon::start(DaemonOptions::new("buildkitd", directory)).await.unwrap()
}

#[tokio::test]
async fn a_daemon_is_found_by_its_directory_and_stopped_there() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path()).await;
    let (pid, endpoint) = (daemon.pid(), daemon.endpoint().clone());
    let second = Daemon::start(DaemonOptions::new("buildkitd", folder.path())).await;
    assert!(matches!(second, Err(DaemonError::Running { pid: running, .. }) if running == pid));
    daemon.detach();

    let found = Daemon::attach(folder.path()).unwrap().unwrap();
    assert_eq!((found.pid(), found.endpoint()), (pid, &endpoint));
    Client::connect(&endpoint).await.unwrap();
    assert!(Daemon::stop_recorded(folder.path()).unwrap());
    assert!(Client::connect(&endpoint).await.is_err());
    assert!(!Daemon::stop_recorded(folder.path()).unwrap());
    assert!(Daemon::attach(folder.path()).unwrap().is_none());
}

#[tokio::test]
async fn a_daemon_with_a_running_step_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path()).await;
    let client = Client::connect(daemon.endpoint()).await.unwrap();
    let session = client.session(SessionOptions::new()).await.unwrap();
    let (id, definition) = sleeping_step();
    let drive = async |gateway: BuildGateway| {
        let options = SolveOptions { evaluate: true, ..SolveOptions::default() };
        Ok::<_, GatewayError>(GatewayResult::single(gateway.solve(&definition, &options).await?))
    };
    let request = BuildRequest::new(&session);
    let stopped = async {
        eventually("the step runs", Duration::from_secs(30), || runs(&id)).await;
        assert!(mounts_below(folder.path()) > 0);
        // It waits for its builds, and this one does not end: it has to be killed.
        tokio::task::spawn_blocking(|| daemon.stop()).await.unwrap().unwrap();
    };
    let (ended, ()) = tokio::join!(client.build(request, drop, drive), stopped);
    ended.unwrap_err();
    assert!(!runs(&id));
    assert_eq!(mounts_below(folder.path()), 0);
}

#[tokio::test]
async fn a_frozen_daemon_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path()).await;
    let client = Client::connect(daemon.endpoint()).await.unwrap();
    let session = client.session(SessionOptions::new()).await.unwrap();
    let (id, definition) = sleeping_step();
    let drive = async |gateway: BuildGateway| {
        let options = SolveOptions { evaluate: true, ..SolveOptions::default() };
        Ok::<_, GatewayError>(GatewayResult::single(gateway.solve(&definition, &options).await?))
    };
    let frozen = async {
        eventually("the step runs", Duration::from_secs(30), || runs(&id)).await;
        signal(daemon.pid(), "-STOP");
        Instant::now()
    };
    let (ended, frozen) = tokio::join!(client.build(BuildRequest::new(&session), drop, drive), frozen);
    let text = ended.unwrap_err().to_string();
    assert!(frozen.elapsed() < Duration::from_secs(45), "{:?}", frozen.elapsed());
    signal(daemon.pid(), "-CONT");
    assert!(text.contains("the connection to the daemon"), "{text}");
    tokio::task::spawn_blocking(|| daemon.stop()).await.unwrap().unwrap();
    assert!(!runs(&id));
}

#[tokio::test]
async fn a_daemon_that_dies_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = DaemonOptions::new("buildkitd", folder.path());
    options.config = "nonsense = [".into();
    let error = Daemon::start(options).await.unwrap_err();
    assert!(matches!(error, DaemonError::Died { .. }), "{error}");
    assert!(error.to_string().contains("failed to parse config"), "{error}");
    assert!(Daemon::attach(folder.path()).unwrap().is_none());
}
