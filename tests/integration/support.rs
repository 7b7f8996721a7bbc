//! What the tests of whole builds share.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use stagewright::{BuildOptions, Builder, Event, Report, Running};
use stagewright_plan::Plan;
use stagewright_tests::Environment;
use tempfile::TempDir;

/// The daemon that the environment names.
pub(crate) async fn builder() -> Builder {
    Builder::at(&Environment::get().buildkit_host).await.unwrap()
}

/// A text that no earlier run had, for names and for what must not be cached.
pub(crate) fn unique() -> String {
    format!("{:x}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos())
}

/// The name of an image in the registry, as a daemon pushes it.
pub(crate) fn image(repository: &str, tag: &str) -> String {
    format!("{}/{repository}:{tag}", Environment::get().registry.address())
}

/// A directory with these files.
pub(crate) fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(&directory.path().join(path), text);
    }
    directory
}

/// Writes a file, with the directories above it.
pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A copy of an example's project, to be changed.
pub(crate) fn example(name: &str) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    let status = Command::new("cp")
        .arg("-R")
        .arg(source.join("."))
        .arg(copy.path())
        .status()
        .unwrap();
    assert!(status.success(), "cp: {status}");
    copy
}

/// Replaces a text in a file, where it must stand.
pub(crate) fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{} has no {from:?}", path.display());
    fs::write(path, text.replace(from, to)).unwrap();
}

/// A program of this workspace, which has been built beside the tests.
pub(crate) fn program(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let path: PathBuf = tests.ancestors().nth(2).unwrap().join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace` first", path.display());
    Command::new(path)
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"))
}

/// What a command that must succeed writes to stdout.
pub(crate) fn stdout(command: &mut Command) -> Vec<u8> {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, limit: Duration, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the daemon has let go of the files that it took from a directory under this name.
///
/// It does so in its own time after a build's end. A build that comes earlier takes the directory whole, whatever
/// has changed.
pub(crate) async fn released(directory: &str) {
    let description = format!("local source for {directory}");
    let in_use = || {
        let records = stdout(Command::new("buildctl").args(["du", "--format", "{{json .}}"]));
        let records: Vec<Value> = serde_json::from_slice(&records).unwrap();
        let ours = records.iter().filter(|record| record["description"] == description.as_str());
        ours.map(|record| record["inUse"] == true).collect::<Vec<_>>()
    };
    eventually(&description, Duration::from_secs(60), || {
        let in_use = in_use();
        !in_use.is_empty() && !in_use.contains(&true)
    })
    .await;
}

/// The Plan that a program of this workspace prints.
pub(crate) fn plan_of(name: &str) -> Plan {
    let json = stdout(program(name).arg("plan"));
    Plan::from_json(&String::from_utf8(json).unwrap()).unwrap()
}

/// A build that has ended: everything that was told of it.
pub(crate) struct Ended {
    pub(crate) events: Vec<Event>,
    pub(crate) report: Report,
}

/// Builds a Plan to its end.
pub(crate) async fn build_plan(plan: &Plan, options: &BuildOptions) -> Ended {
    end(builder().await.build_plan(plan.clone(), options).await.unwrap()).await
}

/// Waits for the end of a build.
pub(crate) async fn end(mut running: Running) -> Ended {
    let mut events = Vec::new();
    while let Some(event) = running.next().await {
        events.push(event);
    }
    Ended { events, report: running.finish().await }
}

/// A vertex as all status streams together tell of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The digest.
    pub(crate) digest: String,
    /// Each start that was told of: one for each execution.
    pub(crate) starts: Vec<String>,
    /// Whether it was cached whenever it completed.
    pub(crate) cached: bool,
    /// What went wrong.
    pub(crate) error: String,
}

impl Ended {
    /// Fails with the first reason unless every target succeeded.
    pub(crate) fn expect_success(self) -> Self {
        if let Some((target, failure)) = self.report.failures().next() {
            panic!("target {target}: {failure}\n{}", self.log());
        }
        self
    }

    /// The vertices that were started or completed, by name, of all targets together.
    pub(crate) fn vertices(&self) -> BTreeMap<String, Seen> {
        let mut all: BTreeMap<String, Seen> = BTreeMap::new();
        for vertex in self.updates().flat_map(|update| &update.vertexes) {
            let Some(started) = &vertex.started else { continue };
            let seen = all.entry(vertex.name.clone()).or_default();
            seen.digest = vertex.digest.to_string();
            seen.cached = vertex.cached;
            seen.error.clone_from(&vertex.error);
            let started = started.to_string();
            if !seen.starts.contains(&started) {
                seen.starts.push(started);
            }
        }
        all
    }

    /// The vertices that ran: started, and not cached.
    pub(crate) fn ran(&self) -> Vec<String> {
        let vertices = self.vertices().into_iter();
        vertices
            .filter(|(name, seen)| name.contains("] RUN ") && !seen.cached)
            .map(|(name, _)| name)
            .collect()
    }

    /// What steps wrote.
    pub(crate) fn log(&self) -> String {
        let logs = self.updates().flat_map(|update| &update.logs);
        logs.map(|log| String::from_utf8_lossy(&log.data).into_owned()).collect()
    }

    fn updates(&self) -> impl Iterator<Item = &buildkit_client::StatusUpdate> {
        self.events.iter().filter_map(|event| match event {
            Event::Status { update, .. } => Some(update),
            _ => None,
        })
    }
}
