//! What is taken from caches, and what is not.

use std::process::Command;
use std::time::Duration;

use stagewright_tests::Buildx;
use stagewright_tests::buildx::Ended;
use tempfile::TempDir;

use crate::support::{directory, eventually, image, stdout, unique};

/// Two stages with one step each, and an image of both.
fn project(salt: &str) -> TempDir {
    let text = format!(
        "# syntax=stagewright/stages:1
stages:
  one:
    role: builder
    from: busybox:latest
    steps:
      - run: echo one {salt} > /out
  two:
    role: builder
    from: busybox:latest
    steps:
      - run: echo two {salt} > /out
  app:
    role: runtime
    from: scratch
    steps:
      - copy: /out
        from: one
        to: /one
      - copy: /out
        from: two
        to: /two
"
    );
    directory(&[("stages.yaml", &text)])
}

fn build(project: &TempDir, arguments: &[&str]) -> Ended {
    let buildx = Buildx::new();
    let build = buildx.build(project.path()).args(["-f", "stages.yaml"]);
    build.args(arguments.iter().copied()).run().expect_success()
}

/// Has the daemon forget the steps with this text, which nothing uses any more.
async fn forget(salt: &str) {
    let filter = format!("description~={salt}");
    let prune = ["prune", "--all", "--filter", &*filter];
    let du = ["du", "--filter", &*filter, "--format", "{{json .}}"];
    eventually(&format!("the daemon forgets {salt}"), Duration::from_secs(60), || {
        stdout(Command::new("buildctl").args(prune));
        let left = stdout(Command::new("buildctl").args(du));
        !String::from_utf8_lossy(&left).contains(salt)
    })
    .await;
}

#[test]
fn without_cache_every_step_runs() {
    let project = project(&unique());
    assert_eq!(build(&project, &[]).ran().len(), 2);
    let again = build(&project, &[]);
    assert_eq!(again.ran().len(), 0, "{again}");
    let without = build(&project, &["--no-cache"]);
    assert_eq!(without.ran().len(), 2, "{without}");
}

#[test]
fn without_the_cache_of_a_stage_its_steps_run() {
    let project = project(&unique());
    let _first = build(&project, &[]);
    let again = build(&project, &["--no-cache-filter", "two"]);
    let [ran] = again.ran()[..] else { panic!("{again}") };
    assert!(ran.contains("RUN echo two"), "{again}");
}

#[tokio::test]
async fn a_cache_in_the_registry_is_written_and_read() {
    let salt = unique();
    let name = image("buildx/cache", "1");
    written_and_read(
        &salt,
        &format!("type=registry,ref={name},mode=max"),
        &format!("type=registry,ref={name}"),
    )
    .await;
}

#[tokio::test]
async fn a_cache_in_a_directory_is_written_and_read() {
    let salt = unique();
    let cache = tempfile::tempdir().unwrap();
    let place = cache.path().join("cache").display().to_string();
    written_and_read(&salt, &format!("type=local,dest={place},mode=max"), &format!("type=local,src={place}"))
        .await;
}

async fn written_and_read(salt: &str, to: &str, from: &str) {
    // One step and nothing on top of it: by what is made of its result, the daemon would still know it.
    let text = format!(
        "# syntax=stagewright/stages:1
stages:
  app:
    role: runtime
    from: busybox:latest
    steps:
      - run: echo {salt} > /out
"
    );
    let project = directory(&[("stages.yaml", &text)]);
    let first = build(&project, &["--cache-to", to]);
    assert_eq!(first.ran().len(), 1, "{first}");
    // Without the cache it runs again.
    forget(salt).await;
    let without = build(&project, &[]);
    assert_eq!(without.ran().len(), 1, "{without}");
    forget(salt).await;
    let read = build(&project, &["--cache-from", from]);
    assert!(read.ran().is_empty() && read.is_cached("] RUN echo"), "{read}");
}
