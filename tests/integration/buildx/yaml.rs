//! `stages.yaml` by its first line: the stock frontend, as docker's user meets it.

use stagewright_tests::{Buildx, Environment};

use super::make;
use crate::support::{directory, unique};

const STAGES: &str = r#"# syntax=stagewright/stages:1
args:
  word: "SALT"
stages:
  made:
    role: builder
    from: busybox:latest
    steps:
      - run: echo ${word} > /word
  unit:
    role: tester
    from: made
    steps:
      - run: grep -q "" /word && echo tested > /report
    reports: report
  app:
    role: runtime
    from: scratch
    steps:
      - copy: /word
        from: made
        to: /word
"#;

#[test]
fn the_default_target_is_built_and_the_second_time_cached() {
    let project = directory(&[("stages.yaml", &STAGES.replace("SALT", &unique()))]);
    let word = unique();
    let arg = format!("word={word}");
    let first = make(&project, &["--build-arg", &arg]);
    let [ran] = first.ended.ran()[..] else { panic!("{}", first.ended) };
    assert!(ran.contains(&format!("RUN echo {word}")), "{}", first.ended);
    assert_eq!(first.read("word"), format!("{word}\n"));
    let second = make(&project, &["--build-arg", &arg]).ended;
    assert!(second.ran().is_empty() && second.is_cached("] RUN echo"), "{second}");
}

#[test]
fn an_arg_that_is_not_given_has_its_default() {
    let word = unique();
    let project = directory(&[("stages.yaml", &STAGES.replace("SALT", &word))]);
    assert_eq!(make(&project, &[]).read("word"), format!("{word}\n"));
}

#[test]
fn reports_come_out_of_a_tester_that_failed() {
    let text = STAGES
        .replace("SALT", &unique())
        .replace("echo tested > /report", "echo tested > /report && exit 4");
    let project = directory(&[("stages.yaml", &text)]);
    assert_eq!(make(&project, &["--target", "unit-reports"]).read("report"), "tested\n");
}

#[test]
fn another_target_is_built_by_its_name() {
    let project = directory(&[("stages.yaml", &STAGES.replace("SALT", &unique()))]);
    let unit = make(&project, &["--target", "unit"]);
    assert_eq!(unit.read("report"), "tested\n");
    assert_eq!(unit.ended.ran().len(), 2, "{}", unit.ended);
}

#[test]
fn buildx_by_itself_builds_it() {
    let project = directory(&[("stages.yaml", &STAGES.replace("SALT", &unique()))]);
    let buildx = Buildx::standalone();
    let ended = buildx.build(project.path()).args(["-f", "stages.yaml"]).run().expect_success();
    assert_eq!(ended.ran().len(), 1, "{ended}");
}

#[test]
fn the_frontend_is_named_by_the_registrys_own_address() {
    let registry = Environment::get().registry;
    let own = format!("{}/stagewright/stages:1", registry.address());
    let word = unique();
    let text = STAGES.replace("stagewright/stages:1", &own).replace("SALT", &word);
    let project = directory(&[("stages.yaml", &text)]);
    let made = make(&project, &[]);
    assert_eq!(made.read("word"), format!("{word}\n"));
    assert!(made.ended.progress.named(&own).next().is_some(), "{}", made.ended);
}
