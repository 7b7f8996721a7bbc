//! What is attested to of an image: how it was made, and what is in it.

use expect_test::expect;
use serde_json::Value;
use stagewright_tests::Buildx;

use super::{blob, make, manifest, project, step};
use crate::support::{directory, image, unique};

/// A scanner of the tests' registry.
const SCANNER: &str = "--sbom=generator=stagewright-tests/scanner:1";

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
    let statements = statements("buildx/sbom", &["--provenance=false", SCANNER]);
    let [statement] = &statements[..] else { panic!("{statements:#?}") };
    assert_eq!(statement["predicateType"], "https://spdx.dev/Document", "{statement:#}");
    let files = statement["predicate"]["files"].as_array().unwrap();
    let names: Vec<&Value> = files.iter().map(|file| &file["fileName"]).collect();
    assert_eq!(names, ["/out"], "{statement:#}");
}

#[test]
fn what_an_image_asks_for_and_nobody_ordered_is_told() {
    let keys = "    sbom: team/scanner:2\n    provenance: max\nallow:";
    let project = directory(&[("stages.yaml", &step("echo it > /out", "").replace("allow:", keys))]);
    let told = |arguments: &[&str]| -> String {
        let warnings = make(&project, arguments).ended.progress.warnings;
        warnings
            .iter()
            .map(|it| format!("{} {:?}: {}\n", it.file, it.lines, it.short))
            .collect()
    };
    expect![[r#"
        stages.yaml [15]: `app` goes without the SBOM and the full provenance that it asks for
    "#]]
    .assert_eq(&told(&[]));
    expect![[r#"
        stages.yaml [15]: `app` goes without the SBOM that it asks for
    "#]]
    .assert_eq(&told(&["--provenance=mode=max"]));
    assert_eq!(told(&["--provenance=mode=max", SCANNER]), "");
}
