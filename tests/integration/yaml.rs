//! `stages.yaml` from the host: `stagewright build -f stages.yaml`, without docker and without a frontend.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::{directory, example, program, run, stdout, unique};

const STAGES: &str = r#"# syntax=stagewright/stages:1
args:
  word: { default: "SALT", description: What the file says. }
stages:
  made:
    role: builder
    from: busybox:latest
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

fn project() -> TempDir {
    directory(&[("stages.yaml", &STAGES.replace("SALT", &unique()))])
}

/// A command of the binary in a directory.
fn stagewright(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = program("stagewright");
    command.args(arguments).current_dir(directory).env("NO_COLOR", "1");
    command
}

/// Its exit code, and what it told of why it failed.
fn failed(output: &Output) -> (Option<i32>, String) {
    assert!(!output.status.success(), "it succeeded: {output:?}");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_file_of_the_directory_is_built_and_its_args_are_taken() {
    let (project, out) = (project(), tempfile::tempdir().unwrap());
    let output = format!("type=local,dest={}", out.path().display());
    let word = unique();
    let arg = format!("word={word}");
    stdout(&mut stagewright(project.path(), &["build", "--build-arg", &arg, "-o", &output, "."]));
    assert_eq!(fs::read_to_string(out.path().join("word")).unwrap(), format!("{word}\n"));
}

#[test]
fn a_file_of_another_name_and_place_is_told_by_f() {
    let (project, elsewhere) = (project(), tempfile::tempdir().unwrap());
    let file = project.path().join("other.yaml");
    fs::rename(project.path().join("stages.yaml"), &file).unwrap();
    let file = file.to_str().unwrap();
    let targets = stdout(&mut stagewright(elsewhere.path(), &["targets", "-f", file]));
    assert!(String::from_utf8_lossy(&targets).contains("app"), "{targets:?}");
    let help = stdout(&mut stagewright(elsewhere.path(), &["build", "-f", file, "--help"]));
    let help = String::from_utf8(help).unwrap();
    assert!(help.contains("word") && help.contains("What the file says"), "{help}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let (code, text) = failed(&run(&mut stagewright(empty.path(), &["build", "."])));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("there is no `stages.yaml`") && text.contains("-f"), "{text}");
    let (code, text) = failed(&run(&mut stagewright(empty.path(), &["build", "-f", "none.yaml", "."])));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("cannot read none.yaml"), "{text}");
}

#[test]
fn mistakes_are_shown_all_at_once_at_their_lines() {
    let text = STAGES
        .replace("role: builder", "role: bilder")
        .replace("to: /word", "into: /word");
    let project = directory(&[("stages.yaml", &text)]);
    let (code, text) = failed(&run(&mut stagewright(project.path(), &["build", "."])));
    assert_eq!(code, Some(2), "{text}");
    for part in ["stages.yaml:6:", "role: bilder", "`builder`", "stages.yaml:16:", "into: /word", "`to`"] {
        assert!(text.contains(part), "it does not say {part:?}: {text}");
    }
}

#[test]
fn a_step_that_fails_shows_its_lines() {
    let text = STAGES.replace("SALT", &unique()).replace("> /word", "> /word && exit 7");
    let project = directory(&[("stages.yaml", &text)]);
    let (code, text) = failed(&run(&mut stagewright(project.path(), &["build", "--progress", "plain", "."])));
    assert_eq!(code, Some(1), "{text}");
    for part in ["stages.yaml:9", "- run: echo ${word} > /word && exit 7", "7"] {
        assert!(text.contains(part), "it does not say {part:?}: {text}");
    }
}

#[test]
fn the_example_is_the_same_ops_in_yaml_and_in_rust() {
    let project = example("microservices");
    // Each invocation sends its files under an id of its own, and the places are of two files.
    let ops = |mut command: Command, target: &str| -> String {
        let words = ["print", "--format", "text", "--target", target];
        let text = String::from_utf8(stdout(command.args(words).arg(project.path()))).unwrap();
        let lines = text.lines().map(str::trim_start);
        let lines =
            lines.filter(|line| !line.starts_with("written in ") && !line.starts_with("local.unique "));
        lines.map(|line| format!("{line}\n")).collect()
    };
    for target in ["api", "worker", "web", "shared-test", "web-dev"] {
        let yaml = ops(program("stagewright"), target);
        assert!(yaml.contains("RUN npm ci"), "{target}: {yaml}");
        assert_eq!(yaml, ops(program("microservices"), target), "{target}");
    }
}
