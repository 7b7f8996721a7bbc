//! Build files and moments that nobody wishes for: each ends with a clear text, in bounded memory, and leaves a daemon
//! that builds on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use stagewright_tests::buildx::{Buildx, Ended};
use stagewright_tests::signal;
use tempfile::NamedTempFile;

use crate::step::runs;
use crate::support::{directory, eventually, unique};

/// How much memory the process of a frontend may have taken at its highest, whatever the file.
const MEMORY: u64 = 256 << 20;
/// The stock frontend for files that have no line to name it.
const SYNTAX: [&str; 2] = ["--build-arg", "BUILDKIT_SYNTAX=stagewright/stages:1"];
const LIMIT: Duration = Duration::from_secs(120);

const APP: &str = "stages:
  app:
    role: runtime
    from: scratch
    steps:
      - file: /srv/app
        text: app
";

/// `docker buildx build -f stages.yaml`, and the memory of the frontend's process at its highest, if it was seen.
fn measured(text: &[u8], arguments: &[&str]) -> (Ended, u64) {
    let project = directory(&[]);
    fs::write(project.path().join("stages.yaml"), text).unwrap();
    // What tells this build's process from others'.
    let label = format!("measured={}", unique());
    let buildx = Buildx::new();
    thread::scope(|scope| {
        let build = buildx.build(project.path()).args(["-f", "stages.yaml", "--label", &*label]);
        let build = build.args(arguments.iter().copied());
        let build = scope.spawn(move || build.run());
        let mut peak = 0;
        while !build.is_finished() {
            peak = frontends(&label)
                .iter()
                .filter_map(|process| highest(process.as_path()))
                .fold(peak, u64::max);
            thread::sleep(Duration::from_millis(2));
        }
        (build.join().unwrap(), peak)
    })
}

/// The processes of frontends of the build with this label.
fn frontends(label: &str) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|process| process.path());
    let ours = processes.filter(|process| {
        let environ = fs::read(process.join("environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|variable| {
            let variable = String::from_utf8_lossy(variable);
            variable.starts_with("BUILDKIT_FRONTEND_OPT_") && variable.contains(label)
        })
    });
    ours.collect()
}

/// The memory of a process at its highest, in bytes (`VmHWM`); none if it is gone.
fn highest(process: &Path) -> Option<u64> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes << 10)
}

fn with_syntax(text: &str) -> String {
    format!("# syntax=stagewright/stages:1\n{text}")
}

/// Builds a text by its first line, and checks how much memory it took.
fn bounded(text: &str) -> Ended {
    let (ended, peak) = measured(with_syntax(text).as_bytes(), &[]);
    assert!(peak > 0, "the frontend was not seen\n{ended}");
    assert!(peak < MEMORY, "the frontend took {} MiB\n{ended}", peak >> 20);
    ended
}

#[track_caller]
fn shows(ended: &Ended, expected: &str) {
    assert!(ended.text.contains(expected), "{expected:?} is not shown\n{ended}");
    // Who reads an error reads it to its end.
    assert!(ended.text.len() < 64 << 10, "{} bytes are shown", ended.text.len());
}

#[test]
fn a_file_of_ten_megabytes_is_built() {
    let line = format!("# {}\n", "x".repeat(997));
    let text = format!("{}{APP}", line.repeat(10_000));
    let _ = bounded(&text).expect_success();
    let wrong = bounded(&text.replace("role: runtime", "role: runtme")).expect_failure();
    shows(&wrong, "stages.yaml:10004:11: ");
    shows(&wrong, ">>>     role: runtme");
}

/// Each stage starts from the one before and adds to what it has: that must not be in memory ten thousand times.
#[test]
fn ten_thousand_stages_are_built() {
    let mut text = "stages:\n  s0: { role: base, from: scratch }\n".to_owned();
    for number in 1..10_000 {
        let before = number - 1;
        text += &format!("  s{number}:\n    role: base\n    from: s{before}\n");
        text += &format!("    steps:\n      - env: {{ V{}: \"{number}\" }}\n", number % 100);
    }
    text +=
        "  app:\n    role: runtime\n    from: s9999\n    steps:\n      - file: /srv/app\n        text: app\n";
    let _ = bounded(&text).expect_success();
    let stage = "  s5000:\n    role: ";
    let wrong = bounded(&text.replace(&format!("{stage}base"), &format!("{stage}bse"))).expect_failure();
    shows(&wrong, "stages.yaml:25000:11: ");
}

#[test]
fn what_lies_too_deep_is_told_at_its_line() {
    let shown = |text: &str, expected: &str| shows(&bounded(text).expect_failure(), expected);
    shown(&"[".repeat(1_000_000), "stages.yaml:2:256: not YAML: recursion limit exceeded");
    shown(&format!("{APP}x-deep:\n{}1\n", "- ".repeat(100)), "more than 64 values lie in each other");
}

#[test]
fn a_circle_is_shown() {
    let text = "stages:\n  a: { role: base, from: b }\n  b: { role: base, from: a }\n  app: { role: runtime, from: a }\n";
    shows(
        &bounded(text).expect_failure(),
        "stages are made from each other in a ring: `a` from `b` from `a`",
    );
}

#[test]
fn aliases_do_not_multiply_without_end() {
    let mut text = "x-0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for n in 1..20 {
        text += &format!("x-{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "));
    }
    let ended = bounded(&format!("{text}{APP}")).expect_failure();
    shows(&ended, "the file is too large: 64 MiB, counting what aliases repeat");
}

#[test]
fn a_file_that_is_no_text_is_told_at_its_line() {
    let text = with_syntax(APP).replace("text: app", "text: \u{7f}").into_bytes();
    let text: Vec<u8> = text.into_iter().map(|byte| if byte == 0x7f { 0xff } else { byte }).collect();
    let (ended, _) = measured(&text, &[]);
    shows(
        &ended.expect_failure(),
        "`stages.yaml` is no UTF-8 text: line 8 has a byte 0xff that cannot stand there",
    );
}

#[test]
fn an_empty_file_is_told() {
    let (ended, _) = measured(b"", &SYNTAX);
    shows(&ended.expect_failure(), "`stages.yaml` is empty: it has to say what to build");
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let project = directory(&[("other.yaml", "")]);
    let ended = Buildx::new()
        .build(project.path())
        .args(["-f", "stages.yaml"])
        .args(SYNTAX)
        .run();
    shows(&ended.expect_failure(), "there is no `stages.yaml` in the directory that the client sends");
}

#[test]
fn a_syntax_line_below_the_first_is_warned_of() {
    let text = format!("{APP}# syntax=stagewright/other:1\nallow: root-user\n");
    let (ended, _) = measured(text.as_bytes(), &SYNTAX);
    let ended = ended.expect_success();
    let [warning] = &*ended.progress.warnings else { panic!("one warning\n{ended}") };
    let short = "a `syntax=` in line 8 of stages.yaml does nothing: it counts only at the very beginning";
    assert_eq!((&*warning.short, &*warning.file, &*warning.lines), (short, "stages.yaml", &[8][..]));

    let project = directory(&[("stages.yaml", &text)]);
    let shown = Buildx::new()
        .build(project.path())
        .args(["-f", "stages.yaml"])
        .args(SYNTAX)
        .plain()
        .run();
    let shown = shown.expect_success();
    assert!(shown.text.contains("1 warning found") && shown.text.contains(short), "{shown}");
}

/// What is written is run by a step that others can be told from by the variable `BUILD`.
fn running(salt: &str, command: &str) -> String {
    with_syntax(&format!(
        "stages:
  made:
    role: builder
    from: {{ image: \"busybox:latest\", on: build }}
    steps:
      - env: {{ BUILD: {salt} }}
      - run: {command}
        caches: {{ path: /together, id: {salt} }}
      - file: /made
        text: made
  app:
    role: runtime
    from: scratch
    steps:
      - copy: /made
        from: made
        to: /made
"
    ))
}

#[tokio::test]
async fn when_one_of_two_platforms_fails_the_others_step_is_stopped() {
    let salt = unique();
    let command = "|
          if [ ${targetarch} = amd64 ]; then
            touch /together/here
            sleep 3600
          fi
          until [ -e /together/here ]; do sleep 0.1; done
          exit 9";
    let text = running(&salt, command);
    let (ended, _) = measured(text.as_bytes(), &["--platform", "linux/amd64,linux/386"]);
    let ended = ended.expect_failure();
    shows(&ended, "exit code: 9");
    // Docker tells which one failed by the step's name, also of what runs on this machine for another.
    let list = ended.to_string();
    assert!(list.contains("failed     [linux/amd64->386 made 2/3] RUN "), "{list}");
    eventually("the other's step is gone", LIMIT, || !runs(&salt)).await;
}

#[tokio::test]
async fn cancelling_leaves_no_process_and_a_daemon_that_builds() {
    // The frontend waits for the steps of a file whose text is too large to travel with them; else it has ended.
    for padding in [0, 2000] {
        let salt = unique();
        let padding = format!("# {}\n", "x".repeat(997)).repeat(padding);
        let text = format!("{}{padding}", running(&salt, "sleep 3600"));
        let project = directory(&[("stages.yaml", &text)]);
        let label = format!("cancelled={salt}");
        let buildx = Buildx::new();
        let stderr = NamedTempFile::new().unwrap();
        let mut command = buildx
            .build(project.path())
            .args(["-f", "stages.yaml", "--label", &*label])
            .command();
        let mut child = command.stdout(Stdio::null()).stderr(stderr.reopen().unwrap()).spawn().unwrap();
        eventually("the step runs", LIMIT, || runs(&salt)).await;
        assert_eq!(frontends(&label).len(), usize::from(!padding.is_empty()), "the frontend's process");
        signal(child.id(), "-INT");
        let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
        assert!(!status.success());
        let shown = fs::read_to_string(stderr.path()).unwrap();
        assert!(shown.contains("canceled"), "{shown}");
        eventually("the step is gone", LIMIT, || !runs(&salt)).await;
        eventually("the frontend is gone", LIMIT, || frontends(&label).is_empty()).await;

        let text = text.replace("sleep 3600", "echo well");
        fs::write(project.path().join("stages.yaml"), text).unwrap();
        let next = buildx.build(project.path()).args(["-f", "stages.yaml"]).run().expect_success();
        assert_eq!(next.progress.log(), "well\n", "{next}");
    }
}
