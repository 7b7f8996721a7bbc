//! Why a build failed.

use std::fmt::Write as _;

use annotate_snippets::{Group, Level, Origin};
use buildkit_gateway::GatewayError;
use buildkit_gateway::errdefs::{Range, Source};
use stagewright_plan::lower::VERDICT_OF;

use super::Style;
use super::source::{Mark, excerpt};
use crate::progress::{State, Step, safe_name, safe_text, without_colours};

/// What a log stands between.
const RULE: &str = "------";

/// What to look at when a step copies what is not there.
const ABSENT: &str =
    "the path is not in the context, or its .dockerignore leaves it out; or the stage has not made it";

/// What to do when a registry refuses.
const DENIED: &str = "if the image's name is right, log in to its registry with `docker login REGISTRY`";

/// A target that was not built, and the daemon's error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure<'a> {
    /// The target.
    pub(crate) target: &'a str,
    /// The testers that gate it.
    pub(crate) gates: &'a [String],
    /// Why.
    pub(crate) error: &'a GatewayError,
}

/// All failures, each once: what fails several targets is told with all their names.
///
/// A failing step is shown by the end of its output, its exit code, and the lines of the program that describe it.
pub(crate) fn failures(failures: &[Failure<'_>], state: &State, style: Style) -> String {
    let mut written: Vec<String> = Vec::new();
    for (index, failure) in failures.iter().enumerate() {
        if !failures[..index].iter().any(|earlier| is_same(earlier, failure)) {
            let targets: Vec<&str> = failures
                .iter()
                .filter(|other| is_same(other, failure))
                .map(|other| other.target)
                .collect();
            written.push(one(failure, &targets, state, style));
        }
    }
    written.join("\n")
}

fn one(failure: &Failure<'_>, targets: &[&str], state: &State, style: Style) -> String {
    let Failure { target, gates, error } = failure;
    let failed = match error.vertex() {
        Some(digest) => state.step(target, &digest),
        None => state.failed(target),
    };
    // A verdict stands for the step that it is of, whose output may be that of an earlier build.
    let judged = error
        .solve()
        .and_then(|solve| state.step(target, solve.description.get(VERDICT_OF)?));
    let step = judged.or(failed);
    let shown = [judged, failed].into_iter().flatten().map(|step| output(step, style));
    let mut out = shown.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let mut group = Group::with_title(Level::ERROR.primary_title(title(targets, gates, step, error)));
    for source in error.sources() {
        group = lines(group, &source);
    }
    if step.is_some() {
        group = group.element(Level::NOTE.message(message(error)));
    }
    if is_absent(error) {
        group = group.element(Level::HELP.message(ABSENT));
    }
    if is_denied(error) {
        group = group.element(Level::HELP.message(DENIED));
    }
    out.push_str(&style.renderer().render(&[group]));
    out.push('\n');
    out
}

/// Two targets fail alike if the same vertex fails them, with the same words.
fn is_same(one: &Failure<'_>, other: &Failure<'_>) -> bool {
    one.error.message() == other.error.message() && one.error.vertex() == other.error.vertex()
}

/// Whether a step copies what is not there (BuildKit v0.34 `cache/contenthash`).
fn is_absent(error: &GatewayError) -> bool {
    error.message().contains("failed to calculate checksum of ref") && error.message().ends_with("not found")
}

/// Whether a registry wants to know who one is, or knows and refuses (containerd v2 `core/remotes/docker`).
fn is_denied(error: &GatewayError) -> bool {
    let said = [
        "insufficient_scope",
        "authorization failed",
        "failed to authorize",
        "401 Unauthorized",
        "403 Forbidden",
    ];
    // What a step itself says is not about the registry.
    error.exit_code().is_none() && said.iter().any(|words| error.message().contains(words))
}

fn title(targets: &[&str], gates: &[String], step: Option<&Step>, error: &GatewayError) -> String {
    let targets: Vec<String> = targets.iter().map(|target| format!("`{}`", safe_name(target))).collect();
    let targets = targets.join(", ");
    let gate = step.and_then(|step| gates.iter().find(|gate| is_of_stage(step.name(), gate)));
    match (step, error.exit_code(), gate) {
        (Some(step), Some(code), Some(gate)) => {
            format!("{targets} refused by gate `{}`, exit code {code}: {}", safe_name(gate), step.name())
        }
        (Some(step), Some(code), None) => format!("{targets} failed with exit code {code}: {}", step.name()),
        (Some(step), None, _) => format!("{targets} failed: {}", step.name()),
        (None, ..) => format!("{targets} failed: {}", message(error)),
    }
}

/// Whether a step is one of a stage: its name stands in brackets, as `[unit 1/2] …`, `[linux/amd64 unit 1/2] …` or
/// `[linux/amd64->386 unit 1/2] …`. No stage has a slash in its name.
fn is_of_stage(step: &str, stage: &str) -> bool {
    let head = step.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    head.is_some_and(|(head, _)| head.split(' ').any(|word| word == stage))
}

fn message(error: &GatewayError) -> String {
    match error.message() {
        "" => format!("the daemon answered {:?} and did not say why", error.code()),
        message => safe_text(message),
    }
}

/// The end of a step's output between rules, under its name.
fn output(step: &Step, style: Style) -> String {
    let tail = step.tail();
    if tail.is_empty() {
        return String::new();
    }
    // Writing to a string does not fail.
    let mut out = String::new();
    let _ = writeln!(out, "> {}\n{RULE}", step.name());
    for line in &tail {
        match style.colours {
            true => out.push_str(line),
            false => out.push_str(&without_colours(line)),
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{RULE}");
    out
}

/// Adds the lines of a source, or where they are if its text does not have them.
fn lines<'a>(group: Group<'a>, source: &Source) -> Group<'a> {
    let marks: Vec<Mark> = source.ranges.iter().filter_map(mark).collect();
    let file = &source.info.filename;
    match excerpt(file, &String::from_utf8_lossy(&source.info.data), &marks) {
        Some(snippet) => group.element(snippet),
        None => {
            let origin = Origin::path(safe_name(file));
            match marks.first() {
                Some(first) => group.element(origin.line(first.line).char_column(first.column)),
                None => group.element(origin),
            }
        }
    }
}

/// A mark, if the range has a line. The wire counts characters from zero.
fn mark(range: &Range) -> Option<Mark> {
    let line = usize::try_from(range.start.line).ok().filter(|line| *line > 0)?;
    let column = |character: i32| usize::try_from(character).unwrap_or_default() + 1;
    let end = usize::try_from(range.end.line).ok().filter(|end| *end >= line);
    Some(Mark {
        line,
        column: column(range.start.character),
        end: end.map(|end| (end, column(range.end.character))),
        label: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use buildkit_gateway::errdefs::{Position, SourceInfo};
    use expect_test::{Expect, expect};
    use prost::Message as _;
    use tonic::{Code, Status};

    use super::*;
    use crate::progress::State;
    use crate::progress::told::{failed, log, update, vertex};

    const STAGES: &str = r#"use stagewright::prelude::*;

fn build(b: &Build) -> Targets {
    let base = b.base("base", "node:18-slim");
    let unit = base
        .tester("unit")
        .run("npm ci")
        .run("npm test")
        .report("/app/reports");
    Targets::new().target(unit)
}
"#;

    fn source(line: i32, character: i32, end: Position) -> Source {
        let info = SourceInfo {
            filename: "stages.rs".to_owned(),
            data: STAGES.as_bytes().to_vec(),
            language: "Rust".to_owned(),
        };
        Source { info, ranges: vec![Range { start: Position { line, character }, end }] }
    }

    /// The daemon's error for a process that failed.
    fn exited(digest: &str, code: u32) -> GatewayError {
        exited_with(
            "process \"/bin/sh -c npm test\" did not complete successfully: exit code: 1",
            digest,
            code,
        )
    }

    fn exited_with(message: &str, digest: &str, code: u32) -> GatewayError {
        let any = |name: &str, json: String| prost_types::Any {
            type_url: format!("github.com/moby/buildkit/{name}"),
            value: json.into_bytes(),
        };
        let details = vec![
            any("errdefs.Vertex+json", format!(r#"{{"digest":"{digest}"}}"#)),
            any("gatewayapi.ExitMessage+json", format!(r#"{{"Code":{code}}}"#)),
        ];
        let mut status = GatewayError::new(message).to_rpc();
        status.details = details;
        Status::with_details(Code::Unknown, message, status.encode_to_vec().into()).into()
    }

    fn state() -> State {
        let told = update(
            &[vertex("aa", "[unit 2/2] RUN npm test", failed(1, "exit code: 1"))],
            &[log("aa", 2, b"1..2\n\x1b[31mnot ok 1 - adds\x1b[0m\nok 2")],
        );
        let mut state = State::default();
        for target in ["api", "web"] {
            let _ = state.apply(Duration::ZERO, target, &told);
        }
        state
    }

    fn check(given: &[(&str, &GatewayError)], expected: &Expect) {
        let given: Vec<Failure<'_>> = given
            .iter()
            .map(|&(target, error)| Failure { target, gates: &[], error })
            .collect();
        expected.assert_eq(&failures(&given, &state(), Style { colours: false, width: 100 }));
    }

    #[test]
    fn a_failing_step_of_two_targets() {
        let error = exited("aa", 1).with_source(&source(8, 9, Position::default()));
        check(
            &[("api", &error), ("web", &error)],
            &expect![[r#"
            > [unit 2/2] RUN npm test
            ------
            1..2
            not ok 1 - adds
            ok 2
            ------
            error: `api`, `web` failed with exit code 1: [unit 2/2] RUN npm test
              --> stages.rs:8:10
               |
             6 |         .tester("unit")
             7 |         .run("npm ci")
             8 |         .run("npm test")
               |          ^^^^^^^^^^^^^^^
             9 |         .report("/app/reports");
            10 |     Targets::new().target(unit)
               |
               = note: process "/bin/sh -c npm test" did not complete successfully: exit code: 1
        "#]],
        );
    }

    #[test]
    fn a_gate_and_a_path_that_is_not_there() {
        let gates = ["lint".to_owned(), "unit".to_owned()];
        let gate = exited("aa", 1);
        let absent = GatewayError::new(
            "failed to compute cache key: failed to calculate checksum of ref a::b: \"/x\": not found",
        );
        let given = [
            Failure { target: "api", gates: &gates, error: &gate },
            Failure { target: "web", gates: &[], error: &absent },
        ];
        expect![[r#"
            > [unit 2/2] RUN npm test
            ------
            1..2
            not ok 1 - adds
            ok 2
            ------
            error: `api` refused by gate `unit`, exit code 1: [unit 2/2] RUN npm test
             |
             = note: process "/bin/sh -c npm test" did not complete successfully: exit code: 1

            > [unit 2/2] RUN npm test
            ------
            1..2
            not ok 1 - adds
            ok 2
            ------
            error: `web` failed: [unit 2/2] RUN npm test
             |
             = note: failed to compute cache key: failed to calculate checksum of ref a::b: "/x": not found
             = help: the path is not in the context, or its .dockerignore leaves it out; or the stage has not made it
        "#]].assert_eq(&failures(&given, &state(), Style { colours: false, width: 100 }));
    }

    #[test]
    fn the_stage_of_a_step_is_a_word_of_its_name() {
        let names = [
            "[unit 2/2] RUN npm test",
            "[linux/amd64 unit 2/2] RUN npm test",
            "[linux/amd64->386 unit 2/2] RUN npm test",
            "[linux/arm/v7 unit] FROM docker.io/library/node",
        ];
        for name in names {
            assert!(is_of_stage(name, "unit"), "{name}");
            assert!(!is_of_stage(name, "uni") && !is_of_stage(name, "test"), "{name}");
        }
        assert!(!is_of_stage("[units 1/1] RUN [ unit ]", "unit"));
        assert!(!is_of_stage("unit 1/2", "unit"));
    }

    #[test]
    fn a_registry_that_refuses() {
        let error = GatewayError::new(
            "failed to resolve source metadata for r.example/app:1: pull access denied, repository does not exist or may \
             require authorization: server message: insufficient_scope: authorization failed",
        );
        let failure = [Failure { target: "api", gates: &[], error: &error }];
        let text = failures(&failure, &State::default(), Style { colours: false, width: 100 });
        let help = "help: if the image's name is right, log in to its registry with `docker login REGISTRY`";
        assert!(text.trim_end().ends_with(help), "{text}");
        let step = exited_with("process \"curl || echo 401 Unauthorized\" failed: exit code: 1", "aa", 1);
        let text = failures(
            &[Failure { error: &step, ..failure[0] }],
            &State::default(),
            Style { colours: false, width: 100 },
        );
        assert!(text.contains("401 Unauthorized") && !text.contains("help"), "{text}");
    }

    #[test]
    fn different_failures_each_once() {
        let step = exited("aa", 1).with_source(&source(8, 9, Position { line: 8, character: 24 }));
        let own = GatewayError::new("no builder answers\x1b[2J");
        check(
            &[("web", &step), ("cli", &own), ("api", &step)],
            &expect![[r#"
            > [unit 2/2] RUN npm test
            ------
            1..2
            not ok 1 - adds
            ok 2
            ------
            error: `web`, `api` failed with exit code 1: [unit 2/2] RUN npm test
              --> stages.rs:8:10
               |
             6 |         .tester("unit")
             7 |         .run("npm ci")
             8 |         .run("npm test")
               |          ^^^^^^^^^^^^^^^
             9 |         .report("/app/reports");
            10 |     Targets::new().target(unit)
               |
               = note: process "/bin/sh -c npm test" did not complete successfully: exit code: 1

            error: `cli` failed: no builder answers
        "#]],
        );
    }

    #[test]
    fn a_step_without_output_and_a_source_of_another_version() {
        let error = exited("unknown", 137).with_source(&source(99, 4, Position::default()));
        check(
            &[("api", &error)],
            &expect![[r#"
            error: `api` failed: process "/bin/sh -c npm test" did not complete successfully: exit code: 1
            --> stages.rs:99:5
        "#]],
        );
        let nowhere = GatewayError::new("").with_source(&source(0, -1, Position { line: -1, character: -1 }));
        check(
            &[("lib", &nowhere)],
            &expect![[r#"
            error: `lib` failed: the daemon answered Unknown and did not say why
            --> stages.rs
        "#]],
        );
    }

    #[test]
    fn several_lines_of_a_step() {
        let error = exited("aa", 1).with_source(&source(5, 15, Position { line: 8, character: 24 }));
        check(
            &[("api", &error)],
            &expect![[r#"
            > [unit 2/2] RUN npm test
            ------
            1..2
            not ok 1 - adds
            ok 2
            ------
            error: `api` failed with exit code 1: [unit 2/2] RUN npm test
              --> stages.rs:5:16
               |
             3 |   fn build(b: &Build) -> Targets {
             4 |       let base = b.base("base", "node:18-slim");
             5 |       let unit = base
               |  ________________^
             6 | |         .tester("unit")
             7 | |         .run("npm ci")
             8 | |         .run("npm test")
               | |________________________^
             9 |           .report("/app/reports");
            10 |       Targets::new().target(unit)
               |
               = note: process "/bin/sh -c npm test" did not complete successfully: exit code: 1
        "#]],
        );
    }
}
