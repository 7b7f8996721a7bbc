//! The greeter: typed parameters choose what is built, and each variant is what its name says.

use std::collections::BTreeSet;

use stagewright_tests::Environment;

use crate::project::{Project, stop};
use crate::support::{program, run};

#[test]
fn the_default_is_production_and_has_nothing_for_debugging() {
    let project = Project::new("environments");
    project.build().run();
    let mut container = project.start("production");
    assert_eq!(container.get(8080, "/environment").unwrap().body, "{\"environment\":\"production\"}\n");
    let error = container.get(8080, "/greet").unwrap();
    assert!(error.status == 500 && !error.body.contains("nobody"), "{error}");
    assert!(container.get(9229, "/json/version").is_err(), "the inspector listens");
    let rootfs = container.rootfs();
    for absent in
        ["app/dist/main.js.map", "app/src", "app/node_modules/typescript", "usr/bin/strace", "app/config"]
    {
        assert!(!rootfs.has(absent), "{absent} is in the image");
    }
    stop(&mut container);
}

#[test]
fn parameters_choose_the_product() {
    let project = Project::new("environments");
    let products = |params: &[(&str, &str)]| {
        let build = params
            .iter()
            .fold(project.build(), |build, (name, value)| build.param(name, value));
        let targets = build.plan().targets.into_iter();
        targets
            .filter(|target| target.product)
            .map(|target| target.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(products(&[]), ["production"]);
    assert_eq!(products(&[("environment", "staging")]), ["staging"]);
    assert_eq!(products(&[("devtools", "true")]), ["devtools"]);
    assert_eq!(products(&[("debug", "yes"), ("environment", "development")]), ["debug"]);
}

#[test]
fn staging_is_one_image_whichever_way_it_is_asked_for() {
    let project = Project::new("environments");
    let built = project.build().param("environment", "staging").run();
    let stages: BTreeSet<&str> = built
        .progress
        .vertices()
        .filter_map(|vertex| vertex.name.strip_prefix('[')?.split([' ', ']']).next())
        .collect();
    assert!(stages.contains("staging"), "{built}");
    for unchosen in ["production", "development", "devtools", "debug"] {
        assert!(!stages.contains(unchosen), "{unchosen} is in the graph: {built}");
    }
    let digest = || {
        let registry = Environment::get().registry;
        registry
            .manifest(&project.repository("staging"), &project.tag)
            .unwrap()
            .unwrap()
            .digest
    };
    let by_parameter = digest();
    project.build().target("staging").run();
    assert_eq!(digest(), by_parameter);

    let mut container = project.start("staging");
    let error = container.get(8080, "/greet").unwrap();
    assert!(
        error.status == 500 && error.body.contains("src/greeter.ts:"),
        "a line of the source is told: {error}"
    );
    stop(&mut container);
}

#[test]
fn debugging_has_inspector_and_tools() {
    let project = Project::new("environments");
    project.build().param("debug", "true").param("devtools", "true").run();
    let mut container = project.start("debug");
    let inspector = container.get(9229, "/json/version").unwrap();
    assert!(inspector.body.contains("node.js/v18"), "{inspector}");
    assert!(container.exec(&["ps", "-e"]).unwrap().contains("node"));
    assert!(container.exec(&["strace", "--version"]).unwrap().contains("strace"));
    assert!(container.rootfs().has("app/dist/main.js.map"));
    stop(&mut container);
}

#[test]
fn development_runs_the_sources() {
    let project = Project::new("environments");
    project.build().param("environment", "development").run();
    let container = project.start("development");
    assert_eq!(container.get(8080, "/environment").unwrap().body, "{\"environment\":\"development\"}\n");
    assert!(
        container.rootfs().has("app/src/main.ts") && container.rootfs().has("app/node_modules/typescript")
    );
}

#[test]
fn a_wrong_value_is_an_error_that_lists_the_right_ones() {
    let output = run(program("environments").args(["build", "--build-arg", "environment=dev", "."]));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("`dev` is none of `development`, `staging`, `production`"), "{text}");
}

#[test]
fn a_test_that_fails_refuses_the_image() {
    let project = Project::new("environments");
    project.edit("config/production.yaml", "showErrors: false", "showErrors: true");
    project
        .build()
        .refused(["the configuration of production is right", r#".run("npm test")"#]);
}
