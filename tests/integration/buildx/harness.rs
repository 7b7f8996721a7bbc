//! What the other tests here are told of a build by [`Buildx`] is so: seen on builds of BuildKit's own frontend.

use stagewright_tests::Buildx;

use crate::support::{directory, unique};

#[test]
fn steps_are_told_as_run_cached_and_failed() {
    let salt = unique();
    let dockerfile = format!("FROM busybox\nRUN echo {salt}\n");
    let project = directory(&[("Dockerfile", &dockerfile)]);
    let buildx = Buildx::new();
    let build = || buildx.build(project.path()).run();

    let first = build().expect_success();
    assert_eq!(first.ran(), [format!("[2/2] RUN echo {salt}")], "{first}");
    assert_eq!(first.progress.log(), format!("{salt}\n"), "{first}");
    assert!(first.metadata["buildx.build.ref"].is_string(), "{first}");

    let second = build().expect_success();
    assert!(second.ran().is_empty() && second.is_cached(&salt), "{second}");

    let failing = format!("{dockerfile}RUN exit 3\n");
    let project = directory(&[("Dockerfile", &failing)]);
    let third = buildx.build(project.path()).run().expect_failure();
    let failed = third.progress.named("RUN exit 3").next().unwrap();
    assert!(failed.error.contains("exit code: 3"), "{third}");
    assert!(third.text.contains(">>> RUN exit 3"), "{third}");
    assert!(third.metadata.is_null(), "{third}");
}

#[test]
fn buildx_by_itself_does_the_same() {
    let project = directory(&[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")]);
    let out = tempfile::tempdir().unwrap();
    let output = format!("type=local,dest={}", out.path().display());
    let ended = Buildx::standalone()
        .build(project.path())
        .plain()
        .args(["--output", &*output])
        .run();
    assert!(ended.expect_success().text.contains("[1/1] COPY Dockerfile /"));
    assert!(out.path().join("Dockerfile").exists());
}
