//! The pinned, scanned service: how it is released, what it carries, and what closes its gates.

use std::env;
use std::fs;
use std::process::Command;

use serde_json::Value;
use stagewright_tests::Environment;
use stagewright_tests::container::Image;

use crate::project::{Build, Project, containers, healthy, stop};
use crate::support::{image, program, run, stdout};

/// The scanner of the tests' registry, which has no other.
const SCANNER: &str = "stagewright-tests/scanner:1";

fn scanned(build: Build<'_>) -> Build<'_> {
    build.param("sbom_scanner", SCANNER)
}

/// A manifest or index of the registry.
fn manifest(repository: &str, reference: &str) -> Value {
    let manifest = Environment::get().registry.manifest(repository, reference).unwrap();
    let manifest = manifest.unwrap_or_else(|| panic!("the registry has no {repository}@{reference}"));
    serde_json::from_slice(&manifest.bytes).unwrap()
}

/// What is attached to an image of one platform: its statements.
fn statements(repository: &str, index: &Value) -> Vec<Value> {
    let [image, attached] = &index["manifests"].as_array().unwrap()[..] else { panic!("{index:#}") };
    assert_eq!(attached["annotations"]["vnd.docker.reference.digest"], image["digest"], "{index:#}");
    let attached = manifest(repository, attached["digest"].as_str().unwrap());
    let layers = attached["layers"].as_array().unwrap().iter();
    let blob = |layer: &Value| {
        let blob = Environment::get().registry.blob(repository, layer["digest"].as_str().unwrap());
        serde_json::from_reader(blob.unwrap()).unwrap()
    };
    layers.map(blob).collect()
}

/// The predicate of the statement of this type.
fn predicate<'a>(statements: &'a [Value], kind: &str) -> &'a Value {
    let found = statements
        .iter()
        .find(|it| it["predicateType"].as_str().unwrap().starts_with(kind));
    &found.unwrap_or_else(|| panic!("no {kind} in {statements:#?}"))["predicate"]
}

#[test]
fn what_is_released_is_pinned_scanned_and_listed() {
    let project = Project::new("supply-chain");
    let scanner = format!("sbom_scanner={SCANNER}");
    let arguments = ["--build-arg", &*scanner];
    stdout(program("supply-chain").arg("lock").args(arguments).arg(project.path()));
    let locked: Value = serde_json::from_slice(&fs::read(project.file("stages.lock")).unwrap()).unwrap();
    let node = locked["images"]["node:18-slim"].as_str().unwrap();
    assert!(locked["images"][SCANNER].is_string(), "{locked:#}");

    let programs = env::current_exe().unwrap();
    let programs = programs.ancestors().nth(2).unwrap();
    let path = format!("{}:{}", programs.display(), env::var("PATH").unwrap());
    let repository = project.repository("notices");
    let name = image(&repository, "");
    let mut release = Command::new(project.file("release.sh"));
    release.arg(name.trim_end_matches(':')).args(arguments).env("PATH", &*path);
    let registry = Environment::get().registry;
    // It stops at sources that nobody committed, and at one that is not what the lock says.
    stdout(Command::new("git").arg("init").arg("--quiet").arg(project.path()));
    let stops = |release: &mut Command, says: &str| {
        let stopped = run(release);
        let log = String::from_utf8_lossy(&stopped.stderr);
        assert!(!stopped.status.success() && log.contains(says), "{log}");
        assert!(Image::find(&registry, &repository, "1.4.0").is_err(), "it was pushed");
    };
    stops(release.env_remove("REVISION"), "is not what is committed");
    let lock = fs::read_to_string(project.file("stages.lock")).unwrap();
    let other = format!("sha256:{}", "0".repeat(64));
    fs::write(project.file("stages.lock"), lock.replace(node, &other)).unwrap();
    stops(release.env("REVISION", "c0ffee"), "run `lock --update`");
    fs::write(project.file("stages.lock"), lock).unwrap();
    let released = run(&mut release);
    let log = String::from_utf8_lossy(&released.stderr);
    assert!(released.status.success(), "{log}");
    let told = String::from_utf8_lossy(&released.stdout);
    let digest = told.lines().last().unwrap_or_default().split('@').nth(1).unwrap_or_default();

    let image = Image::find(&registry, &repository, digest).unwrap_or_else(|error| panic!("{told}: {error}"));
    let mut container = healthy(containers().run(&image, "notices").start().unwrap());
    let answer = container.get(3000, "/").unwrap();
    assert!(answer.status == 200 && answer.body.contains("one &lt;b&gt;umbrella"), "{answer}");
    let rootfs = container.rootfs();
    assert!(rootfs.has("app/node_modules/escape-html/package.json"));
    assert!(!rootfs.has("app/node_modules/semver") && !rootfs.has("app/scan"), "its tools ship");
    let labels = &image.config.config.labels;
    assert_eq!(labels["org.opencontainers.image.version"], "1.4.0");
    assert_eq!(labels["org.opencontainers.image.revision"], "c0ffee");
    stop(&mut container);

    // What it carries: every file of it, what it was made of as pinned, and every step.
    let statements = statements(&repository, &manifest(&repository, digest));
    let files = predicate(&statements, "https://spdx.dev/Document")["files"].as_array().unwrap();
    assert!(files.iter().any(|file| file["fileName"] == "/app/src/server.js"), "{files:#?}");
    let provenance = predicate(&statements, "https://slsa.dev/provenance/v1");
    let definition = &provenance["buildDefinition"];
    let materials = definition["resolvedDependencies"].as_array().unwrap();
    let node = node.trim_start_matches("sha256:");
    assert!(materials.iter().any(|it| it["digest"]["sha256"] == node), "{node} is not in {materials:#?}");
    let steps = definition["internalParameters"]["buildConfig"]["llbDefinition"].to_string();
    assert!(steps.contains("npm ci --omit=dev"), "{definition:#}");
}

#[test]
fn nothing_ships_with_a_known_fault_a_false_label_or_a_failing_test() {
    let project = Project::new("supply-chain");
    scanned(project.build())
        .param("version", "2.0.0")
        .refused(["process.env.VERSION"]);
    project.edit("scan/advisories.json", "<1.0.2", "<1.0.4");
    scanned(project.build()).refused(["NOTICE-2024-0001: escape-html 1.0.3: backticks are not escaped"]);
    project.edit("scan/advisories.json", "<1.0.4", "<1.0.2");
    project.edit("test/notices.test.js", "match(/<li>/g).length, 2", "match(/<li>/g).length, 3");
    scanned(project.build()).refused(["every notice is an item"]);
}
