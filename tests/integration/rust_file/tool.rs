//! `stagewright build -f stages.rs` and its like: the same as a program that Cargo has compiled.

use std::fs;
use std::path::Path;
use std::process::Command;

use stagewright::Plan;

use super::program as text_of;
use crate::support::{directory, example, plan_of, program, run, stdout};

/// The tool, told to do this in a project.
fn tool(project: &Path, words: &[&str]) -> Command {
    let mut tool = program("stagewright");
    tool.current_dir(project).args(words);
    tool
}

#[test]
fn an_example_is_the_same_as_the_program_that_cargo_compiles() {
    let project = example("microservices");
    let plan = stdout(&mut tool(project.path(), &["plan", "-f", "stages.rs"]));
    let cargo = plan_of("microservices").to_json();
    let cargo = cargo.replace("examples/microservices/stages.rs", "stages.rs");
    assert_eq!(Plan::from_json(&String::from_utf8(plan).unwrap()).unwrap(), Plan::from_json(&cargo).unwrap());

    let targets = stdout(&mut tool(project.path(), &["targets", "-f", "stages.rs"]));
    assert_eq!(targets, stdout(program("microservices").arg("targets")));

    // With a context that is the same for both: a directory is another one each time.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let print = |command: &mut Command| {
        let words = ["print", "--target", "web", "--format", "json", "docker-image://busybox:latest"];
        let json = String::from_utf8(stdout(command.args(words))).unwrap();
        json.replace("examples/microservices/stages.rs", "stages.rs")
    };
    let own = print(program("stagewright").current_dir(project.path()).env("NO_COLOR", "1"));
    assert!(own.contains("sha256:"), "{own}");
    assert_eq!(own, print(program("microservices").current_dir(root)));
}

#[test]
fn the_reports_of_a_tester_are_exported() {
    let text = text_of(
        "    let unit = b.base(\"base\", \"busybox\").tester(\"unit\").run(\"mkdir /reports && echo good >/reports/unit\");
    Targets::new().target(unit.report(\"/reports\"))",
    );
    let project = directory(&[("stages.rs", &text)]);
    let words = ["build", "-f", "stages.rs", "--target", "unit", "-o", "out", "."];
    stdout(&mut tool(project.path(), &words));
    let report = project.path().join("out/unit");
    assert_eq!(fs::read_to_string(report).unwrap(), "good\n");
    let output = run(&mut tool(project.path(), &[&words[..5], &["-o", "type=oci,dest=x.tar", "."]].concat()));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("target `unit` is a tester: it passes or fails, and there is nothing to export"),
        "{told}"
    );
}

#[test]
fn a_context_may_be_for_one_platform() {
    let text = text_of(
        "    let image = b.runtime(\"app\", Scratch).copy(b.context_named(\"words\").all(), \"/\");
    Targets::new().product(image)",
    );
    let project = directory(&[("stages.rs", &text), ("arm/word", "arm"), ("all/word", "all")]);
    let words = ["build", "-f", "stages.rs", "--platform", "linux/amd64,linux/arm64", "-o", "out"];
    let contexts = ["--context", "words::linux/arm64=arm", "--context", "words=all", "."];
    stdout(&mut tool(project.path(), &[&words[..], &contexts].concat()));
    for (platform, expected) in [("linux_amd64", "all"), ("linux_arm64", "arm")] {
        let word = project.path().join("out").join(platform).join("word");
        assert_eq!(fs::read_to_string(word).unwrap(), expected);
    }
    let wrong = ["build", "-f", "stages.rs", "--context", "words::arm=arm", "."];
    let told = run(&mut tool(project.path(), &wrong));
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.contains("context `words::arm`: platform \"arm\""), "{told}");
}

/// The platform of this machine is not among those that are built for: nobody asks for it.
#[test]
fn a_program_is_asked_for_the_platforms_of_the_build_alone() {
    let text = text_of(
        "    if b.platform().to_string() != \"linux/riscv64\" {
        b.problem(format!(\"not for {}\", b.platform()));
    }
    Targets::new().product(b.runtime(\"app\", Scratch).file(\"/x\", \"x\"))",
    );
    let project = directory(&[("stages.rs", &text)]);
    stdout(&mut tool(project.path(), &["build", "-f", "stages.rs", "--platform", "linux/riscv64", "."]));
    let told = run(&mut tool(project.path(), &["build", "-f", "stages.rs", "."]));
    assert!(String::from_utf8_lossy(&told.stderr).contains("not for linux/"), "{told:?}");
}
