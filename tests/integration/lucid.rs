//! Frontends of one's own, as a team has them: `examples/lucid`, and the one that `docs/your-own-frontend.md` makes.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use stagewright::{BuildOptions, plan};
use stagewright_tests::Environment;
use stagewright_tests::buildx::{Buildx, Ended};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::frontend::image::frontend_files;
use crate::support::{build_plan, directory, example, image, replace, unique};

#[allow(dead_code, reason = "its `main` is for those who run it")]
#[path = "../../examples/service/stages.rs"]
mod recipe;

/// Pushes a program of this workspace as an image, made as the guide does it. What its first stage would compile is
/// here already, and stands in for it.
async fn push(program: &str, repository: &str) {
    let compiled = tempfile::tempdir().unwrap();
    let out = compiled.path().join("out");
    fs::create_dir(&out).unwrap();
    frontend_files(program, &out);
    let sources = directory(&[]);
    let options = BuildOptions::new(sources.path())
        .context_named("program", compiled.path())
        .tag(image(repository, "1"))
        .push();
    build_plan(&plan(recipe::build, &[]).unwrap(), &options).await.expect_success();
}

/// A copy of the service, when the frontend is there that its files name. It is one like no other.
async fn project() -> TempDir {
    static PUSHED: OnceCell<()> = OnceCell::const_new();
    PUSHED.get_or_init(|| push("lucid", "lucid/frontend")).await;
    let project = example("lucid/project");
    replace(&project.path().join("src/server.js"), "'0.0.0'", &format!("'0.0.0-{}'", unique()));
    project
}

fn build(project: &TempDir, arguments: &[&str]) -> Ended {
    Buildx::new().build(project.path()).args(arguments.iter().copied()).run()
}

/// The config of an image that was pushed.
fn config(repository: &str, tag: &str) -> Value {
    let registry = Environment::get().registry;
    let manifest = registry.manifest(repository, tag).unwrap().expect("the image was pushed");
    let manifest: Value = serde_json::from_slice(&manifest.bytes).unwrap();
    let config = registry.blob(repository, manifest["config"]["digest"].as_str().unwrap());
    serde_json::from_reader(config.unwrap()).unwrap()
}

/// Whether a command of the stage ran. bake names a target before the stage.
fn is_run(ended: &Ended, stage: &str) -> bool {
    let words = |name: &str| name.split(['[', ']']).nth(1).unwrap_or_default().to_owned();
    ended.ran().iter().any(|name| words(name).split(' ').any(|word| word == stage))
}

#[tokio::test]
async fn production_is_there_because_its_tests_pass() {
    let project = project().await;
    let tag = unique();
    let output = format!("type=image,push=true,name={},provenance=false", image("lucid/runtime", &tag));
    let ended = build(&project, &["-f", "lucid.yml", "--provenance=false", "-o", &output]).expect_success();
    assert!(is_run(&ended, "testing"), "{ended}");
    assert!(ended.progress.log().contains("the service answers what it knows"), "{ended}");
    let config = &config("lucid/runtime", &tag)["config"];
    assert_eq!(config["User"], "node");
    assert_eq!(config["Cmd"], json!(["node", "dist/server.js"]));
    assert_eq!(config["Labels"]["org.opencontainers.image.version"], "v1.4.0");
    let env = config["Env"].as_array().unwrap();
    for variable in ["NODE_ENV=production", "LOG_LEVEL=warn", "VERSION=v1.4.0", "PORT=8080"] {
        assert!(env.contains(&Value::from(variable)), "{variable}: {config:#}");
    }

    let test = project.path().join("test/lucid.test.js");
    replace(&test, "'2 hours'", "'3 hours'");
    let refused = build(&project, &["-f", "lucid.yml"]).expect_failure();
    assert!(refused.progress.log().contains("a status has the version"), "{refused}");
}

#[tokio::test]
async fn development_does_what_its_knobs_say() {
    let project = project().await;
    let tag = unique();
    let output = format!("type=image,push=true,name={}", image("lucid/development", &tag));
    let arguments = ["-f", "development.yml", "--provenance=false", "-o", &output];
    let ended = build(&project, &arguments).expect_success();
    assert!(!is_run(&ended, "testing"), "{ended}");
    let config = &config("lucid/development", &tag)["config"];
    assert_eq!(config["Cmd"], json!(["node", "--watch", "--inspect=0.0.0.0:9229", "src/server.js"]));
    let ports: Vec<&String> = config["ExposedPorts"].as_object().unwrap().keys().collect();
    assert_eq!(ports, ["8080/tcp", "9229/tcp"]);
}

#[tokio::test]
async fn bake_builds_all_profiles_and_leaves_reports() {
    let project = project().await;
    let ended = Buildx::new()
        .bake(project.path())
        .args(["--allow", "fs.write=out"])
        .run()
        .expect_success();
    for name in ["base", "build", "runtime", "development", "testing"] {
        assert!(ended.metadata[name].is_object(), "{name}: {ended}");
    }
    let report = |name: &str| fs::read_to_string(project.path().join("out/reports").join(name)).unwrap();
    assert!(report("tests.tap").contains("# pass 3"), "{ended}");
    assert!(report("coverage.txt").ends_with("% of lines are covered, 80% have to be\n"), "{ended}");

    let strict = Buildx::new()
        .bake(project.path())
        .args(["testing", "--allow", "fs.write=out", "--set", "testing.args.COVERAGE_MINIMUM=100"])
        .run()
        .expect_failure();
    assert!(strict.progress.log().contains("% of lines are covered, 100% have to be"), "{strict}");
}

#[tokio::test]
async fn bake_builds_the_services_of_a_compose_file() {
    let project = project().await;
    let tag = unique();
    let ended = Buildx::new()
        .bake(project.path())
        .args(["-f", "compose.yaml", "--provenance=false"])
        .args(["--set".to_owned(), format!("runtime.tags={}", image("lucid/compose", &tag))])
        .args(["--set", "runtime.output=type=image,push=true"])
        .env("VERSION", "v2.0.0")
        .run()
        .expect_success();
    assert!(is_run(&ended, "testing"), "{ended}");
    let config = &config("lucid/compose", &tag)["config"];
    assert_eq!(config["Labels"]["org.opencontainers.image.version"], "v2.0.0", "{config:#}");
}

#[tokio::test]
async fn a_wrong_knob_shows_its_line() {
    let project = project().await;
    let check = |text: &str, arguments: &[&str], expected: &[&str]| {
        fs::write(project.path().join("lucid.yml"), format!("# syntax=lucid/frontend:1\n{text}")).unwrap();
        let ended = build(&project, &[&["-f", "lucid.yml"], arguments].concat()).expect_failure();
        for expected in expected {
            assert!(ended.text.contains(expected), "{expected:?} of {text}: {ended}");
        }
    };
    let right = "BUILD_ENVIRONMENT: production\nVERSION: v1.0.0\n";
    let line = ">>> LOG_LEVEL: LOUD";
    check(&format!("{right}LOG_LEVEL: LOUD\n"), &[], &["lucid.yml:4:12: ", "unknown variant `LOUD`", line]);
    let parallel = format!("{right}PARALLEL_BUILDS: 8\n");
    check(&parallel, &[], &["lucid.yml:4:1: unknown field", ">>> PARALLEL_BUILDS: 8"]);
    // What does not fit together, all at once.
    let several =
        "BUILD_ENVIRONMENT: production\nVERSION: latest\nPORT: 80\nHOT_RELOAD: true\nDEBUG_MODE: true\n";
    let expected = [
        "lucid.yml:3:1: `VERSION`: `latest` is no version: write one as 1.2.3",
        "lucid.yml:4:1: `PORT`: 80 is root's",
        "lucid.yml:5:1: `HOT_RELOAD`: only `BUILD_ENVIRONMENT: development` reloads",
        "lucid.yml:6:1: `DEBUG_MODE`: production has no debugger",
        ">>> VERSION: latest",
        ">>> DEBUG_MODE: true",
    ];
    check(several, &[], &expected);
    // An arg is no line of the file.
    let arg = ["--build-arg", "DEBUG_MODE=true"];
    check(&format!("{right}DEBUG_MODE: false\n"), &arg, &["`DEBUG_MODE`: production has no debugger"]);
    let arg = ["--build-arg", "NODE=16"];
    check(right, &arg, &["parameter `NODE`: 16 is less than 18"]);
}

#[tokio::test]
async fn questions_are_answered_with_the_knobs() {
    let project = project().await;
    let ask = |call: &str| {
        let answer = build(&project, &["-f", "lucid.yml", "--call", call]).expect_success().stdout();
        serde_json::from_str::<Value>(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"))
    };
    let targets = ask("targets,format=json");
    let names: Vec<&str> = targets["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["runtime", "development", "base", "build", "testing", "testing-reports"]);
    assert_eq!(targets["targets"][0]["default"], true, "{targets:#}");

    let outline = ask("outline,format=json");
    let arg = |name: &str| {
        let mut args = outline["args"].as_array().unwrap().iter();
        args.find(|arg| arg["name"] == name)
            .unwrap_or_else(|| panic!("no {name}: {outline:#}"))
    };
    // What the file says, or else the type.
    assert_eq!(arg("VERSION")["value"], "v1.4.0");
    assert_eq!(arg("COVERAGE_ENABLED")["value"], "true");
    assert_eq!(arg("PORT")["value"], "8080");
    assert_eq!(arg("VERSION")["location"]["ranges"][0]["start"]["line"], 3, "{outline:#}");
    assert_eq!(arg("DEBUG_MODE")["description"], "Whether development listens to debuggers, on port 9229.");
}

const GUIDE: &str = include_str!("../../docs/your-own-frontend.md");

/// The texts of the guide in a language, in their order.
fn texts(language: &str) -> Vec<String> {
    let begin = format!("```{language}\n");
    let blocks = GUIDE.split(&begin).skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Makes the image of the guide by the build file that stands in it, and pushes it. Only what its first stage would
/// compile, the example, is here already.
fn push_as_the_guide_does() {
    let compiled = tempfile::tempdir().unwrap();
    let out = compiled.path().join("out");
    fs::create_dir(&out).unwrap();
    frontend_files("service-frontend", &out);
    let [program, recipe, ..] = &*texts("rust,ignore") else { panic!("the guide has no programs") };
    let project = directory(&[("src/main.rs", program), ("stages.rs", recipe)]);
    let program = format!("program={}", compiled.path().display());
    let name = image("team/service", "1");
    let ended = Buildx::new()
        .build(project.path())
        .args(["-f", "stages.rs", "--platform", "linux/amd64", "-t", &*name, "--push", "--provenance=false"])
        .args(["--build-context", &program])
        .run()
        .expect_success();
    let labels = &config("team/service", "1")["config"]["Labels"];
    assert_eq!(labels["moby.buildkit.frontend.network.none"], "true", "{ended}");
}

/// The program of the guide is the example, which the workspace compiles; so is the program of its image.
#[test]
fn the_guide_shows_what_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    for path in ["examples/service/main.rs", "examples/service/stages.rs"] {
        let program = read(path);
        assert!(GUIDE.contains(&format!("```rust,ignore\n{program}```\n")), "the guide has another {path}");
    }
    let lines = read("examples/service/main.rs").lines().count();
    assert!(lines <= 30, "{lines} lines");
}

#[tokio::test]
async fn the_frontend_of_the_guide_builds() {
    push_as_the_guide_does();
    let written = texts("yaml").remove(0);
    let text = written
        .replace("registry.example/", "team/")
        .replace("src/server.js", "hello.js");
    let package = r#"{"scripts": {"test": "node hello.js"}}"#;
    let greeting = unique();
    let hello = format!("console.log('{greeting}')\n");
    let low = text.replace("8080", "80");
    let files: [(&str, &str); 4] =
        [("service.yml", &text), ("package.json", package), ("hello.js", &hello), ("low.yml", &low)];
    let project = directory(&files);
    let ended = build(&project, &["-f", "service.yml"]).expect_success();
    assert!(ended.progress.log().contains(&greeting), "{ended}");
    let refused = build(&project, &["-f", "low.yml"]).expect_failure();
    let expected = "low.yml:4:1: `port`: ports below 1024 are root's: take a higher one";
    assert!(refused.text.contains(expected) && refused.text.contains(">>> port: 80"), "{refused}");
}
