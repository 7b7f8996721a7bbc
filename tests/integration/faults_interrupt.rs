//! Signals to a build program: interrupted at any moment, interrupted twice, stopped and continued.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use buildkit_proto::control::BuildHistoryRequest;
use buildkit_proto::control::control_client::ControlClient;
use hyper_util::rt::TokioIo;
use stagewright_tests::Environment;
use tokio::net::UnixStream;
use tonic::transport::Channel;

use crate::step::runs;
use crate::support::{directory, eventually, program, unique};

/// From here on the moments are random; a failing run prints them.
const SEED: u64 = 0x5eed;
const LIMIT: Duration = Duration::from_secs(60);

fn start(salt: &str, out: &Path, context: &Path) -> Child {
    let mut build = program("salted");
    build
        .args(["build", "--progress", "plain", "--build-arg"])
        .arg(format!("salt={salt}"))
        .args(["-t", &format!("interrupted:{salt}"), "-o"])
        .arg(format!("type=oci,dest={}", out.display()))
        .arg(context)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    build.spawn().unwrap()
}

/// A context of some megabytes that is new to the daemon, and where the export goes.
fn project(salt: &str) -> (tempfile::TempDir, tempfile::TempDir, PathBuf) {
    let context = directory(&[("salt", salt)]);
    fs::write(context.path().join("large"), salt.repeat((16 << 20) / salt.len())).unwrap();
    let out = tempfile::tempdir().unwrap();
    let archive = out.path().join("app.oci");
    fs::write(&archive, "old").unwrap();
    (context, out, archive)
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

async fn ended(child: Child) -> std::process::Output {
    tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap()
}

/// The names of the images that builds which run now would export.
async fn active() -> BTreeSet<String> {
    let path = Environment::get().buildkit_host.strip_prefix("unix://").unwrap().to_owned();
    let dial = move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    };
    let channel = Channel::from_static("http://localhost")
        .connect_with_connector(tower::service_fn(dial))
        .await
        .unwrap();
    let request = BuildHistoryRequest { active_only: true, early_exit: true, ..Default::default() };
    let mut events = ControlClient::new(channel)
        .listen_build_history(request)
        .await
        .unwrap()
        .into_inner();
    let mut names = BTreeSet::new();
    while let Some(event) = events.message().await.unwrap() {
        for exporter in event.record.into_iter().flat_map(|record| record.exporters) {
            names.extend(buildkit_proto::get(&exporter.attrs, "name"));
        }
    }
    names
}

async fn is_active(salt: &str) -> bool {
    active().await.iter().any(|name| name.contains(salt))
}

#[tokio::test]
async fn an_interrupt_at_any_moment_leaves_nothing() {
    // Once to its end, to know how long it takes.
    let salt = unique();
    let (context, _out, archive) = project(&salt);
    let begun = Instant::now();
    let child = start(&salt, &archive, context.path());
    let mut seen = false;
    while !seen && begun.elapsed() < LIMIT {
        seen = is_active(&salt).await;
    }
    assert!(seen, "a build that runs is active in the daemon's history");
    let output = ended(child).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let whole = begun.elapsed();

    let mut random = SEED;
    let mut interrupted = 0;
    for _ in 0..10 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let moment = whole.mul_f64((random >> 40) as f64 / f64::from(1 << 24));
        let salt = unique();
        let (context, out, archive) = project(&salt);
        let child = start(&salt, &archive, context.path());
        tokio::time::sleep(moment).await;
        signal(&child, "-INT");
        let told = Instant::now();
        let output = ended(child).await;
        let (elapsed, status) = (told.elapsed(), output.status);
        let shown = format!("seed {SEED:#x}, after {moment:?} of {whole:?}: {status}, {elapsed:?} later");
        assert!(elapsed < Duration::from_secs(3), "{shown}");
        let kept = fs::read(&archive).unwrap() == b"old";
        // Before the program has begun, the signal itself ends it; a shell calls that 130 too.
        if status.code() == Some(130) || status.signal() == Some(2) {
            interrupted += 1;
            assert!(kept, "{shown}");
        } else {
            assert!(status.success() && !kept, "{shown}: {}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1, "{shown}");
        let gone = Instant::now();
        while is_active(&salt).await || runs(&salt) {
            assert!(gone.elapsed() < Duration::from_secs(5), "{shown}: the build goes on");
        }
    }
    assert!(interrupted >= 5, "only {interrupted} of ten builds of {whole:?} were interrupted");
}

#[tokio::test]
async fn the_second_interrupt_is_immediate() {
    let salt = unique();
    let (context, out, archive) = project(&salt);
    let child = start(&salt, &archive, context.path());
    eventually("the step runs", LIMIT, || runs(&salt)).await;
    signal(&child, "-INT");
    signal(&child, "-INT");
    let told = Instant::now();
    let output = ended(child).await;
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read(&archive).unwrap(), b"old");
    drop(out);
}

/// The daemon asks a session for its health every five seconds, and drops it after two answers that did not come
/// within fifteen (BuildKit v0.34 `session/manager.go`).
#[tokio::test]
async fn a_program_that_is_stopped_and_continued_goes_on() {
    let salt = unique();
    let (context, _out, archive) = project(&salt);
    let child = start(&salt, &archive, context.path());
    eventually("the step runs", LIMIT, || runs(&salt)).await;
    signal(&child, "-STOP");
    tokio::time::sleep(Duration::from_secs(13)).await;
    signal(&child, "-CONT");
    let output = ended(child).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::metadata(&archive).unwrap().len() > 20 << 20);
}
