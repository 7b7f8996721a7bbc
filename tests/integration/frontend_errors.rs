//! What is wrong with a `stages.yaml`, at its lines, as docker's user is shown it.

use stagewright_tests::buildx::{Buildx, Ended};

use crate::support::{directory, unique};

const STAGES: &str = "# syntax=stagewright/stages:1
args:
  level: { values: [low, high], default: low }
  jobs: { type: int, default: 4 }
stages:
  app:
    role: runtime
    from: busybox:latest
    steps:
      - copy: stages.yaml
        to: /srv/
      - run: echo SALT ${level} ${jobs}
      - run: test -e /srv/stages.yaml
";

/// What `docker buildx build -f stages.yaml` shows in a log; it fails.
fn refused(text: &str, arguments: &[&str]) -> Ended {
    let project = directory(&[("stages.yaml", &text.replace("SALT", &unique()))]);
    let build = Buildx::new();
    let build = build
        .build(project.path())
        .args(["-f", "stages.yaml"])
        .args(arguments.iter().copied());
    build.plain().run().expect_failure()
}

/// Checks that these lines are marked, each with this text, and that these texts are shown.
#[track_caller]
fn check(ended: &Ended, marked: &[(u32, &str)], texts: &[&str]) {
    for (line, text) in marked {
        assert!(ended.text.contains(&format!("stages.yaml:{line}\n")), "no header of line {line}\n{ended}");
        let found = ended.text.lines().any(|shown| {
            let marked = shown.trim_start().strip_prefix(&format!("{line} | >>>"));
            marked.is_some_and(|rest| rest.contains(text))
        });
        assert!(found, "line {line} is not marked with {text:?}\n{ended}");
    }
    let count = ended.text.lines().filter(|line| line.contains(" | >>>")).count();
    assert_eq!(count, marked.len(), "marked lines\n{ended}");
    for text in texts {
        assert!(ended.text.contains(text), "{text:?} is not shown\n{ended}");
    }
}

#[test]
fn a_command_that_fails_is_marked() {
    let text = STAGES.replace("test -e /srv/stages.yaml", "echo says it; exit 3");
    check(&refused(&text, &[]), &[(13, "- run: echo says it; exit 3")], &["says it", "exit code: 3"]);
}

#[test]
fn a_command_of_a_large_file_is_marked() {
    let padding = format!("# {}\n", "x".repeat(98)).repeat(11_000);
    let text = STAGES.replace("      - run: test", &format!("{padding}      - run: test"));
    let text = text.replace("test -e /srv/stages.yaml", "exit 7");
    check(&refused(&text, &[]), &[(11_013, "- run: exit 7")], &["exit code: 7"]);
}

#[test]
fn a_file_that_is_not_there_is_marked() {
    let text = STAGES.replace("copy: stages.yaml", "copy: missing.txt");
    check(&refused(&text, &[]), &[(10, "- copy: missing.txt")], &["\"/missing.txt\": not found"]);
}

#[test]
fn a_key_that_does_not_exist_is_marked() {
    let text = STAGES.replace("    from: busybox:latest\n", "    from: busybox\n    entrypont: [sh]\n");
    check(
        &refused(&text, &[]),
        &[(9, "entrypont: [sh]")],
        &["stages.yaml:9:5: ", "`entrypont`", "`entrypoint`"],
    );
}

#[test]
fn an_arg_that_cannot_be_is_told_with_what_could() {
    let arg = |arg: &str, texts: &[&str], marked: &[(u32, &str)]| {
        check(&refused(STAGES, &["--build-arg", arg]), marked, texts);
    };
    arg("level=middle", &["`level`", "`middle`", "low", "high"], &[(3, "level: ")]);
    arg("jobs=many", &["`jobs`", "`many`"], &[(4, "jobs: ")]);
    arg("lvel=low", &["`lvel`", "`level`"], &[(1, "# syntax=")]);
}

#[test]
fn all_problems_come_at_once() {
    let text = STAGES
        .replace("role: runtime", "role: runtme")
        .replace("to: /srv/", "two: /srv/")
        .replace("${jobs}", "${jbos}");
    let marked = [(7, "role: runtme"), (10, "copy: stages.yaml"), (11, "two: /srv/"), (12, "${jbos}")];
    let texts = ["stages.yaml:7:", "`runtime`", "stages.yaml:11:", "`two`", "stages.yaml:12:", "`jobs`"];
    check(&refused(&text, &[]), &marked, &texts);
}
