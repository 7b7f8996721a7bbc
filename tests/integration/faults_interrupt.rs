//! Signals to a build program: interrupted at any moment, interrupted twice, stopped and continued.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use buildkit_proto::control::BuildHistoryRequest;
use buildkit_proto::control::control_client::ControlClient;
use hyper_util::rt::TokioIo;
use stagewright_tests::{Environment, names, signal};
use tempfile::{NamedTempFile, TempDir};
use tokio::net::UnixStream;
use tonic::transport::Channel;

use crate::step::runs;
use crate::support::{directory, eventually, program, unique};

/// From here on the delays are random.
const SEED: u64 = 0x5eed;
const LIMIT: Duration = Duration::from_secs(60);
/// How soon a build ends at the first interrupt.
const INTERRUPT_LIMIT: Duration = Duration::from_secs(3);

/// A build of a context of some megabytes that is new to the daemon, what it writes, and where the export goes.
struct Project {
    salt: String,
    context: TempDir,
    out: TempDir,
    archive: PathBuf,
    log: NamedTempFile,
}

impl Project {
    fn new() -> Self {
        let salt = unique();
        let context = directory(&[("salt", &salt)]);
        fs::write(context.path().join("large"), salt.repeat((16 << 20) / salt.len())).unwrap();
        let out = tempfile::tempdir().unwrap();
        let archive = out.path().join("app.oci");
        fs::write(&archive, "old").unwrap();
        Self { salt, context, out, archive, log: NamedTempFile::new().unwrap() }
    }

    fn start(&self) -> Child {
        let mut build = program("salted");
        build
            .args(["build", "--progress", "plain", "--build-arg"])
            .arg(format!("salt={}", self.salt))
            .args(["-t", &format!("interrupted:{}", self.salt), "-o"])
            .arg(format!("type=oci,dest={}", self.archive.display()))
            .arg(self.context.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.log.path()).unwrap());
        build.spawn().unwrap()
    }

    /// What the build has told so far.
    fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    fn is_untouched(&self) -> bool {
        fs::read(&self.archive).unwrap() == b"old"
    }
}

async fn ended(mut child: Child) -> ExitStatus {
    tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap()
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

/// What a build does when it is interrupted.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Nothing of it was seen.
    Begins,
    /// The context is on its way.
    Uploads,
    /// A step runs.
    Runs,
    /// The export is on its way.
    Exports,
}

/// Ten moments: a phase, and the longest time after it was seen.
const MOMENTS: [(Phase, Duration); 10] = [
    (Phase::Begins, Duration::from_millis(100)),
    (Phase::Uploads, Duration::from_millis(50)),
    (Phase::Runs, Duration::from_millis(400)),
    (Phase::Exports, Duration::from_millis(50)),
    (Phase::Uploads, Duration::from_millis(200)),
    (Phase::Runs, Duration::from_millis(400)),
    (Phase::Exports, Duration::ZERO),
    (Phase::Uploads, Duration::from_millis(400)),
    (Phase::Runs, Duration::from_millis(400)),
    (Phase::Begins, Duration::from_millis(300)),
];

impl Phase {
    fn is_seen(self, project: &Project) -> bool {
        match self {
            Self::Begins => true,
            Self::Uploads => project.log().contains("load build context"),
            Self::Runs => runs(&project.salt),
            Self::Exports => names(project.out.path()).len() > 1,
        }
    }
}

#[tokio::test]
async fn an_interrupt_at_any_moment_leaves_nothing() {
    // Once to its end.
    let project = Project::new();
    let begun = Instant::now();
    let child = project.start();
    let mut seen = false;
    while !seen && begun.elapsed() < LIMIT {
        seen = is_active(&project.salt).await;
    }
    assert!(seen, "a build that runs is active in the daemon's history");
    assert!(ended(child).await.success(), "{}", project.log());

    let mut random = SEED;
    let mut told = Vec::new();
    let mut interrupted = 0;
    for (phase, longest) in MOMENTS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let delay = longest.mul_f64((random >> 40) as f64 / f64::from(1 << 24));
        let project = Project::new();
        let mut child = project.start();
        let begun = Instant::now();
        while !phase.is_seen(&project) && child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < LIMIT, "{phase:?} is not seen: {}", project.log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(delay).await;
        let sent = Instant::now();
        if child.try_wait().unwrap().is_none() {
            signal(child.id(), "-INT");
        }
        let status = ended(child).await;
        let elapsed = sent.elapsed();
        let shown = format!("{phase:?} and {delay:?}: {status}, {elapsed:?} later");
        println!("{shown}");
        assert!(elapsed < INTERRUPT_LIMIT, "{shown}: {}", project.log());
        let untouched = project.is_untouched();
        // Before the program has begun, the signal itself ends it; a shell calls that 130 too.
        if status.code() == Some(130) || status.signal() == Some(2) {
            interrupted += 1;
            assert!(untouched, "{shown}");
        } else {
            assert!(status.success() && !untouched, "{shown}: {}", project.log());
        }
        told.push(shown);
        assert_eq!(names(project.out.path()), ["app.oci"], "{told:#?}");
        let gone = Instant::now();
        while is_active(&project.salt).await || runs(&project.salt) {
            assert!(gone.elapsed() < Duration::from_secs(5), "the build goes on: {told:#?}");
        }
    }
    // Those that were exporting may have been through.
    assert!(interrupted >= 8, "only {interrupted} of ten builds were interrupted: {told:#?}");
}

#[tokio::test]
async fn the_second_interrupt_is_immediate() {
    let project = Project::new();
    let child = project.start();
    eventually("the step runs", LIMIT, || runs(&project.salt)).await;
    signal(child.id(), "-INT");
    signal(child.id(), "-INT");
    let told = Instant::now();
    let status = ended(child).await;
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    assert_eq!(status.code(), Some(130), "{}", project.log());
    assert!(project.is_untouched());
}

/// The daemon asks a session for its health every five seconds, and drops it after two answers that did not come
/// within fifteen (BuildKit v0.34 `session/manager.go`).
#[tokio::test]
async fn a_program_that_is_stopped_and_continued_goes_on() {
    let project = Project::new();
    let child = project.start();
    eventually("the step runs", LIMIT, || runs(&project.salt)).await;
    signal(child.id(), "-STOP");
    tokio::time::sleep(Duration::from_secs(13)).await;
    signal(child.id(), "-CONT");
    let status = ended(child).await;
    assert!(status.success(), "{}", project.log());
    assert!(fs::metadata(&project.archive).unwrap().len() > 20 << 20);
}
