//! Contexts that have names, and those that are no directory.

use std::fs;

use stagewright_tests::{Buildx, GitServer};
use tempfile::TempDir;

use super::{Made, make, project};
use crate::support::{directory, image, unique};

/// Its image is what the context `given` has at `word`, and what the stage `made` makes.
const STAGES: &str = "# syntax=stagewright/stages:1
stages:
  made:
    role: builder
    from: busybox:latest
    steps:
      - run: echo made > /out
  app:
    role: runtime
    from: scratch
    steps:
      - copy: word
        from: { context: given }
        to: /word
      - copy: /out
        from: made
        to: /out
";

/// Builds [`STAGES`] with a context for `given`, and looks at the word in it.
fn given(context: &str) -> Made {
    let project = directory(&[("stages.yaml", STAGES)]);
    make(&project, &["--build-context", &format!("given={context}")])
}

/// An image on `scratch` with a word.
fn with_word(word: &str, arguments: &[&str]) -> TempDir {
    let text = "# syntax=stagewright/stages:1
stages:
  app:
    role: runtime
    from: scratch
    steps:
      - copy: word
        to: /word
";
    let project = directory(&[("stages.yaml", text), ("word", word)]);
    let _ended = Buildx::new()
        .build(project.path())
        .args(["-f", "stages.yaml"])
        .args(arguments.iter().copied())
        .run()
        .expect_success();
    project
}

#[test]
fn a_directory_has_a_name() {
    let word = unique();
    let other = directory(&[("word", &word), ("secret", ""), (".dockerignore", "secret")]);
    assert_eq!(given(&other.path().display().to_string()).read("word"), word);
}

#[test]
fn a_directory_stands_in_for_a_stage() {
    let project = project("exit 1", "");
    let instead = directory(&[("out", "instead\n")]);
    let context = format!("made={}", instead.path().display());
    assert_eq!(make(&project, &["--build-context", &context]).out(), "instead");
}

#[test]
fn an_image_has_a_name() {
    let word = unique();
    let name = image("buildx/context", "1");
    let _project = with_word(&word, &["--push", "-t", &name]);
    assert_eq!(given(&format!("docker-image://{name}")).read("word"), word);
}

#[test]
fn an_image_stands_in_for_another() {
    let text = super::step("echo $PATH > /out", "").replace("busybox:latest", "registry.invalid/none:1");
    let project = directory(&[("stages.yaml", &text)]);
    let context = "registry.invalid/none:1=docker-image://busybox:latest";
    assert!(make(&project, &["--build-context", context]).out().contains("/bin"));
}

#[test]
fn a_layout_has_a_name() {
    let word = unique();
    let layout = tempfile::tempdir().unwrap();
    let place = layout.path().join("layout").display().to_string();
    let _project = with_word(&word, &["--output", &format!("type=oci,tar=false,dest={place}")]);
    let index: serde_json::Value =
        serde_json::from_slice(&fs::read(layout.path().join("layout/index.json")).unwrap()).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    assert_eq!(given(&format!("oci-layout://{place}@{digest}")).read("word"), word);
}

#[test]
fn a_git_repository_has_a_name() {
    let word = unique();
    let server = GitServer::start(&[("below/word", &word)]);
    assert_eq!(given(&format!("{}#main:below", server.url())).read("word"), word);
}

#[test]
fn a_git_repository_is_the_context() {
    let word = unique();
    let text = "# syntax=stagewright/stages:1
stages:
  app:
    role: runtime
    from: scratch
    steps:
      - copy: .
        to: /
";
    let files = [("project/stages.yaml", text), ("project/word", &word), ("beside", "")];
    let server = GitServer::start(&files);
    let out = tempfile::tempdir().unwrap();
    let ended = Buildx::new()
        .build(format!("{}#main:project", server.url()))
        .args(["-f", "stages.yaml", "--output", &*format!("type=local,dest={}", out.path().display())])
        .run()
        .expect_success();
    assert_eq!(fs::read_to_string(out.path().join("word")).unwrap(), word, "{ended}");
    let names = stagewright_tests::names(out.path());
    assert_eq!(names, ["stages.yaml", "word"], "{ended}");
    // What was built says of what.
    let provenance = ended.metadata.to_string();
    assert!(provenance.contains(&server.commit()), "{ended}");
}
