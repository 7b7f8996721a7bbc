//! A frontend of one's own behind `# syntax=`, as docker buildx asks for it.

use serde_json::Value;
use stagewright_tests::buildx::{Buildx, Ended};
use tempfile::TempDir;

use super::image::frontend_image;
use crate::support::{directory, unique};

/// A project whose `service.yml` names the frontend in its first line.
async fn project(text: &str) -> TempDir {
    let image = frontend_image("service").await;
    directory(&[("service.yml", &format!("# syntax={image}\n{text}"))])
}

/// `docker buildx build -f service.yml` with these arguments.
async fn build(text: &str, arguments: &[&str]) -> Ended {
    let project = project(text).await;
    Buildx::new()
        .build(project.path())
        .args(["-f", "service.yml"])
        .args(arguments.iter().copied())
        .run()
}

#[tokio::test]
async fn a_file_of_a_type_of_ones_own_is_built() {
    let out = directory(&[]);
    let dest = format!("type=local,dest={}", out.path().display());
    let text = "greeting: hello\ncommands: [\"echo $PLATFORM > platform\"]\ntested: true\n";
    let ended = build(text, &["--platform", "linux/amd64", "--output", &dest])
        .await
        .expect_success();
    let read = |path: &str| std::fs::read_to_string(out.path().join(path)).unwrap();
    assert_eq!(read("srv/greeting"), "hello", "{ended}");
    let arg = ["--build-arg", "greeting=goodbye", "--output", &dest];
    let ended = build("greeting: hello\n", &arg).await.expect_success();
    assert_eq!(read("srv/greeting"), "goodbye", "{ended}");
}

#[tokio::test]
async fn mistakes_show_their_line() {
    let check = async |text: &str, arguments: &[&str], expected: &[&str]| {
        let ended = build(text, arguments).await.expect_failure();
        for expected in expected {
            assert!(ended.text.contains(expected), "{expected}: {ended}");
        }
    };
    let unknown = "greeting: hello\ncolour: red\n";
    check(unknown, &[], &["service.yml:3:1: ", "unknown field `colour`", ">>> colour: red"]).await;
    check("greeting: [", &[], &["service.yml:"]).await;
    check("greeting: hello\ntested: maybe\n", &[], &["service.yml:3:9: ", ">>> tested: maybe"]).await;
    let arg = ["--build-arg", "greting=x"];
    check("greeting: hello\n", &arg, &["there is no parameter `greting`", "did you mean `greeting`?"]).await;
    check(
        "greeting: hello\n",
        &["--target", "ap"],
        &["there is no target `ap` for linux/amd64; the targets are app, unit"],
    )
    .await;
}

#[tokio::test]
async fn a_step_that_fails_is_told_as_it_is() {
    let text = format!("greeting: hello\ncommands: [\"echo {}; exit 7\"]\n", unique());
    let ended = build(&text, &[]).await.expect_failure();
    assert!(ended.text.contains("exit code: 7"), "{ended}");
}

#[tokio::test]
async fn other_questions_are_answered() {
    let text = "greeting: hello\ntested: true\n";
    let ask = async |arguments: &[&str]| build(text, arguments).await.expect_success();
    let targets = ask(&["--call", "targets"]).await.stdout();
    assert!(targets.contains("app (default)") && targets.contains("unit"), "{targets}");
    let outline = ask(&["--call", "outline,format=json"]).await.stdout();
    let outline: Value = serde_json::from_str(&outline).unwrap();
    assert_eq!(outline["name"], "app");
    let args = outline["args"].as_array().unwrap();
    let greeting = args.iter().find(|arg| arg["name"] == "greeting").unwrap();
    assert_eq!(greeting["description"], "What the image says.");
    assert_eq!(outline["secrets"][0]["name"], "token");
    let described = ask(&["--call", "subrequests.describe"]).await.stdout();
    assert!(described.contains("outline") && described.contains("targets"), "{described}");
    let checked = ask(&["--check"]).await;
    assert!(checked.stdout().contains("no warnings found"), "{checked}");
    let wrong = build("greeting: 1\ncolour: red\n", &["--check"]).await.expect_failure();
    assert!(wrong.text.contains("unknown field `colour`"), "{wrong}");
    let lacking = build("tested: true\n", &["--check"]).await.expect_failure();
    assert!(lacking.text.contains("missing field `greeting`"), "{lacking}");
    let arg = ["--check", "--build-arg", "greeting=hello"];
    let _ = build("tested: true\n", &arg).await.expect_success();
}

#[tokio::test]
async fn a_syntax_line_that_does_nothing_is_warned_of() {
    let ended = build("greeting: hello\n# syntax=other/image\n", &[]).await.expect_success();
    let warned = ended
        .progress
        .warnings
        .iter()
        .any(|warning| warning.short.contains("does nothing"));
    assert!(warned, "{ended}");
}
