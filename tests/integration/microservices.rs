//! The monorepo of `examples/microservices`: three images from one invocation.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use stagewright::{BuildOptions, Event};
use stagewright_tests::Environment;
use tempfile::TempDir;

use crate::support::{Ended, build_plan, example, image, plan_of, program, replace, run, unique};

const SERVICES: [&str; 3] = ["api", "worker", "web"];

/// A copy of the project in which nothing is cached from earlier runs.
fn fresh_project() -> TempDir {
    let project = example("microservices");
    replace(
        &project.path().join("package.json"),
        "\"private\": true",
        &format!("\"private\": true, \"x\": \"{}\"", unique()),
    );
    project
}

fn pushed(project: &Path, tag: &str) -> BuildOptions {
    SERVICES.iter().fold(BuildOptions::new(project).push(), |options, service| {
        options.tag(format!("{service}={}", image(&format!("micro/{service}"), tag)))
    })
}

fn config(repository: &str, tag: &str) -> Value {
    let registry = Environment::get().registry;
    let manifest = registry.manifest(repository, tag).unwrap().expect("the image was pushed");
    let manifest: Value = serde_json::from_slice(&manifest.bytes).unwrap();
    serde_json::from_reader(
        registry
            .blob(repository, manifest["config"]["digest"].as_str().unwrap())
            .unwrap(),
    )
    .unwrap()
}

fn sent(ended: &Ended) -> Vec<(u64, u64)> {
    let sent = ended.events.iter().filter_map(|event| match event {
        Event::ContextSent { context, files, bytes } if context == "context" => Some((*files, *bytes)),
        _ => None,
    });
    // The `.dockerignore` is asked for by itself, before the context.
    sent.filter(|(files, _)| *files > 1).collect()
}

#[tokio::test]
async fn three_images_share_what_they_have_in_common() {
    let project = fresh_project();
    let plan = plan_of("microservices");
    let tag = unique();
    let cold = build_plan(&plan, &pushed(project.path(), &tag)).await.expect_success();

    // Every step ran, and ran once, however many of the three solves needed it.
    let ran = cold.ran();
    let expected: BTreeSet<String> = plan
        .stages
        .iter()
        .filter(|stage| {
            stage
                .steps
                .iter()
                .any(|s| matches!(s.action, stagewright_plan::plan::Action::Run(_)))
        })
        .map(|stage| stage.name.clone())
        .collect();
    let stages: BTreeSet<String> =
        ran.iter().map(|name| name[1..].split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(stages, expected);
    let vertices = cold.vertices();
    for name in &ran {
        assert_eq!(vertices[name].starts.len(), 1, "{name} ran more than once");
    }

    // The context went to the daemon once.
    let context = sent(&cold);
    assert_eq!(context.len(), 1, "{context:?}");
    assert!(context[0].1 > 10_000, "{context:?}");

    // Each status stream tells of the vertices that we computed for it, under our digests. It may tell of more: of
    // equal work that other builds have under way at the same time.
    for event in &cold.events {
        let Event::Lowered { target, vertices } = event else { continue };
        let computed: BTreeSet<&str> = vertices.iter().map(|vertex| vertex.digest.as_str()).collect();
        let updates = cold.events.iter().filter_map(|event| match event {
            Event::Status { target: of, update } if of == target => Some(update),
            _ => None,
        });
        let told: BTreeSet<&str> = updates
            .flat_map(|update| &update.vertexes)
            .map(|vertex| vertex.digest.as_str())
            .collect();
        let untold: Vec<&&str> = computed.difference(&told).collect();
        assert!(!computed.is_empty() && untold.is_empty(), "{target}: {untold:?} of {vertices:?}");
    }

    // The configs are what the program says.
    for (service, port) in [("api", "3001"), ("worker", "3002"), ("web", "8080")] {
        let config = &config(&format!("micro/{service}"), &tag)["config"];
        assert_eq!(config["User"], "node");
        assert_eq!(config["WorkingDir"], "/app");
        assert_eq!(config["Cmd"], serde_json::json!(["node", format!("packages/{service}/dist/main.js")]));
        assert!(config["ExposedPorts"][format!("{port}/tcp")].is_object(), "{config}");
        let env = config["Env"].as_array().unwrap();
        assert!(env.contains(&Value::from("NODE_ENV=production")), "{config}");
    }

    // Again: nothing runs, nothing of the context's files is sent. A build that comes before the daemon has let go of
    // the one before sends them once more.
    let start = Instant::now();
    loop {
        let again = build_plan(&plan, &pushed(project.path(), &tag)).await.expect_success();
        assert_eq!(again.ran(), Vec::<String>::new());
        if sent(&again).iter().all(|(_, bytes)| *bytes < context[0].1 / 2) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", sent(&again));
    }

    // One file of one service: only what reads it runs.
    let source = project.path().join("packages/api/src/main.ts");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, format!("{text}\n// {tag}\n")).unwrap();
    let edited = build_plan(&plan, &pushed(project.path(), &tag)).await.expect_success();
    let ran = edited.ran();
    assert!(!ran.is_empty() && ran.iter().all(|name| name.starts_with("[api-")), "{ran:?}");
}

#[test]
fn a_broken_test_refuses_the_image_and_shows_its_line() {
    let project = fresh_project();
    let test = project.path().join("packages/api/test");
    let broken = "import test from 'node:test';\ntest('broken on purpose', () => { throw new Error('no such luck'); });\n";
    std::fs::write(test.join("broken.test.js"), broken).unwrap();
    let repository = format!("micro/broken-{}", unique());
    let tag = format!("api={}", image(&repository, "1"));

    let output = run(program("microservices")
        .args(["build", "--progress", "plain", "--push", "--target", "api", "-t", &tag])
        .arg(project.path())
        .env("NO_COLOR", "1"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("no such luck"), "the log's end is shown: {text}");
    let source = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/microservices/stages.rs"),
    )
    .unwrap();
    let line = 1 + source
        .lines()
        .position(|line| line.contains("npm test --workspace=@demo/{name}"))
        .unwrap();
    assert!(text.contains(&format!("stages.rs:{line}")), "line {line} is named: {text}");
    assert!(text.contains("npm test --workspace=@demo/{name}"), "the line is shown: {text}");

    let registry = Environment::get().registry;
    assert_eq!(registry.tags(&repository).unwrap(), Vec::<String>::new());
    assert!(registry.manifest(&repository, "1").unwrap().is_none());
}

#[test]
fn a_runtime_has_neither_compilers_nor_development_dependencies() {
    let project = example("microservices");
    let out = tempfile::tempdir().unwrap();
    let output = run(program("microservices")
        .args(["build", "--progress", "plain", "--target", "api", "-o"])
        .arg(format!("type=local,dest={}", out.path().join("api").display()))
        .arg(project.path()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let app = out.path().join("api/app");
    assert!(app.join("packages/api/dist/main.js").exists());
    assert!(app.join("node_modules/@demo/shared/dist").exists(), "the workspace link leads to the library");
    for absent in ["node_modules/typescript", "node_modules/@types/node", "packages/api/src", "packages/web"]
    {
        assert!(!app.join(absent).exists(), "{absent} is in the image");
    }
}
