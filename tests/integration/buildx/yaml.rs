//! `stages.yaml` by its first line: the stock frontend, as docker's user meets it.

use stagewright_tests::Buildx;

use crate::support::{directory, unique};

const STAGES: &str = r#"# syntax=stagewright/stages:1
args:
  word: "SALT"
stages:
  made:
    role: builder
    from: busybox
    steps:
      - run: echo ${word} > /word
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
    let out = tempfile::tempdir().unwrap();
    let output = format!("type=local,dest={}", out.path().display());
    let buildx = Buildx::new();
    let build = |word: &str| {
        let args = ["-f", "stages.yaml", "--build-arg", &format!("word={word}"), "--output", &output];
        buildx.build(project.path()).args(args).run().expect_success()
    };
    let word = unique();
    let first = build(&word);
    assert_eq!(first.ran().len(), 1, "{first}");
    assert_eq!(std::fs::read_to_string(out.path().join("word")).unwrap(), format!("{word}\n"));
    let second = build(&word);
    assert!(second.ran().is_empty() && second.is_cached("] RUN echo"), "{second}");
}
