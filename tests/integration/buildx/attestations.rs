//! What is attested to of an image: how it was made, and what is in it.

use serde_json::Value;
use stagewright_tests::Buildx;

use super::{blob, manifest, project};
use crate::support::{image, unique};

/// Builds and pushes an image with these arguments, and returns the statements that are attached to it, by their type.
fn statements(repository: &str, arguments: &[&str]) -> Vec<Value> {
    let name = image(repository, "1");
    let ended = Buildx::new()
        .build(project(&format!("echo {} > /out", unique()), "").path())
        .args(["-f", "stages.yaml", "--push", "-t", &*name])
        .args(arguments.iter().copied())
        .run()
        .expect_success();
    let index = manifest(repository, "1");
    let [image, attached] = &index["manifests"].as_array().unwrap()[..] else { panic!("{index:#}\n{ended}") };
    let annotations = &attached["annotations"];
    assert_eq!(annotations["vnd.docker.reference.type"], "attestation-manifest", "{index:#}");
    assert_eq!(annotations["vnd.docker.reference.digest"], image["digest"], "{index:#}");
    let attached = manifest(repository, attached["digest"].as_str().unwrap());
    let layers = attached["layers"].as_array().unwrap().iter();
    layers.map(|layer| blob(repository, &layer["digest"])).collect()
}

#[test]
fn how_it_was_made_is_told_in_full() {
    let statements = statements("buildx/provenance", &["--provenance=mode=max"]);
    let [statement] = &statements[..] else { panic!("{statements:#?}") };
    let predicate = &statement["predicate"];
    let text = predicate.to_string();
    // What it was made of, and by what.
    assert!(text.contains("pkg:docker/busybox"), "{predicate:#}");
    assert!(text.contains("pkg:docker/stagewright/stages"), "{predicate:#}");
    // In full: the steps, and the file with the places of each.
    let steps =
        predicate["buildDefinition"]["internalParameters"]["buildConfig"]["llbDefinition"].to_string();
    assert!(steps.contains("set -e\\necho"), "{predicate:#}");
    let source = &predicate["runDetails"]["metadata"]["buildkit_metadata"]["source"];
    assert_eq!(source["infos"][0]["filename"], "stages.yaml", "{predicate:#}");
    assert!(source["locations"].as_object().unwrap().len() >= 3, "{predicate:#}");
}

#[test]
fn what_is_in_it_is_listed_by_a_scanner() {
    let scanner = "--sbom=generator=stagewright-tests/scanner:1";
    let statements = statements("buildx/sbom", &["--provenance=false", scanner]);
    let [statement] = &statements[..] else { panic!("{statements:#?}") };
    assert_eq!(statement["predicateType"], "https://spdx.dev/Document", "{statement:#}");
    let files = statement["predicate"]["files"].as_array().unwrap();
    let names: Vec<&Value> = files.iter().map(|file| &file["fileName"]).collect();
    assert_eq!(names, ["/out"], "{statement:#}");
}
