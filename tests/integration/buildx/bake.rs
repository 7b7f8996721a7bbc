//! `docker-bake.hcl` at the root, as `docker buildx bake` reads it.

use std::path::Path;

use serde_json::{Value, json};
use stagewright_tests::Buildx;

use crate::support::stdout;

/// What bake would build with these arguments.
fn print(arguments: &[&str]) -> Value {
    let buildx = Buildx::new();
    let mut command = buildx.command(["bake", "--print"]);
    command
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command.env("REGISTRY", "registry.example/").env("REVISION", "abc");
    serde_json::from_slice(&stdout(&mut command)).unwrap()
}

#[test]
fn the_frontends_are_built_for_both_platforms_when_nothing_is_named() {
    let printed = print(&[]);
    assert_eq!(printed["group"]["default"]["targets"], json!(["frontend"]), "{printed:#}");
    assert_eq!(printed["group"]["frontend"]["targets"], json!(["stages", "rust"]), "{printed:#}");
    let stages = &printed["target"]["stages"];
    assert_eq!(stages["dockerfile"], "frontends/stages.rs", "{printed:#}");
    assert_eq!(stages["target"], "stages", "{printed:#}");
    assert_eq!(stages["platforms"], json!(["linux/amd64", "linux/arm64"]), "{printed:#}");
    assert_eq!(stages["tags"], json!(["registry.example/stagewright/stages:1"]), "{printed:#}");
    assert_eq!(stages["args"], json!({"toolchain": "rust:1-slim", "revision": "abc"}), "{printed:#}");
}

#[test]
fn a_member_of_a_matrix_is_a_target_of_its_own() {
    let printed = print(&["microservices-web"]);
    let web = &printed["target"]["microservices-web"];
    assert_eq!(web["context"], "examples/microservices", "{printed:#}");
    assert_eq!((&web["dockerfile"], &web["target"]), (&json!("stages.rs"), &json!("web")), "{printed:#}");
    assert_eq!(printed["target"].as_object().unwrap().len(), 1, "{printed:#}");
}

#[test]
fn every_build_file_that_is_named_is_there() {
    let printed = print(&["all"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let targets = printed["target"].as_object().unwrap();
    assert!(targets.len() >= 5, "{printed:#}");
    for (name, target) in targets {
        let path = root
            .join(target["context"].as_str().unwrap())
            .join(target["dockerfile"].as_str().unwrap());
        assert!(path.is_file(), "{name}: {}", path.display());
    }
}
