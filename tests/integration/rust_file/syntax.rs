//! `// syntax=stagewright/rust:1`: a build program served in the daemon, as docker's user meets it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use stagewright_tests::buildx::Ended;
use stagewright_tests::{Buildx, signal};

use super::errors::endless;
use super::{describes, line_of, program, runs};
use crate::support::{directory, eventually, example, replace, unique};

/// A target of the project's `stages.rs`.
fn build(project: &Path, arguments: &[&str]) -> Ended {
    Buildx::new()
        .build(project)
        .args(["-f", "stages.rs"])
        .args(arguments.iter().copied())
        .run()
}

/// The steps that made the Plan and ran, without that of all programs, which may have run before.
fn of_program(ended: &Ended) -> Vec<&str> {
    let names = ended.progress.vertices().filter(|vertex| vertex.ran());
    let names = names.filter_map(|vertex| vertex.name.strip_prefix("[stages.rs] "));
    names
        .filter(|name| *name == "compile" || name.starts_with("describe"))
        .collect()
}

/// The steps of the build itself that ran.
fn of_build(ended: &Ended) -> Vec<&str> {
    let ran = ended.ran().into_iter();
    ran.filter(|name| !name.starts_with("[stages.rs] ")).collect()
}

#[test]
fn an_example_is_built_and_only_what_changed_runs_again() {
    let project = example("microservices");
    let program = project.path().join("stages.rs");
    let salt = unique();
    fs::write(&program, fs::read_to_string(&program).unwrap() + &format!("// {salt}\n")).unwrap();

    let first = build(project.path(), &["--target", "web"]).expect_success();
    assert_eq!(of_program(&first)[0], "compile", "{first}");

    let unchanged = build(project.path(), &["--target", "web"]).expect_success();
    assert!(unchanged.ran().is_empty() && of_program(&unchanged).is_empty(), "{unchanged}");

    // The base of all images is another one: but the program is the same.
    let arg = ["--target", "shared-test", "--build-arg", "NODE=18"];
    let parameter = build(project.path(), &arg).expect_success();
    assert!(!of_program(&parameter).contains(&"compile"), "{parameter}");
    assert!(of_build(&parameter).is_empty(), "{parameter}");

    let edited = format!("npm run build --workspace=@demo/shared && echo {salt}");
    replace(&program, "npm run build --workspace=@demo/shared", &edited);
    let line = build(project.path(), &["--target", "shared-test"]).expect_success();
    assert_eq!(of_program(&line), ["compile", &*describes()], "{line}");
    let ran = of_build(&line);
    assert!(ran.iter().all(|name| name.starts_with("[shared")), "{line}");
    assert!(ran.iter().any(|name| name.contains(&salt)), "{line}");
}

/// The lines that docker's output marks, by the numbers that it gives them.
fn marked(ended: &Ended) -> Vec<i32> {
    let marked = ended.text.lines().filter_map(|line| line.split_once(" | >>> "));
    marked.map(|(number, _)| number.trim().parse().unwrap()).collect()
}

fn failed(text: &str) -> Ended {
    build(directory(&[("stages.rs", text)]).path(), &[]).expect_failure()
}

#[test]
fn what_is_wrong_is_shown_at_its_line() {
    let cases = [
        (
            "    let number: u32 = \"one\";\n    Targets::new().product(b.runtime(format!(\"a{number}\"), Scratch))",
            "\"one\"",
            "stages.rs does not compile: 1 error\n\nerror[E0308]: mismatched types",
        ),
        (
            "    let made = b.builder(\"build\", \"debian:bookworm-slim\");\n    Targets::new().product(made.runtime(\"app\"))",
            "made.runtime",
            "a runtime image starts from an image, a base or another runtime",
        ),
        (
            "    let none: Option<&str> = None;\n    Targets::new().product(b.runtime(none.expect(\"a name\"), Scratch))",
            "none.expect",
            "stages.rs panicked at stages.rs:10:43: a name",
        ),
        (
            "    b.problem(\"nobody wants this\");\n    Targets::new().product(b.runtime(\"app\", Scratch))",
            "b.problem",
            "nobody wants this",
        ),
        (
            "    let made = b.builder(\"made\", \"busybox\").run(\"exit 7\");\n    Targets::new().product(b.runtime(\"app\", Scratch).copy(made.artifact(\"/x\"), \"/\"))",
            "exit 7",
            "did not complete successfully: exit code: 7",
        ),
    ];
    for (body, at, expected) in cases {
        let text = program(body);
        let ended = failed(&text);
        assert!(ended.text.contains(expected), "{expected}\n{ended}");
        assert_eq!(marked(&ended), [line_of(&text, at)], "{ended}");
    }
}

#[test]
fn an_error_of_the_function_is_shown() {
    let text = program("    let _ = b;\n    Err(\"not today\".to_owned())");
    let ended = failed(&text.replace("-> Targets", "-> Result<Targets, String>"));
    assert!(ended.text.contains("the build function failed: not today"), "{ended}");
    // It is nowhere: not in the first line, which brought the frontend.
    assert_eq!(marked(&ended), Vec::<i32>::new(), "{ended}");
}

#[tokio::test]
async fn an_endless_program_ends_with_docker() {
    let project = directory(&[("stages.rs", &endless())]);
    let salt = unique();
    let arg = format!("_salt={salt}");
    let buildx = Buildx::new();
    let mut command = buildx
        .build(project.path())
        .args(["-f", "stages.rs", "--build-arg", &*arg])
        .command();
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    eventually("the program runs", Duration::from_secs(300), || runs(&salt)).await;
    signal(child.id(), "-INT");
    eventually("the program is gone", Duration::from_secs(10), || !runs(&salt)).await;
    assert!(!child.wait().unwrap().success());
    // The daemon goes on.
    let text = program("    Targets::new().product(b.runtime(\"app\", Scratch).file(\"/x\", \"x\"))");
    let _ = build(directory(&[("stages.rs", &text)]).path(), &[]).expect_success();
}

#[test]
fn it_is_asked_and_built_for_several_platforms() {
    let text = program(
        "    let platform = b.platform().to_string();
    Targets::new().product(b.runtime(\"app\", Scratch).file(\"/for\", platform))",
    );
    let project = directory(&[("stages.rs", &text)]);
    let out = tempfile::tempdir().unwrap();
    let output = format!("type=local,dest={}", out.path().display());
    let arguments = ["--platform", "linux/amd64,linux/arm64", "--output", &*output];
    let _ = build(project.path(), &arguments).expect_success();
    for (directory, expected) in [("linux_amd64", "linux/amd64"), ("linux_arm64", "linux/arm64")] {
        assert_eq!(fs::read_to_string(out.path().join(directory).join("for")).unwrap(), expected);
    }
}

#[test]
fn its_targets_and_parameters_are_told() {
    let project = example("microservices");
    let told = |call: &str, arguments: &[&str]| -> Value {
        let call = format!("{call},format=json");
        let arguments: Vec<&str> = ["--call", &call].into_iter().chain(arguments.iter().copied()).collect();
        serde_json::from_slice(&build(project.path(), &arguments).expect_success().stdout).unwrap()
    };
    let targets = told("targets", &[]);
    let names: Vec<_> = targets["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].clone())
        .collect();
    assert!(["api", "worker", "web"].iter().all(|name| names.contains(&Value::from(*name))), "{targets:#}");
    let outline = told("outline", &["--target", "web"]);
    assert_eq!(outline["name"], "web", "{outline:#}");
    assert_eq!(outline["args"][0]["name"], "node", "{outline:#}");
    assert_eq!(outline["args"][0]["description"], "Major version of Node.", "{outline:#}");

    // The program that makes the frontends' own images.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = root.join("frontends/stages.rs");
    let ended = Buildx::new()
        .build(directory(&[("stages.rs", &fs::read_to_string(file).unwrap())]).path())
        .args(["-f", "stages.rs", "--call", "targets"])
        .run()
        .expect_success();
    assert!(ended.stdout().contains("rust"), "{ended}");
}
