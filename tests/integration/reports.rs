//! Reports of testers: out of passed ones, out of what a failed step left, and in the graph.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;
use stagewright::builder::MissingReport;
use stagewright::prelude::*;
use stagewright::{BuildOptions, Event, Output};
use stagewright_plan::lower::{NoCache, Settings};
use stagewright_tests::Environment;

use crate::support::{Ended, builder, directory, end, image, program, run, unique, write};

async fn build(build: impl Fn(&Build, ()) -> Targets, options: &BuildOptions) -> Ended {
    end(builder().await.build(build, options).await.unwrap()).await
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What was told of reports that are not there.
fn missing(ended: &Ended) -> Vec<(String, String, MissingReport)> {
    let missing = ended.events.iter().filter_map(|event| match event {
        Event::ReportMissing { tester, report, reason } => {
            Some((tester.clone(), report.clone(), reason.clone()))
        }
        _ => None,
    });
    missing.collect()
}

/// An image with three gates: one passes, one fails in its second step, one fails without a shell.
fn judged(salt: String) -> impl Fn(&Build, ()) -> Targets {
    move |b, ()| {
        let base = b.base("base", "busybox").env("SALT", &salt).workdir("/app");
        let passes = base
            .tester("passes")
            .run("mkdir -p out/deep && echo fine > out/deep/result && ln -s deep out/link && mkdir out/empty")
            .report("out");
        let fails = base
            .tester("fails")
            .run("mkdir reports && echo setup > reports/setup")
            .run("echo $SALT > reports/junit.xml; chmod 600 reports/junit.xml; echo judged; exit 7")
            .run("echo never > reports/never")
            .report("reports/junit.xml")
            .report("/app/reports/setup")
            .report("coverage");
        let bare = b
            .tester("bare", Scratch)
            .copy(b.image("busybox").file("/bin/busybox"), "/busybox")
            .run(["/busybox", "cp", "/busybox", "/nothing", "/dev"])
            .report("/busybox");
        let image = base.runtime("app").run("echo $SALT > /salt");
        Targets::new().product(image.gated_by([&passes, &fails, &bare]))
    }
}

#[tokio::test]
async fn reports_come_out_of_every_tester_that_ran() {
    let (out, salt) = (tempfile::tempdir().unwrap(), unique());
    let ended = build(judged(salt.clone()), &BuildOptions::new(".").reports(out.path())).await;

    let (target, failure) = ended.report.failures().next().expect("the image is refused");
    assert_eq!(target, "app");
    let error = failure.daemon().expect("the daemon says why");
    assert!(matches!(error.exit_code(), Some(7 | 1)), "{error}");
    let mut written = ended.report.reports.as_ref().unwrap().clone();
    written.sort();
    assert_eq!(written, ["bare", "fails", "passes"]);

    let at = |path: &str| out.path().join(path);
    assert_eq!(read(&at("passes/app/out/deep/result")), "fine\n");
    assert_eq!(fs::read_link(at("passes/app/out/link")).unwrap(), Path::new("deep"));
    assert!(at("passes/app/out/empty").is_dir());
    assert_eq!(read(&at("fails/app/reports/junit.xml")), format!("{salt}\n"));
    assert_eq!(read(&at("fails/app/reports/setup")), "setup\n");
    assert!(!at("fails/app/reports/never").exists());
    assert!(fs::metadata(at("bare/busybox")).unwrap().len() > 100_000);
    assert_eq!(missing(&ended), [("fails".into(), "/app/coverage".into(), MissingReport::Absent)]);
    // For the verdict and for its reports together.
    let vertices = ended.vertices();
    let judging = vertices.iter().find(|(name, _)| name.contains("echo judged")).unwrap();
    assert_eq!(judging.1.starts.len(), 1, "{judging:?}");
}

#[tokio::test]
async fn a_tester_that_did_not_run_has_no_reports() {
    let salt = unique();
    let describe = |b: &Build, (): ()| {
        let broken = b.builder("broken", "busybox").run(format!("echo {salt}; exit 3"));
        let unit = broken.tester("unit").run("echo x > /report").report("/report");
        Targets::new().target(unit).product(b.runtime("app", Scratch).file("/a", "a"))
    };
    let out = tempfile::tempdir().unwrap();
    let options = BuildOptions::new(".").target("unit").reports(out.path().join("reports"));
    let ended = build(describe, &options).await;
    let error = ended.report.failures().next().unwrap().1.daemon().unwrap().exit_code();
    assert_eq!(error, Some(3));
    assert_eq!(missing(&ended), [("unit".into(), "/report".into(), MissingReport::NotRun)]);
    assert_eq!(ended.report.reports.as_ref().unwrap(), &Vec::<String>::new());
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "nothing is made of nothing");

    // No tester that the image needs leaves any.
    let error = builder().await.build(describe, &options.clone().target("app")).await;
    assert!(error.is_ok(), "one of the targets has them");
    let options = BuildOptions::new(".").reports(out.path());
    let error = builder().await.build(describe, &options).await.unwrap_err().to_string();
    assert!(error.starts_with("no tester that app needs leaves reports"), "{error}");
}

#[tokio::test]
async fn reports_stay_in_their_directory_and_leave_what_else_is_there() {
    let (out, elsewhere) = (tempfile::tempdir().unwrap(), directory(&[("report", "safe")]));
    fs::create_dir(out.path().join("unit")).unwrap();
    symlink(elsewhere.path(), out.path().join("unit/dir")).unwrap();
    write(&out.path().join("unit/other"), "kept");
    let salt = unique();
    let describe = |b: &Build, (): ()| {
        let line = format!("mkdir /dir; echo {salt} > /dir/report; ln -s / /dir/root; exit 5");
        let unit = b.tester("unit", "busybox").run(line).report("/dir");
        Targets::new().target(unit).product(b.runtime("app", Scratch).file("/a", "a"))
    };
    let options = BuildOptions::new(".").target("unit").reports(out.path());
    let ended = build(describe, &options).await;
    assert!(!ended.report.is_success());
    ended.report.reports.as_ref().unwrap();
    assert_eq!(read(&out.path().join("unit/dir/report")), format!("{salt}\n"));
    assert_eq!(read(&elsewhere.path().join("report")), "safe");
    assert_eq!(read(&out.path().join("unit/other")), "kept");
    let names = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["unit"], "nothing half written is left");
}

/// The gate of a pipeline: a verdict over the reports of two testers, whatever became of them.
fn pipeline(salt: String, lint: u8, unit: u8) -> impl Fn(&Build, ()) -> Targets {
    move |b, ()| {
        let base = b.base("base", "busybox").env("SALT", &salt).workdir("/app");
        // Variables of a command that a script around it might use.
        let linted = sh(format!("echo linted; echo $SALT >> out/lint; exit {lint}"));
        let linted = linted.env("code", "x").env("status", "y");
        let lint = base
            .tester("lint")
            .run(["sh", "-c", "mkdir -p out && chmod 777 out"])
            .user("1000")
            .run(linted)
            .run("test $status$code = yx || echo skipped > out/next; echo next >> out/lint")
            .report("out")
            .report("coverage");
        let unit = base
            .tester("unit")
            .run(format!("echo $SALT > /unit; exit {unit}"))
            .report("/unit");
        let quality = b
            .tester("quality", "busybox")
            .copy(lint.reports(), "/all/")
            .copy(unit.reports(), "/all/")
            .run("cat /all/app/out/lint /all/unit | tr '\\n' ' ' && find /all && test ! -e /all/app/coverage")
            .report("/all");
        let image = base.runtime("app").run("echo $SALT > /salt");
        Targets::new().product(image.gated_by([&lint, &unit, &quality])).target(quality)
    }
}

#[tokio::test]
async fn a_verdict_over_reports_runs_when_a_tester_failed() {
    let salt = unique();
    let ended = build(pipeline(salt.clone(), 9, 0), &BuildOptions::new(".")).await;
    let error = ended
        .report
        .failures()
        .next()
        .expect("the image is refused")
        .1
        .daemon()
        .unwrap();
    assert_eq!(error.exit_code(), Some(9), "{error}");
    let line = include_str!("reports.rs")
        .lines()
        .position(|line| line.contains(".run(linted)"))
        .unwrap();
    assert_eq!(error.sources()[0].ranges[0].start.line, i32::try_from(line + 1).unwrap());
    assert!(error.message().contains("verdict lint RUN echo linted"), "{error}");

    // Only the verdict on lint is missing: it is the tester that judges.
    let out = tempfile::tempdir().unwrap();
    let options = || BuildOptions::new(".").target("quality");
    let exported = options().output(Output::local(out.path()));
    let ended = build(pipeline(salt.clone(), 9, 0), &exported).await.expect_success();
    assert_eq!(read(&out.path().join("all/app/out/lint")), format!("{salt}\n"));
    assert_eq!(read(&out.path().join("all/unit")), format!("{salt}\n"));
    // It ran for the verdict already, or runs once for both.
    let judging = |ended: &Ended| {
        let vertices = ended.vertices().into_iter();
        let mut found = vertices.filter(|(name, _)| name.contains("] RUN echo linted"));
        found.next().expect("lint is there").1
    };
    assert!(judging(&ended).cached, "{:?}", judging(&ended));
    let again = build(
        pipeline(salt.clone(), 9, 0),
        &options().settings(Settings {
            no_cache: NoCache::Stages(["lint".to_owned()].into()),
            ..Settings::default()
        }),
    )
    .await;
    assert!(!judging(&again.expect_success()).cached);
}

#[tokio::test]
async fn testers_that_pass_are_judged_and_leave_nothing_in_the_image() {
    let (repository, salt) = (format!("reports/{}", unique()), unique());
    let options = BuildOptions::new(".").push().tag(image(&repository, "1"));
    let ended = build(pipeline(salt.clone(), 0, 0), &options).await.expect_success();
    assert!(ended.log().contains(&format!("{salt} next {salt}")), "{}", ended.log());
    let bare = move |b: &Build, (): ()| {
        let base = b.base("base", "busybox").env("SALT", &salt).workdir("/app");
        Targets::new().product(base.runtime("app").run("echo $SALT > /salt"))
    };
    build(bare, &BuildOptions::new(".").push().tag(image(&repository, "2")))
        .await
        .expect_success();
    let layers = |tag: &str| {
        let manifest = Environment::get().registry.manifest(&repository, tag).unwrap().unwrap();
        serde_json::from_slice::<Value>(&manifest.bytes).unwrap()["layers"].clone()
    };
    assert_eq!(layers("1"), layers("2"));
}

#[tokio::test]
async fn a_target_of_reports_comes_out_of_a_tester_that_failed() {
    let out = tempfile::tempdir().unwrap();
    let salt = unique();
    let options = || BuildOptions::new(".").target("unit-reports").output(Output::local(out.path()));
    build(pipeline(salt.clone(), 0, 6), &options()).await.expect_success();
    assert_eq!(read(&out.path().join("unit")), format!("{salt}\n"));
    let names = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["unit"], "only the reports");

    // With the image in one build the step runs once, and one gate of several that fails is enough.
    let both = BuildOptions::new(".").target("app").target("unit-reports");
    let ended = build(pipeline(salt.clone(), 0, 6), &both.reports(out.path().join("all"))).await;
    assert_eq!(ended.report.failures().map(|(target, _)| target).collect::<Vec<_>>(), ["app"]);
    assert_eq!(ended.report.failures().next().unwrap().1.daemon().unwrap().exit_code(), Some(6));
    assert_eq!(read(&out.path().join("all/unit/unit")), format!("{salt}\n"));

    let old = options().without_cap("exec.validexitcode");
    let ended = build(pipeline(salt, 0, 6), &old).await;
    let (_, failure) = ended.report.failures().next().unwrap();
    assert!(
        failure
            .to_string()
            .contains("the reports of tester `unit` are taken here also when it fails"),
        "{failure}"
    );
}

const STAGES: &str = "\
stages:
  unit:
    role: tester
    from: busybox:latest
    steps:
      - run: mkdir /reports; echo SALT > /reports/junit.xml; exit 7
    reports: [/reports, /missing]
  app:
    role: runtime
    from: busybox:latest
    gates: unit
";

#[test]
fn the_command_line_tells_where_reports_are_and_fails_as_ever() {
    let salt = unique();
    let project = directory(&[("stages.yaml", &STAGES.replace("SALT", &salt))]);
    let mut command = program("stagewright");
    command.args(["build", "--reports", "out", "-f", "stages.yaml", "."]);
    let output = run(command.current_dir(project.path()).env("NO_COLOR", "1"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "note: tester unit left no report /missing\n",
        "note: reports of unit are in out\n",
        "exit code: 7",
        "stages.yaml:6",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert_eq!(read(&project.path().join("out/unit/reports/junit.xml")), format!("{salt}\n"));
}
