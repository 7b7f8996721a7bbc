//! Each step, gate and mount, as the ops that it becomes.

use buildkit_llb::{Definition, Platform};
use expect_test::{Expect, expect};
use stagewright_plan::{
    Build, Cache, Healthcheck, Outcome, Plan, Scratch, Targets, argv, plan, secs, sh, text,
};

use crate::world::{lowered, plan_of, printed, try_lower, without_places};

fn check<O: Outcome>(build: impl Fn(&Build, ()) -> O, target: &str, expected: Expect) {
    expected.assert_eq(&printed(&plan_of(build), target));
}

#[test]
fn a_file_in_an_empty_image() {
    let build = |b: &Build, (): ()| b.runtime("app", Scratch).file("/hello", "hello\n").cmd(["/hello"]);
    check(
        build,
        "app",
        expect![[r##"
            #0 file
                [0] on scratch: mkfile /EOF mode 0644 "hello\n"
                llb.customname "[internal] preparing inline document"
            #1 file
                [0] on scratch: copy #0 /EOF -> /hello parents
                llb.customname "[app 1/1] FILE /hello"
            result #1
        "##]],
    );
}

#[test]
fn copies_of_a_context() {
    let build = |b: &Build, (): ()| {
        let src = b.context();
        b.runtime("app", "debian:bookworm-slim")
            .workdir("/app")
            .copy(src.files(["package.json", "package-lock.json"]), "./")
            .copy(
                src.dir("src")
                    .include(["**/*.js"])
                    .exclude(["**/*.test.js"])
                    .owner("node:node")
                    .mode(0o644),
                "src",
            )
    };
    check(
        build,
        "app",
        expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[app] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 file
            [0] on #0: mkdir /app mode 0755 parents
            llb.customname "[app 1/3] WORKDIR /app"
        #2 source local://context
            local.excludepatterns ["node_modules"]
            local.followpaths ["package-lock.json","package.json","src"]
            local.session session
            local.sharedkeyhint context
            llb.customname "[internal] load build context"
        #3 file
            [0] on #1: copy #2 /package.json -> /app/ follow contents parents wildcard none-ok
            [1] on [0]: copy #2 /package-lock.json -> /app/ follow contents parents wildcard none-ok
            llb.customname "[app 2/3] COPY package.json package-lock.json ./"
        #4 file
            [0] on #3: copy #2 /src -> /app/src mode 0644 owner node@#3:node@#3 follow contents parents wildcard none-ok include ["**/*.js"] exclude ["**/*.test.js"]
            llb.customname "[app 3/3] COPY src src"
        result #4
    "##]],
    );
}

#[test]
fn a_variable_that_was_set_again_keeps_its_place_for_those_who_start_there() {
    let build = |b: &Build, (): ()| {
        let base = b.base("base", "busybox").env("A", 1).env("B", 2).env("A", 3).run("before");
        base.runtime("app").run("after")
    };
    let text = printed(&plan_of(build), "app");
    let env = |line: &str| {
        let exec = text.split("exec ").find(|exec| exec.starts_with(line)).expect(&text);
        let variables = exec.lines().filter_map(|line| line.trim().strip_prefix("env "));
        variables
            .filter(|it| it.starts_with(['A', 'B']))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(env("/bin/sh -c before"), ["B=2", "A=3"], "{text}");
    assert_eq!(env("/bin/sh -c after"), ["A=3", "B=2"], "{text}");
}

#[test]
fn all_of_a_context_has_no_follow_paths() {
    let build = |b: &Build, (): ()| {
        let src = b.context();
        b.runtime("app", Scratch).copy(src.file("a"), "/").copy(src.all(), "/all/")
    };
    check(
        build,
        "app",
        expect![[r##"
        #0 source local://context
            local.excludepatterns ["node_modules"]
            local.session session
            local.sharedkeyhint context
            llb.customname "[internal] load build context"
        #1 file
            [0] on scratch: copy #0 /a -> / follow contents parents wildcard none-ok
            llb.customname "[app 1/2] COPY a /"
        #2 file
            [0] on #1: copy #0 / -> /all/ follow contents parents wildcard none-ok
            llb.customname "[app 2/2] COPY . /all/"
        result #2
    "##]],
    );
}

#[test]
fn commands_with_mounts_and_environment() {
    let build = |b: &Build, (): ()| {
        let token = b.secret("token");
        let cert = b.secret("cert").optional();
        let tools = b.builder("tools", "golang:1.23").run(["go", "install", "example.com/tool"]);
        b.runtime("app", "debian:bookworm-slim")
            .env("A", 1)
            .env("LANG", "de_DE.UTF-8")
            .user("1000:1000")
            .run(
                sh("make")
                    .cache(Cache::at("/root/.cache"))
                    .cache(Cache::at("/var/cache/apt").id("apt").locked())
                    .tmpfs("/tmp")
                    .bind(tools.artifact("/go/bin"), "/tools")
                    .secret(&token)
                    .secret_env("CERT", &cert)
                    .env("A", 2)
                    .workdir("sub")
                    .user("root")
                    .no_network(),
            )
            .run(argv(["true"]).ssh("default").ssh("work"))
    };
    check(
        build,
        "app",
        expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[app] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 source docker-image://docker.io/library/golang:1.23@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[tools] FROM docker.io/library/golang:1.23@sha256:abababababababababababababababababababababababababababababababab"
        #2 exec go install example.com/tool (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #1 -> output 0
            llb.customname "[tools 1/1] RUN [\"go\",\"install\",\"example.com/tool\"]"
        #3 exec /bin/sh -c make (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=de_DE.UTF-8
            env A=2
            cwd /sub
            user root
            network none
            mount / #0 -> output 0
            mount /root/.cache cache //root/.cache shared
            mount /tmp tmpfs
            mount /tools #2 at /go/bin readonly
            mount /var/cache/apt cache /apt locked
            mount /run/secrets/token secret token mode 0400
            secret cert as env CERT optional
            llb.customname "[app 4/5] RUN make"
        #4 exec true (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env A=1
            env LANG=de_DE.UTF-8
            env SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0
            user 1000:1000
            mount / #3 -> output 0
            mount /run/buildkit/ssh_agent.0 ssh default mode 0600
            mount /run/buildkit/ssh_agent.1 ssh work mode 0600
            llb.customname "[app 5/5] RUN [\"true\"]"
        result #4
    "##]],
    );
}

#[test]
fn directories_and_files() {
    let build = |b: &Build, (): ()| {
        b.runtime("app", "debian:bookworm-slim")
            .user("www-data")
            .workdir("/srv")
            .mkdir("data/in")
            .file("bin/start", text("#!/bin/sh\nexec true\n").mode(0o755).owner("root:staff"))
            .workdir("sub")
    };
    check(
        build,
        "app",
        expect![[r##"
            #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
                llb.customname "[app] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
            #1 file
                [0] on #0: mkdir /srv mode 0755 parents owner www-data@#0:
                llb.customname "[app 2/5] WORKDIR /srv"
            #2 file
                [0] on #1: mkdir /srv/data/in mode 0755 parents
                llb.customname "[app 3/5] MKDIR data/in"
            #3 file
                [0] on scratch: mkfile /EOF mode 0644 "#!/bin/sh\nexec true\n"
                llb.customname "[internal] preparing inline document"
            #4 file
                [0] on #2: copy #3 /EOF -> /srv/bin/start mode 0755 owner 0:staff@#2 parents
                llb.customname "[app 4/5] FILE bin/start"
            #5 file
                [0] on #4: mkdir /srv/sub mode 0755 parents owner www-data@#4:
                llb.customname "[app 5/5] WORKDIR sub"
            result #5
        "##]],
    );
}

fn gated(gates: bool) -> Plan {
    plan_of(|b: &Build, (): ()| {
        let app = b.builder("build", "debian:bookworm-slim").run("make");
        let unit = app.tester("unit").run("make test");
        let lint = app.tester("lint").run("make lint");
        let image = b.runtime("app", Scratch).copy(app.artifact("/out"), "/");
        let image = if gates { image.gated_by([&unit, &lint]) } else { image };
        Targets::new().product(image).target(unit).target(lint)
    })
}

#[test]
fn gates_are_one_passthrough_above_the_image() {
    expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[build] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 exec /bin/sh -c make (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #0 -> output 0
            llb.customname "[build 1/1] RUN make"
        #2 file
            [0] on scratch: copy #1 /out -> / follow contents parents wildcard none-ok
            llb.customname "[app 1/1] COPY --from=build /out /"
        #3 exec /bin/sh -c "make test" (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #1 -> output 0
            llb.customname "[unit 1/1] RUN make test"
        #4 exec /bin/sh -c "make lint" (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #1 -> output 0
            llb.customname "[lint 1/1] RUN make lint"
        #5 passthrough "gate app" #2
            requires #2 #3 #4
            llb.customname "[app] gated by unit, lint"
        result #5
    "##]].assert_eq(&printed(&gated(true), "app"));
}

#[test]
fn without_the_gate_the_image_below_is_the_same() {
    let digests = |gates| {
        let lowered = lowered(&gated(gates), &["app"]);
        let definition = lowered.graph.definition(lowered.targets[0].output).unwrap();
        definition.digests().map(|digest| digest.to_string()).collect::<Vec<_>>()
    };
    let (with, without) = (digests(true), digests(false));
    assert!(with.len() > without.len());
    assert!(without[..without.len() - 1].iter().all(|digest| with.contains(digest)));
}

#[test]
fn without_the_cap_gates_are_left_to_the_driver() {
    let lowered = try_lower(&gated(true), &["app"], false).unwrap();
    let app = &lowered.targets[0];
    assert_eq!(app.gates.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["unit", "lint"]);
    let without = lowered.graph.definition(app.output).unwrap();
    assert!(!without.caps().contains("passthroughop"));
}

#[test]
fn a_tester_waits_for_its_gates() {
    let plan = plan_of(|b: &Build, (): ()| {
        let base = b.base("base", "debian:bookworm-slim").run("setup");
        let lint = base.tester("lint").run("lint");
        let e2e = base.tester("e2e").gated_by(&lint).run("e2e");
        Targets::new().target(e2e)
    });
    expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[base] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 exec /bin/sh -c setup (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #0 -> output 0
            llb.customname "[base 1/1] RUN setup"
        #2 exec /bin/sh -c lint (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #1 -> output 0
            llb.customname "[lint 1/1] RUN lint"
        #3 passthrough "order e2e" #1
            requires #1 #2
            llb.customname "[e2e] after lint"
        #4 exec /bin/sh -c e2e (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #3 -> output 0
            llb.customname "[e2e 1/1] RUN e2e"
        result #4
    "##]].assert_eq(&printed(&plan, "e2e"));
    let error = try_lower(&plan, &["e2e"], false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tester `e2e` waits for other testers, and the daemon cannot order them: it lacks `passthroughop`"
    );
}

#[test]
fn a_runtime_has_the_gates_of_the_image_it_started_from() {
    let plan = plan_of(|b: &Build, (): ()| {
        let image = b.runtime("app", "debian:bookworm-slim").run("setup");
        let e2e = image.tester("e2e").run("e2e");
        let image = image.gated_by(&e2e);
        let variant = image.runtime("variant").env("MODE", "b");
        Targets::new().product(image).product(variant)
    });
    let lowered = lowered(&plan, &["app", "variant"]);
    let definition = lowered.graph.definition(lowered.targets[1].output).unwrap();
    assert!(definition.to_string().contains("gated by e2e"), "{definition}");
}

#[test]
fn targets_share_one_op_for_each_context() {
    let plan = plan_of(|b: &Build, (): ()| {
        let src = b.context();
        let image = |name: &str| b.runtime(name, Scratch).copy(src.file(name), "/");
        Targets::new().product(image("web")).product(image("api"))
    });
    let lowered = lowered(&plan, &["api", "web"]);
    let definitions: Vec<Definition> = lowered
        .targets
        .iter()
        .map(|target| lowered.graph.definition(target.output).unwrap())
        .collect();
    let first = |definition: &Definition| definition.digests().next().unwrap();
    assert_eq!(first(&definitions[0]), first(&definitions[1]));
    expect![[r##"
        #0 source local://context
            local.excludepatterns ["node_modules"]
            local.followpaths ["api","web"]
            local.session session
            local.sharedkeyhint context
            llb.customname "[internal] load build context"
        #1 file
            [0] on scratch: copy #0 /api -> / follow contents parents wildcard none-ok
            llb.customname "[api 1/1] COPY api /"
        result #1
    "##]]
    .assert_eq(&without_places(&definitions[0]));
}

#[test]
fn the_builds_platform_is_asked_for_and_kept() {
    let build = |b: &Build, (): ()| {
        let platform = b.platform().to_string();
        b.runtime("app", Scratch).file("/platform", platform)
    };
    let plan = plan(build, &[]).unwrap();
    assert_eq!(plan.platform.as_deref(), Some("linux/amd64"));
    assert_eq!(Platform::new("linux", "amd64").to_string(), "linux/amd64");
}

#[test]
fn a_plan_comes_back_from_json() {
    let plan = plan_of(|b: &Build, (): ()| {
        let src = b.context();
        let app = b.builder("build", "debian:bookworm-slim").copy(src.all(), "/src").run("make");
        let unit = app.tester("unit").run(sh("make test").cache(Cache::npm()));
        let image = b
            .runtime("app", Scratch)
            .copy(app.artifact("/out"), "/")
            .healthcheck(Healthcheck::cmd(["/app", "health"]).every(secs(5)).retries(3))
            .expose([80, 443])
            .label("a", "b")
            .gated_by(&unit);
        Targets::new().product(image).target(unit)
    });
    assert_eq!(Plan::from_json(&plan.to_json()).unwrap(), plan);
    let newer = plan.to_json().replace("\"version\": 1", "\"version\": 2");
    let error = Plan::from_json(&newer).unwrap_err();
    assert_eq!(error.to_string(), "a plan of version 2, but this program reads version 1");
}

#[test]
fn every_op_says_where_it_was_written() {
    let line = line!() + 1;
    let plan = plan_of(|b: &Build, (): ()| b.runtime("app", "debian").run("true"));
    let lowered = lowered(&plan, &["app"]);
    let text = lowered.graph.definition(lowered.targets[0].output).unwrap().to_string();
    let places = text.lines().filter(|it| it.trim_start().starts_with("written in"));
    assert_eq!(
        places
            .filter(|it| it.contains(&format!("tests/golden/lowering.rs {line}:")))
            .count(),
        2,
        "{text}"
    );
}

/// What a stage has from those before it must not be copied for each: a chain would never end.
#[test]
fn a_chain_of_ten_thousand_stages_is_lowered() {
    const STAGES: usize = 10_000;
    let plan = plan_of(|b: &Build, (): ()| {
        let first = b.base("s0", "debian").env("A", "b");
        let last = (1..STAGES).fold(first, |before, number| {
            // What it has of its own is handed on as well.
            before
                .base(format!("s{number}"))
                .env(format!("V{number}"), "x".repeat(100))
                .env("A", "b")
        });
        Targets::new().product(last.runtime("app").cmd(["a"]))
    });
    let lowered = lowered(&plan, &["app"]);
    let config = lowered.targets[0].config.as_ref().unwrap();
    let ours = config.history.iter().filter(|step| step.created_by == "ENV A=b");
    assert_eq!(ours.count(), STAGES);
}
