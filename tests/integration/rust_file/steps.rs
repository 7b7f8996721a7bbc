//! What runs when, and what comes of it.

use buildkit_llb::Platform;
use stagewright::builder::RustFile;
use stagewright::{BuildOptions, Plan};

use super::{Case, describes, line_of, program};
use crate::support::{build_plan, builder, directory, unique};

const GREETING: &str = r#"    Targets::new().product(b.runtime("app", Scratch).file("/hello", "SALT"))"#;

#[tokio::test]
async fn a_program_is_compiled_once_and_asked_once() {
    let text = program(&GREETING.replace("SALT", &unique()));
    let first = Case::new(&text).ask().await;
    let plan = first.plan();
    assert_eq!(plan.stages[0].name, "app");
    assert_eq!((plan.stages[0].at.file.as_str(), plan.stages[0].at.line), ("stages.rs", 9));
    assert_eq!(plan.platform, None);
    let ran = first.ran();
    assert!(ran.ends_with(&["compile".to_owned(), describes()]), "{ran:?}");

    let again = Case::new(&text).ask().await;
    assert_eq!(again.plan(), first.plan());
    assert_eq!(again.ran(), Vec::<String>::new(), "unchanged");

    // A comment at the end leaves every line where it was, and the binary equal.
    let commented = Case::new(format!("{text}// The end.\n")).ask().await;
    assert_eq!(commented.plan(), first.plan());
    assert_eq!(commented.ran(), ["compile"]);

    let edited = Case::new(text.replace("/hello", "/hallo")).ask().await;
    assert_eq!(edited.ran(), ["compile".to_owned(), describes()]);
    assert_ne!(edited.plan(), first.plan());

    // Its Plan is one like any other.
    build_plan(first.plan(), &BuildOptions::new(".")).await.expect_success();
}

/// The example of a monorepo.
fn microservices() -> &'static str {
    include_str!("../../../examples/microservices/stages.rs")
}

#[tokio::test]
async fn parameters_come_from_outside_and_are_told() {
    let asked = Case::new(microservices())
        .arg("NODE", "20")
        .arg("HTTP_PROXY", "http://proxy")
        .ask()
        .await;
    let base = format!("{:?}", asked.plan().stage("base").unwrap().from);
    assert!(base.contains("node:20-slim"), "{base}");
    let parameters = &asked.answers.as_ref().unwrap()[0].parameters;
    assert_eq!(parameters[0].name, "node");
    assert_eq!(parameters[0].description.as_deref(), Some("Major version of Node."));

    // The program is the same, and a proxy is no parameter.
    let other = Case::new(microservices()).arg("NODE", "20").ask().await;
    assert_eq!(other.ran(), Vec::<String>::new());
    let other = Case::new(microservices()).arg("node", unique().as_str()).ask().await;
    assert_eq!(other.ran(), [describes()]);

    let wrong = Case::new(microservices()).arg("nodes", "20").ask().await.error();
    assert_eq!(wrong.message(), "there is no parameter `nodes`\n  help: did you mean `node`?");
}

/// The Plan that the program makes where Cargo builds it names the same lines, in a file that it calls otherwise.
#[tokio::test]
async fn an_example_says_the_same_as_beside_cargo() {
    let asked = Case::new(microservices()).ask().await;
    let cargo = crate::support::plan_of("microservices").to_json();
    let cargo = cargo.replace("examples/microservices/stages.rs", "stages.rs");
    assert_eq!(asked.plan(), &Plan::from_json(&cargo).unwrap());
    let line = u32::try_from(line_of(microservices(), "b.base(\"base\"")).unwrap();
    assert_eq!(asked.plan().stage("base").unwrap().at.line, line);
}

#[tokio::test]
async fn a_program_that_asks_for_the_platform_is_asked_for_each() {
    let text = program(
        r#"    let platform = b.platform().to_string();
    Targets::new().product(b.runtime("app", Scratch).env("FOR", platform))"#,
    );
    let mut case = Case::new(text);
    case.platforms = vec![Platform::new("linux", "amd64"), Platform::new("linux", "arm64")];
    let answers = case.ask().await.answers.unwrap();
    let platforms: Vec<_> = answers.iter().map(|answer| answer.plan.platform.as_deref()).collect();
    assert_eq!(platforms, [Some("linux/amd64"), Some("linux/arm64")]);

    case.text = program(GREETING);
    assert_eq!(case.ask().await.answers.unwrap().len(), 1, "it serves all");
}

#[tokio::test]
async fn a_file_on_this_machine_is_described_without_cargo() {
    let text = program(GREETING).replacen('\n', "\n// files=*.txt\n", 1);
    let directory = directory(&[("stages.rs", &text), ("a.txt", "")]);
    let file = RustFile::new(directory.path().join("stages.rs"));
    let builder = builder().await;
    let plans = builder.describe_file(&file, &[], &[builder.platform()], drop).await.unwrap();
    assert_eq!(plans.answers.len(), 1);
    assert_eq!(plans.sources["stages.rs"], text);
    build_plan(&plans.answers[0].plan, &BuildOptions::new("."))
        .await
        .expect_success();
}
