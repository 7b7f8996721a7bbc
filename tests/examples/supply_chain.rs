//! The pinned, scanned service, with what it carries.

use std::fs;

use serde_json::Value;
use stagewright_tests::Environment;

use crate::project::{Build, Project, stop};
use crate::support::{program, run};

/// The scanner of the tests' registry, which has no other.
fn scanned<'a>(build: Build<'a>) -> Build<'a> {
    build.param("sbom_scanner", "stagewright-tests/scanner:1")
}

fn json(repository: &str, reference: &str) -> Value {
    let manifest = Environment::get().registry.manifest(repository, reference).unwrap();
    serde_json::from_slice(&manifest.unwrap().bytes).unwrap()
}

#[test]
fn what_ships_is_pinned_scanned_and_listed() {
    let project = Project::new("supply-chain");
    let scanner = "sbom_scanner=stagewright-tests/scanner:1";
    let lock = |words: &[&str]| {
        let mut command = program("supply-chain");
        command
            .arg("lock")
            .args(words)
            .args(["--build-arg", scanner])
            .arg(project.path());
        run(&mut command)
    };
    let written = lock(&[]);
    assert!(written.status.success(), "{written:?}");
    assert!(lock(&["--check"]).status.success());
    let locked: Value = serde_json::from_slice(&fs::read(project.file("stages.lock")).unwrap()).unwrap();
    let node = locked["images"]["node:18-slim"].as_str().unwrap();
    assert!(locked["images"]["stagewright-tests/scanner:1"].is_string(), "{locked}");

    let built = scanned(project.build()).param("revision", "c0ffee").args(["--locked"]).run();
    assert!(built.to_string().contains(" packages, 0 with known faults"), "{built}");
    let mut container = project.start("notices");
    let answer = container.get(3000, "/").unwrap();
    assert!(answer.status == 200 && answer.body.contains("one &lt;b&gt;umbrella"), "{answer}");
    let rootfs = container.rootfs();
    assert!(rootfs.has("app/node_modules/escape-html/package.json"));
    assert!(!rootfs.has("app/node_modules/semver") && !rootfs.has("app/scan"), "its tools ship");
    stop(&mut container);

    // What is attached to it, read back from the registry.
    let repository = project.repository("notices");
    let index = json(&repository, &project.tag);
    let [image, attached] = &index["manifests"].as_array().unwrap()[..] else { panic!("{index:#}") };
    let attached = json(&repository, attached["digest"].as_str().unwrap());
    let registry = Environment::get().registry;
    let blob = |digest: &Value| -> Value {
        serde_json::from_reader(registry.blob(&repository, digest.as_str().unwrap()).unwrap()).unwrap()
    };
    let statements: Vec<Value> = attached["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| blob(&layer["digest"]))
        .collect();
    let of = |kind: &str| {
        let found = statements
            .iter()
            .find(|it| it["predicateType"].as_str().unwrap().contains(kind));
        found.unwrap_or_else(|| panic!("no {kind} in {statements:#?}")).to_string()
    };
    assert!(of("spdx").contains("/app/src/server.js"));
    let provenance = of("slsa.dev/provenance");
    assert!(provenance.contains(node.strip_prefix("sha256:").unwrap()), "{provenance}");
    assert!(provenance.contains("llbDefinition"), "the provenance has no steps");

    let config = blob(&json(&repository, image["digest"].as_str().unwrap())["config"]["digest"]);
    let labels = &config["config"]["Labels"];
    assert_eq!(labels["org.opencontainers.image.version"], "1.4.0", "{labels}");
    assert_eq!(labels["org.opencontainers.image.revision"], "c0ffee", "{labels}");
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
