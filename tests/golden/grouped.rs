//! Groups of stages, and targets that are more than one stage.

use expect_test::{Expect, expect};
use stagewright_plan::role::{Base, Runtime};
use stagewright_plan::{Build, Outcome, Scratch, Stage, Targets};

use crate::world::{lowered, plan_of, printed, try_lower};

fn check<O: Outcome>(build: impl Fn(&Build, ()) -> O, target: &str, expected: Expect) {
    expected.assert_eq(&printed(&plan_of(build), target));
}

fn service(base: &Stage<Base>, name: &str) -> Stage<Runtime> {
    let made = base.builder("build").run(format!("make {name}"));
    let unit = made.tester("unit").run("make test");
    base.runtime("image").copy(made.artifact("/out"), "/srv/").gated_by(&unit)
}

#[test]
fn names_of_a_group_begin_with_its_own() {
    let build = |b: &Build, (): ()| {
        let base = b.base("base", "debian:bookworm-slim");
        let api = b.group("api", |_| service(&base, "api"));
        let nested = b.group("web", |b| b.group("admin", |_| service(&base, "admin")));
        Targets::new().product(api).product(nested)
    };
    let plan = plan_of(build);
    let names: Vec<_> = plan.stages.iter().map(|stage| stage.name.as_str()).collect();
    let expected = [
        "base",
        "api-build",
        "api-unit",
        "api-image",
        "web-admin-build",
        "web-admin-unit",
        "web-admin-image",
    ];
    assert_eq!(names, expected);
    let at = plan.stage("api-build").unwrap();
    assert_eq!(at.via.len(), 1, "{at:?}");
    lowered(&plan, &["api-image", "web-admin-image"]);
}

#[test]
fn several_testers_are_one_target() {
    let build = |b: &Build, (): ()| {
        let base = b.base("base", "debian:bookworm-slim");
        let lint = base.tester("lint").run("lint");
        let unit = base.tester("unit").run("test");
        let image = base.runtime("app").cmd(["app"]);
        Targets::new().product(image).checks("test", [&lint, &unit]).gated_by(&lint)
    };
    check(
        build,
        "test",
        expect![[r##"
        #0 file
            [0] on scratch: mkdir / mode 0755 parents
            llb.customname "[test] empty filesystem"
        #1 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[base] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #2 exec /bin/sh -c lint (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #1 -> output 0
            llb.customname "[lint 1/1] RUN lint"
        #3 exec /bin/sh -c test (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #1 -> output 0
            llb.customname "[unit 1/1] RUN test"
        #4 passthrough "order test" #0
            requires #0 #2 #3
            llb.customname "[test] after lint, unit"
        result #4
    "##]],
    );
    check(
        build,
        "app",
        expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[base] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 exec /bin/sh -c lint (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #0 -> output 0
            llb.customname "[lint 1/1] RUN lint"
        #2 passthrough "gate app" #0
            requires #0 #1
            llb.customname "[app] gated by lint"
        result #2
    "##]],
    );
    let lowered = try_lower(&plan_of(build), &["test"], false).unwrap();
    let target = lowered.target("test");
    let gates: Vec<_> = target.gates.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((target.output, gates), (None, vec!["lint", "unit"]));
}

#[test]
fn files_are_a_target_without_an_image() {
    let build = |b: &Build, (): ()| {
        let made = b.builder("make", "golang:1.23").run("make");
        let image = b.runtime("app", Scratch).copy(made.artifact("/out/app"), "/app").cmd(["/app"]);
        Targets::new()
            .product(image)
            .files("bin", made.artifact("/out"))
            .described("The programs")
    };
    check(
        build,
        "bin",
        expect![[r##"
        #0 source docker-image://docker.io/library/golang:1.23@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[make] FROM docker.io/library/golang:1.23@sha256:abababababababababababababababababababababababababababababababab"
        #1 exec /bin/sh -c make (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #0 -> output 0
            llb.customname "[make 1/1] RUN make"
        #2 file
            [0] on scratch: copy #1 /out -> / follow contents parents wildcard none-ok
            llb.customname "[bin 1/1] COPY --from=make /out /"
        result #2
    "##]],
    );
    let plan = plan_of(build);
    assert!(lowered(&plan, &["bin"]).target("bin").config.is_none());
    assert_eq!(plan.target("bin").unwrap().description.as_deref(), Some("The programs"));
}
