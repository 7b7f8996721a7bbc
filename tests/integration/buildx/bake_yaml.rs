//! `stages.yaml` by bake: files with groups, matrices and targets that start from each other, and compose files.

use std::fs;

use serde_json::json;
use stagewright_tests::Buildx;
use tempfile::TempDir;

use super::config;
use crate::support::{directory, image, unique, write};

/// An image whose word is an arg, and one that starts from an image that may be another target of a bake file.
const STAGES: &str = "# syntax=stagewright/stages:1
args:
  word: none
stages:
  made:
    role: builder
    from: busybox:latest
    steps:
      - env: { WORD: \"${word}\" }
      - run: echo \"$WORD\" > /word
  base:
    role: runtime
    from: scratch
    steps:
      - copy: /word
        from: made
        to: /word-${word}
      - env: { BASE: \"${word}\" }
  app:
    role: runtime
    from: stagewright.invalid/base:1
    steps:
      - copy: stages.yaml
        to: /app-${word}
products: [base, app]
";

const BAKE: &str = r#"
variable "OUT" { default = "out" }

group "default" { targets = ["words", "app"] }

target "_all" { dockerfile = "stages.yaml" }

target "words" {
  name = "word-${word}"
  matrix = { word = ["one", "two"] }
  inherits = ["_all"]
  target = "base"
  args = { word = word }
  output = ["type=local,dest=${OUT}/${word}"]
}

target "app" {
  inherits = ["_all"]
  target = "app"
  contexts = { "stagewright.invalid/base:1" = "target:word-two" }
  args = { word = "app" }
  output = ["type=local,dest=${OUT}/app"]
}
"#;

fn project() -> TempDir {
    directory(&[("stages.yaml", STAGES), ("docker-bake.hcl", BAKE)])
}

#[test]
fn a_group_is_built_with_its_matrix_and_targets_that_start_from_others() {
    let project = project();
    let out = project.path().join("out");
    let ended = Buildx::new()
        .bake(project.path())
        .args(["--allow", "fs.write=*"])
        .run()
        .expect_success();
    for word in ["one", "two"] {
        let read = fs::read_to_string(out.join(word).join(format!("word-{word}")));
        assert_eq!(read.unwrap(), format!("{word}\n"), "{ended}");
    }
    // What it starts from, and its own.
    assert_eq!(fs::read_to_string(out.join("app/word-two")).unwrap(), "two\n", "{ended}");
    assert_eq!(fs::read_to_string(out.join("app/app-app")).unwrap(), STAGES, "{ended}");
    let metadata = ended.metadata.as_object().unwrap();
    assert!(["word-one", "word-two", "app"].iter().all(|name| metadata.contains_key(*name)), "{ended}");
}

#[test]
fn one_member_is_built_with_what_is_set_for_it() {
    let project = project();
    let word = unique();
    let args = ["--allow", "fs.write=*", "--set", &format!("word-one.args.word={word}"), "word-one"];
    let ended = Buildx::new().bake(project.path()).args(args).run().expect_success();
    let read = fs::read_to_string(project.path().join("out/one").join(format!("word-{word}")));
    assert_eq!(read.unwrap(), format!("{word}\n"), "{ended}");
    assert!(!project.path().join("out/two").exists(), "{ended}");
}

#[test]
fn the_config_of_an_image_of_another_target_is_inherited() {
    let project = project();
    let name = image("buildx/baked", "1");
    let set = ["--set", "app.output=type=registry", "--set", &format!("app.tags={name}")];
    let args = ["--allow", "fs.write=*", "--provenance=false", "app"];
    let ended = Buildx::new().bake(project.path()).args(set).args(args).run().expect_success();
    let config = config("buildx/baked", "1");
    assert!(config["config"]["Env"].as_array().unwrap().contains(&json!("BASE=two")), "{config:#}\n{ended}");
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2, "{config:#}");
}

#[test]
fn the_services_of_a_compose_file_are_built() {
    let project = project();
    let (web, api) = (image("buildx/compose-web", "1"), image("buildx/compose-api", "1"));
    let compose = format!(
        "services:
  web:
    image: {web}
    build:
      context: .
      dockerfile: stages.yaml
      target: base
      args: {{ word: web }}
      labels: {{ org.example.team: blue }}
  api:
    image: {api}
    build:
      context: .
      dockerfile: stages.yaml
      target: app
      args: {{ word: api }}
      additional_contexts:
        stagewright.invalid/base:1: docker-image://busybox:latest
"
    );
    write(&project.path().join("compose.yaml"), &compose);
    let args = ["-f", "compose.yaml", "--push", "--provenance=false"];
    let ended = Buildx::new().bake(project.path()).args(args).run().expect_success();
    let web = config("buildx/compose-web", "1");
    assert!(web["config"]["Env"].as_array().unwrap().contains(&json!("BASE=web")), "{web:#}\n{ended}");
    assert_eq!(web["config"]["Labels"]["org.example.team"], "blue", "{web:#}");
    let api = config("buildx/compose-api", "1");
    // That of busybox.
    assert_eq!(api["config"]["Cmd"], json!(["sh"]), "{api:#}");
}
