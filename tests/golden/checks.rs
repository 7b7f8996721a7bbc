//! Misuse that compiles, and the words it earns.

use expect_test::{Expect, expect};
use stagewright_plan::plan::Role;
use stagewright_plan::{
    Build, Cache, Healthcheck, HttpTool, Outcome, Platform, Scratch, Stage, Targets, argv, plan, role,
    script, sh, text,
};

/// The problems of a build function, with lines counted from the test's own.
fn check<O: Outcome>(line: u32, build: impl Fn(&Build, ()) -> O, expected: Expect) {
    let problems = plan(build, &[]).expect_err("the build is wrong");
    let mut printed = problems.to_string();
    for site in problems
        .iter()
        .flat_map(|p| p.at.iter().chain(p.related.iter().map(|(site, _)| site)))
    {
        printed = printed.replace(&site.to_string(), &format!("+{}", site.line - line));
    }
    expected.assert_eq(&printed);
}

#[test]
fn names_and_images() {
    check(
        line!(),
        |b, ()| {
            let node = String::new();
            let base = b.base("Base", format!("node:{node}"));
            let twice = base.runtime("app");
            let again = b.runtime("app", "Debian");
            Targets::new().product(twice).product(again)
        },
        expect![[r#"
            +3: `Base` is not a stage's name
              help: a lower-case letter, then lower-case letters, digits, `-`, `_` and `.`
            +3: image name "node:" has "" where a tag of up to 128 letters, digits, `_`, `.` and `-` is expected
              help: nothing stands after the colon: is a parameter empty?
            +5: image name "Debian" has capital letters in "Debian": a repository is lower case
              help: as in `node:18-slim`, `registry.example.com/team/app:1.2` or `name@sha256:…`
            +5: two stages are named `app`
              +4: this is the first
              help: give it another name: names tell stages apart in targets, pictures and progress
            +6: two targets are named `app`
              +6: this is the first"#]],
    );
}

#[test]
fn paths() {
    check(
        line!(),
        |b, ()| {
            let src = b.context();
            let app = b.builder("build", "debian").run("make");
            let relative = app.artifact("dist");
            let whole = app.artifact("/");
            b.runtime("app", Scratch)
                .copy(src.file("../secret"), "/")
                .copy(src.file("/etc/passwd"), "/")
                .copy(src.files(["a", "b"]), "c")
                .copy(src.file("x"), "/usr/bin/ 2>/dev/null || true")
                .copy(relative, "/")
                .copy(whole, "/")
                .file("etc/", "")
                .mkdir("")
        },
        expect![[r#"
            +7: `../secret` leaves the context
              help: copy it into the directory of `context`, or give it as a context of its own
            +8: `/etc/passwd` starts with a slash
              help: paths of a context are relative to its root
            +9: 2 files cannot become the one file `c`
              help: end the destination with a slash: `c/`
            +10: "/usr/bin/ 2>/dev/null || true" is not the path of a destination
              help: `||` is the shell's, and no shell reads paths
            +11: the artifact `dist` of `build` is not an absolute path
              help: artifacts are named from the root, as in `/app/dist`
            +12: all of `build` is copied, with the image that it started from
              help: name what is wanted, as in `/app/dist`
            +13: `etc/` is a directory's path, not a file's
            +14: the path of the directory is empty
              help: the working directory itself is `./`"#]],
    );
}

#[test]
fn a_text_that_describes_nothing() {
    check(
        line!(),
        |b, ()| Targets::new().described("All there is").product(b.runtime("app", "debian:12")),
        expect![[r#"
            +1: this describes no target
              help: call it after the target that it is about"#]],
    );
}

#[test]
fn a_runtime_from_a_dev_image_in_a_plan_of_another_make() {
    let dev =
        |b: &Build, (): ()| Targets::new().target(b.base("base", "debian:12").dev("debug").runtime("app"));
    let mut plan = plan(dev, &[]).unwrap();
    assert_eq!(plan.stage("app").unwrap().role, Role::Dev);
    plan.stages.iter_mut().find(|stage| stage.name == "app").unwrap().role = Role::Runtime;
    let problems = stagewright_plan::check::check(&plan).unwrap_err().to_string();
    assert!(problems.contains("a runtime stage cannot start from a dev stage"), "{problems}");
    assert!(problems.contains("help: what starts from a dev image is one: `dev`"), "{problems}");
}

#[test]
fn a_health_check_that_its_tool_cannot_do() {
    check(
        line!(),
        |b, ()| {
            b.runtime("app", "debian:12")
                .healthcheck(Healthcheck::http(HttpTool::Bash, "https://localhost/health"))
        },
        expect![[r#"
            +2: bash cannot ask "https://localhost/health"
              help: bash knows URLs that begin with `http://`; for others take a tool that knows TLS"#]],
    );
}

#[test]
fn commands_and_mounts() {
    check(
        line!(),
        |b, ()| {
            b.runtime("app", "debian")
                .run("  ")
                .run(argv(Vec::<String>::new()))
                .run(sh("true").tmpfs("tmp").tmpfs("/a").tmpfs("/a/"))
                .env("A=B", "c")
                .user("a b")
                .file("/x", text("").mode(0o70000))
        },
        expect![[r#"
            +3: the command is empty
            +4: the command is empty
            +5: `tmp` is not where something can be mounted
              help: an absolute path below the root
            +5: two mounts are at `/a/`
            +6: "A=B" is not an environment variable's name
            +7: "a b" is not a user
              help: a name or an id, with `:group` if wanted
            +8: 28672 is no mode
              help: permission bits are octal: `0o755`"#]],
    );
}

#[test]
fn a_command_in_an_empty_filesystem() {
    check(
        line!(),
        |b, ()| b.runtime("app", Scratch).run("true"),
        expect![[r#"
            +1: stage `app` is empty: there is nothing to run
              help: copy a program into it first, or start from an image"#]],
    );
}

#[test]
fn a_command_in_a_filesystem_that_started_empty_elsewhere() {
    check(
        line!(),
        |b, ()| {
            let base = b.base("base", Scratch).env("A", "nul\0");
            base.runtime("app")
                .run(sh("true").env("TOKEN", 1).secret_env("TOKEN", &b.secret("token")))
        },
        expect![[r#"
            +2: an environment variable has a NUL in it: "nul\0"
            +4: `TOKEN` is a secret and a text at once
            +4: stage `app` is empty: there is nothing to run
              help: copy a program into it first, or start from an image"#]],
    );
}

#[test]
fn a_step_after_the_first_use() {
    check(
        line!(),
        |b, ()| {
            let base = b.base("base", "debian");
            let app = base.builder("build").run("make");
            let base = base.env("LATE", "1");
            let image = base.runtime("app").copy(app.artifact("/out"), "/");
            let app = app.run("make more");
            Targets::new().product(image).product(app.dev("dev"))
        },
        expect![[r#"
            +4: a step of stage `base` comes after its first use
              +3: `base` is started from by `build` here
              help: write the step before that, or start another stage for it
            +6: a step of stage `build` comes after its first use
              +5: `build` is copied from here
              help: write the step before that, or start another stage for it"#]],
    );
}

#[test]
fn configuration_after_another_image_started() {
    check(
        line!(),
        |b, ()| {
            let image = b.runtime("app", "debian");
            let variant = image.runtime("variant");
            Targets::new().product(image.cmd(["late"])).product(variant)
        },
        expect![[r#"
            +4: the configuration of image `app` changes after another image started from it
              +3: `app` is started from by `variant` here
              help: write it before that"#]],
    );
}

#[test]
fn a_tester_that_nothing_needs() {
    check(
        line!(),
        |b, ()| {
            let app = b.builder("build", "debian").run("make");
            let _unit = app.tester("unit").run("make test");
            b.runtime("app", Scratch).copy(app.artifact("/out"), "/")
        },
        expect![[r#"
            +3: no target needs tester `unit`: it would never run [unused-tester]
              help: gate an image by it, or make it a target"#]],
    );
}

#[test]
fn no_targets_and_equal_targets() {
    check(
        line!(),
        |_, ()| Targets::new(),
        expect![[r#"
        the build has no targets
          help: name the images that it makes: they are its products"#]],
    );
    check(
        line!(),
        |b, ()| {
            let image = b.runtime("app", "debian");
            Targets::new().product(&image).target(&image)
        },
        expect![[r#"
            +3: two targets are named `app`
              +3: this is the first"#]],
    );
}

#[test]
fn testers_that_wait_for_each_other() {
    check(
        line!(),
        |b, ()| {
            let one = b.tester("one", "debian").run("true");
            let two = b.tester("two", "debian").gated_by(&one).run("true");
            let one = one.gated_by(&two);
            Targets::new().target(one).target(two)
        },
        expect![[r#"
            +2: stages are made from each other in a ring: `one` from `two` from `one`
              +3: is part of the ring"#]],
    );
}

#[test]
fn what_the_program_says_itself() {
    check(
        line!(),
        |b, ()| {
            b.problem("only Debian is supported");
            b.runtime("app", "debian")
        },
        expect!["+2: only Debian is supported"],
    );
    check(
        line!(),
        |_, ()| Err::<Stage<role::Runtime>, _>("no config"),
        expect!["the build function failed: no config"],
    );
}

#[test]
fn sources_and_copies() {
    check(
        line!(),
        |b, ()| {
            let src = b.context();
            b.runtime("app", Scratch)
                .copy(b.git("ftp://example.com/tool").all(), "/")
                .copy(b.git("https://example.com/tool.git").checksum("v1").all(), "/")
                .copy(b.http("example.com/tool"), "/")
                .copy(b.http("https://example.com/tool").checksum("abc"), "/")
                .copy(b.http("https://example.com/tool").parents(), "/")
                .copy(src.all().link().owner("node"), "/")
                .copy(src.all().parents().include(["*.rs"]), "/")
                .copy(b.image("node").on(&Platform::new("a b", "c")).file("/a"), "/")
                .remove("..")
                .symlink("", "/a")
        },
        expect![[r#"
            +4: git URL "ftp://example.com/tool" has the protocol "ftp": there are http, https, ssh, git
              help: as in `https://example.com/tool.git#v1.2`
            +5: git source "git://example.com/tool.git" has the checksum "v1": hexadecimal digits are expected
            +6: http source "example.com/tool" is not http:// or https:// with a host
            +7: digest "abc" is not sha256: and 64 lower-case hexadecimal digits
              help: `sha256:` and 64 hexadecimal digits
            +8: a file of a web server has no parents
            +9: a linked copy does not know the users of what is below it
              help: give the owner by ids, as in `1000:1000`
            +10: a copy with parents takes no patterns to include
              help: write them as paths, as in `packages/*/package.json`
            +11: operating system "a b" of platform "a b/c" is not os or os(version+feature)
              help: as in `linux/arm64`
            +12: `..` is everything that is there
              help: to begin anew, start another stage
            +13: the path of the target of a link is empty
              help: the working directory itself is `./`"#]],
    );
}

#[test]
fn scripts_and_caches() {
    check(
        line!(),
        |b, ()| {
            let tester = b.tester("unit", "debian").run("true");
            let other = b.tester("verdict", "debian").copy(tester.reports(), "/reports");
            b.runtime("app", "debian")
                .run(script("", "true"))
                .run(script("bash", " "))
                .run(sh("true").cache(Cache::at("relative")))
                .run(sh("true").cache(Cache::at("/a").mode(0o1777)))
                .run(sh("true").cache("/a").cache("/a"))
                .gated_by(&other)
        },
        expect![[r#"
            +3: tester `unit` leaves no reports
              +2: this tester
              help: say in that tester which files are its reports
            +5: the command is empty
            +6: the script is empty
            +7: `relative` is not where something can be mounted
              help: an absolute path below the root
            +8: 0o1777 is no mode of a directory that is made
              help: permission bits, as in `0o755`; others are set by a command: `chmod 1777 /tmp`
            +9: two mounts are at `/a`"#]],
    );
}

#[test]
fn words_that_are_missing() {
    check(
        line!(),
        |b, ()| {
            let src = b.context();
            let none: [&str; 0] = [];
            let unit = b
                .tester("unit", "debian")
                .copy(src.dir("a").include([""]), "/")
                .copy(src.files(none), "/b/")
                .copy(b.context_named("").all(), "/c/")
                .run(sh("make").ssh(""))
                .report("");
            b.runtime("app", "debian")
                .entrypoint([""])
                .volume("data")
                .sbom_by("Scanner")
                .gated_by(&unit)
        },
        expect![[r#"
            +6: "" is not a pattern
            +7: nothing is copied: the list of paths is empty
            +8: a context without a name
            +9: the id of an ssh agent is empty
              help: the usual one is `default`
            +10: "" is not the path of a report
            +11: image name "Scanner" has capital letters in "Scanner": a repository is lower case
              help: as in `node:18-slim`, `registry.example.com/team/app:1.2` or `name@sha256:…`
            +11: the entrypoint of `app` is an empty word
            +11: the volume `data` is not an absolute path"#]],
    );
}

#[test]
fn a_parameter_that_nobody_has() {
    let build = |b: &Build, (): ()| b.runtime("app", "debian");
    let problems = plan(build, &[("node", "18")]).expect_err("there is no parameter").to_string();
    assert!(problems.contains("this build has no parameters"), "{problems}");
}
