//! `docker-bake.hcl` at the root, as `docker buildx bake` reads it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stagewright_tests::Buildx;

use crate::support::stdout;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What bake would build with these arguments.
fn print(arguments: &[&str]) -> Value {
    let buildx = Buildx::new();
    let mut command = buildx.command(["bake", "--print"]);
    command.args(arguments).current_dir(root());
    command.env("REGISTRY", "registry.example/").env("REVISION", "abc");
    serde_json::from_slice(&stdout(&mut command)).unwrap()
}

#[test]
fn the_programs_are_built_for_both_platforms_when_nothing_is_named() {
    let printed = print(&[]);
    assert_eq!(printed["group"]["default"]["targets"], json!(["cli", "frontend"]), "{printed:#}");
    assert_eq!(printed["group"]["frontend"]["targets"], json!(["stages", "rust"]), "{printed:#}");
    let stages = &printed["target"]["stages"];
    assert_eq!(stages["dockerfile"], "frontends/stages.rs", "{printed:#}");
    assert_eq!(stages["target"], "stages", "{printed:#}");
    assert_eq!(stages["platforms"], json!(["linux/amd64", "linux/arm64"]), "{printed:#}");
    assert_eq!(stages["tags"], json!(["registry.example/stagewright/stages:1"]), "{printed:#}");
    assert_eq!(stages["args"]["toolchain"], "rust:1-slim", "{printed:#}");
    let cli = &printed["target"]["cli"];
    assert_eq!(cli["platforms"], json!(["linux/amd64", "linux/arm64"]), "{printed:#}");
    assert_eq!(cli["tags"], json!(["registry.example/stagewright/cli:1"]), "{printed:#}");
}

#[test]
fn images_say_what_they_are_where_they_can() {
    let said = |target: &Value| -> Vec<String> {
        serde_json::from_value(target["annotations"].clone()).unwrap_or_else(|e| panic!("{e}: {target:#}"))
    };
    let version = env!("CARGO_PKG_VERSION");
    for (name, target) in print(&["programs"])["target"].as_object().unwrap() {
        // An image for one platform has no index to annotate.
        let level = if target["platforms"].is_array() { "index,manifest" } else { "manifest" };
        let key = format!("{level}:org.opencontainers.image");
        for text in ["revision=abc".to_owned(), format!("version={version}")] {
            assert!(said(target).contains(&format!("{key}.{text}")), "{name}: {target:#}");
        }
        for key in ["title", "description", "licenses"].map(|word| format!("{key}.{word}=")) {
            assert!(said(target).iter().any(|it| it.starts_with(&key)), "{name} has no {key}: {target:#}");
        }
    }
    let buildx = Buildx::new();
    let mut one = buildx.command(["bake", "--print", "cli"]);
    one.current_dir(root()).env("PLATFORMS", "linux/amd64");
    let printed: Value = serde_json::from_slice(&stdout(&mut one)).unwrap();
    let cli = &printed["target"]["cli"];
    assert!(said(cli).iter().all(|it| it.starts_with("manifest:")), "{cli:#}");
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
fn a_registry_of_ones_own_has_the_frontends() {
    let frontend = |target: &str, set: &[(&str, &str)]| {
        let buildx = Buildx::new();
        let mut command = buildx.command(["bake", "--print", target]);
        command.current_dir(root()).env_remove("REGISTRY").env_remove("RUST_FRONTEND");
        command.envs(set.iter().copied());
        let printed: Value = serde_json::from_slice(&stdout(&mut command)).unwrap();
        printed["target"][target]["args"]["BUILDKIT_SYNTAX"].clone()
    };
    let registry = ("REGISTRY", "registry.example/");
    let first = ("RUST_FRONTEND", "other.example/rust:1");
    for (target, set, expected) in [
        ("microservices-api", vec![registry], "registry.example/stagewright/rust:1"),
        ("microservices-api", vec![registry, ("TAG", "2")], "registry.example/stagewright/rust:2"),
        ("microservices-api", vec![registry, first], first.1),
        ("microservices-api-yaml", vec![registry, first], "registry.example/stagewright/stages:1"),
        ("lucid-runtime", vec![registry], "registry.example/lucid/frontend:1"),
        ("stages", vec![registry, first], first.1),
    ] {
        assert_eq!(frontend(target, &set), expected, "{target} with {set:?}");
    }
    // Elsewhere the first line of the file says it; and what makes the frontends cannot count on them.
    for (target, set) in [
        ("microservices-api", vec![]),
        ("microservices-api-yaml", vec![]),
        ("microservices-api-yaml", vec![first]),
        ("stages", vec![registry]),
    ] {
        assert_eq!(frontend(target, &set), Value::Null, "{target} with {set:?}");
    }
}

#[test]
fn every_build_file_that_is_named_is_there() {
    let printed = print(&["all"]);
    let targets = printed["target"].as_object().unwrap();
    assert_eq!(targets.len(), 15, "{printed:#}");
    for (name, target) in targets {
        let path = root()
            .join(target["context"].as_str().unwrap())
            .join(target["dockerfile"].as_str().unwrap());
        assert!(path.is_file(), "{name}: {}", path.display());
    }
}
