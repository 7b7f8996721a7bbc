//! Reports that are taken whatever the verdict, as ops: only the testers whose they are differ.

use expect_test::expect;
use stagewright_plan::lower::Abilities;
use stagewright_plan::{Build, Problem, Targets};

use crate::world::{lower_in, plan_of, printed};

/// An image that is gated by two testers and by a verdict on the reports of one.
fn judged(b: &Build, (): ()) -> Targets {
    let base = b.base("base", "debian:bookworm-slim");
    let lint = base
        .tester("lint")
        .user("node")
        .run(["lint", "--fix"])
        .workdir("/out")
        .run("lint > report")
        .report("report");
    let unit = base.tester("unit").run("test > /report").report("/report");
    let quality = b
        .tester("quality", "debian:bookworm-slim")
        .copy(lint.reports(), "/")
        .run("judge /out");
    Targets::new().product(base.runtime("app").gated_by([&lint, &unit, &quality]))
}

#[test]
fn what_a_tester_leaves_is_kept_and_judged_behind_its_last_step() {
    expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[quality] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 file
            [0] on scratch: mkfile /run mode 0755 239 bytes sha256:3bba4fc50f120ee1f601ff2dd9efe6eb7881a33e75a203d3bf436690db2eae4f
            [1] on [0]: mkfile /verdict mode 0755 202 bytes sha256:643ddb56f2c6215cac67fb51e04d11686e33a8d26389c7afce0b28feb8d794eb
            llb.customname "[internal] preparing scripts"
        #2 file
            [0] on scratch: mkfile /code mode 0666 ""
            llb.customname "[internal] preparing a place for an exit code"
        #3 exec /bin/sh /dev/stagewright/run lint --fix (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            user node
            exit codes [0, 100]
            mount / #0 -> output 0
            mount /dev/stagewright #1 readonly
            mount /dev/stagewright-noted #2 -> output 1
            llb.customname "[lint 2/4] RUN [\"lint\",\"--fix\"]"
        #4 file
            [0] on #3: mkdir /out mode 0755 parents owner node@#3:
            llb.customname "[lint 3/4] WORKDIR /out"
        #5 exec /bin/sh /dev/stagewright/run /bin/sh -c "lint > report" (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            cwd /out
            user node
            exit codes [0, 100]
            mount / #4 -> output 0
            mount /dev/stagewright #1 readonly
            mount /dev/stagewright-noted #3.1 -> output 1
            llb.customname "[lint 4/4] RUN lint > report"
        #6 exec /bin/sh /dev/stagewright/verdict lint "RUN [\"lint\",\"--fix\"]" (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            user node
            network none
            mount / #5 -> output 0
            mount /dev/stagewright #1 readonly
            mount /dev/stagewright-noted #3.1 readonly
            llb.customname "[lint 2/4] VERDICT RUN [\"lint\",\"--fix\"]"
            stagewright.verdict.of "sha256:92765256b23cf83ce3af0b7058bc4445426b44783ee0ab3a0f9bc00f54c535f2"
        #7 exec /bin/sh /dev/stagewright/verdict lint "RUN lint > report" (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            cwd /out
            user node
            network none
            mount / #6 -> output 0
            mount /dev/stagewright #1 readonly
            mount /dev/stagewright-noted #5.1 readonly
            llb.customname "[lint 4/4] VERDICT RUN lint > report"
            stagewright.verdict.of "sha256:7b7bbbfb201814c53bed78f494ccfc8b60127de195771430e43b2393d273bfff"
        #8 exec /bin/sh -c "test > /report" (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #0 -> output 0
            llb.customname "[unit 1/1] RUN test > /report"
        #9 file
            [0] on scratch: copy #5 "/out/repor[\\t]" -> /out/report follow contents parents wildcard none-ok
            llb.customname "[lint] reports"
        #10 file
            [0] on #0: copy #9 / -> / follow contents parents wildcard none-ok
            llb.customname "[quality 1/2] COPY --from=lint / /"
        #11 exec /bin/sh -c "judge /out" (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #10 -> output 0
            llb.customname "[quality 2/2] RUN judge /out"
        #12 passthrough "gate app" #0
            requires #0 #7 #8 #11
            llb.customname "[app] gated by lint, unit, quality"
        result #12
    "##]].assert_eq(&printed(&plan_of(judged), "app"));
}

#[test]
fn the_target_of_reports_has_no_verdict() {
    expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[base] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 file
            [0] on scratch: mkfile /run mode 0755 239 bytes sha256:3bba4fc50f120ee1f601ff2dd9efe6eb7881a33e75a203d3bf436690db2eae4f
            [1] on [0]: mkfile /verdict mode 0755 202 bytes sha256:643ddb56f2c6215cac67fb51e04d11686e33a8d26389c7afce0b28feb8d794eb
            llb.customname "[internal] preparing scripts"
        #2 file
            [0] on scratch: mkfile /code mode 0666 ""
            llb.customname "[internal] preparing a place for an exit code"
        #3 exec /bin/sh /dev/stagewright/run /bin/sh -c "test > /report" (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            exit codes [0, 100]
            mount / #0 -> output 0
            mount /dev/stagewright #1 readonly
            mount /dev/stagewright-noted #2 -> output 1
            llb.customname "[unit 1/1] RUN test > /report"
        #4 file
            [0] on scratch: copy #3 "/repor[\\t]" -> /report follow contents parents wildcard none-ok
            llb.customname "[unit] reports"
        result #4
    "##]].assert_eq(&printed(&plan_of(judged), "unit-reports"));
}

#[test]
fn every_tester_with_reports_has_such_a_target() {
    let names = |plan: &stagewright_plan::Plan| {
        plan.targets
            .iter()
            .map(|target| target.name.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names(&plan_of(judged)), "app lint-reports unit-reports");
    // What has the name keeps it.
    let taken = |b: &Build, (): ()| {
        let unit = b.tester("unit", "debian").run("true").report("/report");
        let other = b.tester("unit-reports", "debian").run("true");
        Targets::new().target(unit).target(other)
    };
    let plan = plan_of(taken);
    assert_eq!(names(&plan), "unit unit-reports");
    assert!(!plan.target("unit-reports").unwrap().reports);
}

#[test]
fn a_daemon_that_keeps_nothing_is_refused_where_the_reports_are_taken() {
    let refused = |target: &str| {
        let error = lower_in(&plan_of(judged), &[target], |world| {
            world.abilities = Abilities::all().without("exec.validexitcode");
        });
        Problem::from(error.unwrap_err())
    };
    let line = |part: &str| {
        let line = include_str!("reports.rs").lines().position(|line| line.contains(part)).unwrap();
        u32::try_from(line + 1).unwrap()
    };
    let problem = refused("app");
    assert!(problem.message.starts_with("the reports of tester `lint` are taken here"), "{problem:?}");
    assert_eq!(problem.at.unwrap().line, line("copy(lint.reports()"));
    assert_eq!(refused("unit-reports").at.unwrap().line, line("test > /report"));
}
