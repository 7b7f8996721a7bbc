//! The life of a frontend: what it is told, and what reaches a user however it ends.

use std::process::Command;

use serde_json::{Value, json};

use super::image::frontend_image;
use crate::support::{directory, run};

/// What `buildctl` says of a build by the probe: whether it succeeded, what it printed, and its metadata.
async fn probe(target: &str, more: &[&str], files: &[(&str, &str)]) -> (bool, String, Value) {
    let source = format!("source={}", frontend_image("probe").await);
    let (files, out) = (directory(files), directory(&[]));
    let metadata = out.path().join("metadata.json");
    let mut command = Command::new("buildctl");
    command.args(["build", "--progress=plain", "--frontend=gateway.v0", "--opt", &source]);
    command.args(["--opt", &format!("target={target}")]).args(more);
    command.arg("--local").arg(format!("dockerfile={}", files.path().display()));
    command.arg("--metadata-file").arg(&metadata);
    let output = run(&mut command);
    let metadata = std::fs::read(metadata).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text, metadata.unwrap_or_default())
}

#[tokio::test]
async fn a_frontend_is_told_of_the_build_and_reads_its_file() {
    let files = [("a/stages.yaml", "stages: {}\n"), ("a/stages.yaml.dockerignore", "*.log\n")];
    let more = ["--opt", "filename=a/stages.yaml", "--opt", "build-arg:VERSION=1=2"];
    let (ok, text, metadata) = probe("told", &more, &files).await;
    assert!(ok, "{text}");
    assert!(text.contains("[internal] load build definition from a/stages.yaml"), "{text}");
    let told: Value = serde_json::from_str(metadata["frontend.told"].as_str().unwrap()).unwrap();
    assert!(told["platforms"].as_u64().unwrap() > 0);
    assert_eq!(
        (&told["args"], &told["session"], &told["file"], &told["text"], &told["ignore"]),
        (
            &json!({"VERSION": "1=2"}),
            &json!(true),
            &json!("a/stages.yaml"),
            &json!("stages: {}"),
            &json!("*.log\n")
        )
    );
}

#[tokio::test]
async fn a_file_that_is_not_there_or_no_text_is_named() {
    let large = "x".repeat((16 << 20) + 1);
    let check = async |name: &str, text: Option<&str>, expected: &str| {
        let files: Vec<(&str, &str)> = text.map(|text| (name, text)).into_iter().collect();
        let (ok, text, _) = probe("told", &["--opt", &format!("filename={name}")], &files).await;
        assert!(!ok && text.contains(expected), "{expected}: {text}");
    };
    check("a.yaml", None, "there is no `a.yaml` in the directory that the client sends").await;
    check("b/a.yaml", None, "there is no `b/a.yaml` in the directory that the client sends").await;
    check("a.yaml", Some(" \n"), "`a.yaml` is empty: it has to say what to build").await;
    check("a.yaml", Some(&large), "`a.yaml` has more than 16777216 bytes").await;
    let (ok, text, metadata) = probe("told", &["--opt", "filename=a.yaml"], &[("a.yaml", &large[1..])]).await;
    assert!(ok, "{text}");
    assert!(metadata["frontend.told"].as_str().unwrap().contains("\"size\":16777216"), "{metadata}");
}

#[tokio::test]
async fn a_panic_reaches_the_user_with_its_place() {
    let (ok, text, _) = probe("panics", &[], &[]).await;
    assert!(!ok);
    let expected = "the frontend panicked at tests/programs/probe.rs:";
    assert!(text.contains(expected) && text.contains(": no stage is called None"), "{text}");
}

#[tokio::test]
async fn what_a_frontend_prints_is_not_taken_for_the_wire() {
    let (ok, text, _) = probe("prints", &[], &[]).await;
    assert!(ok, "{text}");
}

#[tokio::test]
async fn an_error_of_the_daemon_keeps_its_details() {
    let (ok, text, _) = probe("fails", &[], &[]).await;
    assert!(!ok);
    assert!(text.contains("the step that fails") && text.contains("exit code: 42"), "{text}");
}

#[tokio::test]
async fn a_result_that_the_daemon_refuses_is_an_error() {
    let (ok, text, _) = probe("map", &["--output", "type=oci,dest=/dev/null"], &[]).await;
    assert!(!ok && text.contains("platforms mapping"), "{text}");
}

#[tokio::test]
async fn a_frontend_that_goes_away_is_told_of() {
    let (ok, text, _) = probe("exits", &[], &[]).await;
    assert!(!ok && text.contains("exit code: 3"), "{text}");
}

#[tokio::test]
async fn what_a_frontend_lacks_is_named() {
    let caps = ["--opt", "frontend.caps=moby.buildkit.frontend.inputs,later"];
    let (ok, text, _) = probe("prints", &caps, &[]).await;
    assert!(!ok && text.contains("unsupported frontend capability later"), "{text}");
    let (ok, text, _) = probe("prints", &["--opt", "input-metadata:x=?"], &[]).await;
    assert!(!ok && text.contains("option `input-metadata:x` has the value `?`: use a JSON object"), "{text}");
}
