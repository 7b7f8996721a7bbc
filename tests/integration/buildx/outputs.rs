//! Where a build's result goes, and what is told of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;

use serde_json::{Value, json};
use stagewright_tests::{Archive, Buildx, Environment};
use tempfile::TempDir;

use super::{config, manifest};
use crate::support::{directory, image};

const STAGES: &str = "# syntax=stagewright/stages:1
stages:
  app:
    role: runtime
    from: scratch
    steps:
      - copy: words
        to: /words/
      - env: { LEVEL: high }
      - workdir: /words
      - user: nobody
    expose: 8080
    entrypoint: [/words/one]
    cmd: [--now]
    labels: { team: blue }
    stop-signal: SIGINT
    healthcheck: { test: [/words/one], interval: 3s }
";

fn project() -> TempDir {
    directory(&[("stages.yaml", STAGES), ("words/one", "1"), ("words/two", "2")])
}

/// What every output must hold of the image's config.
fn expect_config(config: &Value) {
    let found = &config["config"];
    let expected = json!({
        "Env": found["Env"], "WorkingDir": "/words", "User": "nobody", "ExposedPorts": { "8080/tcp": {} },
        "Entrypoint": ["/words/one"], "Cmd": ["--now"], "Labels": { "team": "blue" }, "StopSignal": "SIGINT",
        "Healthcheck": { "Test": ["CMD", "/words/one"], "Interval": 3_000_000_000_u64 },
    });
    assert_eq!(*found, expected, "{config:#}");
    assert!(found["Env"].as_array().unwrap().contains(&json!("LEVEL=high")), "{config:#}");
}

/// The regular files of a tar.
fn files(tar: impl Read) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            files.insert(entry.path().unwrap().display().to_string(), text);
        }
    }
    files
}

fn words() -> BTreeMap<String, String> {
    [("words/one", "1"), ("words/two", "2")]
        .map(|(path, text)| (path.into(), text.into()))
        .into()
}

#[test]
fn files_are_written_to_a_directory() {
    let made = super::make(&project(), &[]);
    assert_eq!((made.read("words/one"), made.read("words/two")), ("1".into(), "2".into()));
}

#[test]
fn files_are_written_to_a_tar() {
    let project = project();
    let out = project.path().join("out.tar");
    let output = format!("type=tar,dest={}", out.display());
    let _ended = Buildx::new()
        .build(project.path())
        .args(["-f", "stages.yaml", "--output", &*output])
        .run()
        .expect_success();
    assert_eq!(files(fs::File::open(&out).unwrap()), words());
    // And to standard output.
    let ended = Buildx::new()
        .build(project.path())
        .args(["-f", "stages.yaml", "--output", "-"])
        .run();
    let ended = ended.expect_success();
    assert_eq!(files(&*ended.stdout), words());
}

#[test]
fn an_image_is_written_to_an_archive() {
    let project = project();
    let path = project.path().join("out.oci");
    let output = format!("type=oci,compression=uncompressed,force-compression=true,dest={}", path.display());
    let args = ["-f", "stages.yaml", "--provenance=false", "--output", &*output];
    let ended = Buildx::new().build(project.path()).args(args).run().expect_success();
    let archive = Archive::open(&path).unwrap();
    let root = archive.root().unwrap();
    assert_eq!(root.digest, ended.digest(), "{ended}");
    let json = |digest: &Value| -> Value {
        serde_json::from_slice(&archive.bytes(digest.as_str().unwrap()).unwrap()).unwrap()
    };
    let manifest = json(&root.digest.into());
    expect_config(&json(&manifest["config"]["digest"]));
    // The working directory is a step of its own.
    let layers = manifest["layers"].as_array().unwrap().iter();
    let contents = layers.map(|layer| files(archive.blob(layer["digest"].as_str().unwrap()).unwrap()));
    assert_eq!(contents.collect::<Vec<_>>(), [words(), BTreeMap::new()]);
}

#[test]
fn an_image_is_pushed_under_its_names() {
    let (one, two) = (image("buildx/pushed", "1"), image("buildx/pushed", "2"));
    let args = ["-f", "stages.yaml", "--provenance=false", "--push", "-t", &*one, "-t", &*two];
    let ended = Buildx::new().build(project().path()).args(args).run().expect_success();
    for tag in ["1", "2"] {
        let pushed = Environment::get().registry.manifest("buildx/pushed", tag).unwrap().unwrap();
        assert_eq!(pushed.digest, ended.digest(), "{ended}");
        expect_config(&config("buildx/pushed", tag));
    }
    assert_eq!(manifest("buildx/pushed", "1")["layers"].as_array().unwrap().len(), 2);
}

#[test]
fn the_metadata_file_tells_what_was_made() {
    let name = image("buildx/metadata", "1");
    let args = ["-f", "stages.yaml", "--push", "-t", &*name];
    let ended = Buildx::new().build(project().path()).args(args).run().expect_success();
    let metadata = &ended.metadata;
    assert_eq!(metadata["image.name"], json!(name), "{ended}");
    let pushed = Environment::get().registry.manifest("buildx/metadata", "1").unwrap().unwrap();
    assert_eq!(ended.digest(), pushed.digest, "{ended}");
    let descriptor = &metadata["containerimage.descriptor"];
    assert_eq!(descriptor["size"], json!(pushed.bytes.len()), "{ended}");
    let provenance = &metadata["buildx.build.provenance"];
    assert!(provenance.is_object() && provenance.to_string().contains("stages.yaml"), "{ended}");
}
