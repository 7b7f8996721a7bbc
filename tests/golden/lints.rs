//! What is doubtful in a Plan that holds together, and what is said of it.

use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};
use stagewright_plan::check::check;
use stagewright_plan::config::ImageConfig;
use stagewright_plan::lint::{Code, lint, lint_images, lint_tool, tool};
use stagewright_plan::{
    Build, Cache, Healthcheck, HttpTool, Outcome, Plan, Platform, Problem, Problems, Scratch, Targets, sh,
};
use stagewright_yaml::Document;

use crate::world::{lowered, plan_of};

#[allow(dead_code, reason = "its `main` is for those who run it")]
#[path = "../../examples/lucid/main.rs"]
mod lucid;
#[allow(dead_code, reason = "its `main` is for those who run it")]
#[path = "../../examples/service/stages.rs"]
mod recipe;

pub(crate) fn warnings(plan: &Plan) -> Vec<Problem> {
    lint(&check(plan).unwrap(), &|_| false)
}

/// What is found in a build, with lines counted from the test's own.
fn found<O: Outcome>(line: u32, build: impl Fn(&Build, ()) -> O, expected: Expect) {
    let problems = match stagewright_plan::plan(build, &[]) {
        Ok(plan) => warnings(&plan),
        Err(problems) => problems.into_iter().collect(),
    };
    let mut text = String::new();
    for problem in problems {
        let mut one = problem.to_string();
        for site in problem.at.iter().chain(problem.related.iter().map(|(site, _)| site)) {
            one = one.replace(&site.to_string(), &format!("+{}", site.line - line));
        }
        text += &format!("{one}\n");
    }
    expected.assert_eq(&text);
}

#[test]
fn lists_of_apt() {
    found(
        line!(),
        |b, ()| {
            let base = b.base("base", "debian:12").run("apt-get update && apt-get install -y curl");
            let tools = base.builder("tools").run("apt-get update");
            let image = base
                .runtime("app")
                .run(sh("apt-get update").cache(Cache::apt()))
                .copy(tools.artifact("/out"), "/out");
            Targets::new().product(image)
        },
        expect![[r#"
            +2: apt's lists stay in the image: they are of no use there [apt-leftovers]
              help: give the command apt's cache, or end it with `&& rm -rf /var/lib/apt/lists/*`
        "#]],
    );
}

#[test]
fn images_that_move() {
    found(
        line!(),
        |b, ()| {
            let base = b.base("base", "debian");
            let digest = format!("debian@sha256:{}", "0".repeat(64));
            let tools = b.builder("tools", digest).run("make");
            let image = base
                .runtime("app")
                .copy(b.image("busybox:latest").file("/bin/sh"), "/sh")
                .copy(tools.artifact("/out"), "/out");
            Targets::new().product(image)
        },
        expect![[r#"
            +2: `debian` has no tag, and is another image tomorrow [latest-image]
              help: name a version, as in `node:18-slim`, or a digest
            +7: `busybox:latest` is another image tomorrow [latest-image]
              help: name a version, as in `node:18-slim`, or a digest
        "#]],
    );
    let plan = plan_of(|b: &Build, ()| b.runtime("app", "debian"));
    assert_eq!(lint(&check(&plan).unwrap(), &|name| name == "debian"), []);
}

#[test]
fn secrets() {
    found(
        line!(),
        |b, ()| {
            let token = format!("glpat-{}", "0123456789".repeat(2));
            b.base("base", "debian:12")
                .env("API_TOKEN", "abc")
                .runtime("app")
                .env("DB_PASSWORD", "hunter2")
                .env("PASSWORD_FILE", "/run/secrets/password")
                .env("KONG_SSL_CERT_KEY", "/etc/kong/key.pem")
                .run(sh("npm ci").env("NPM_TOKEN", "abc"))
                .run(format!("curl -H 'x: {token}' example.com"))
                .file("/key", "-----BEGIN PRIVATE KEY-----\n")
                .label("token", &token)
                .annotation("token", token)
        },
        expect![[r#"
            +4: `API_TOKEN` is a secret by its name, and its value stays in the image's configuration and history [secret-in-env]
              help: give it to the steps that need it as a secret, and to containers when they run
            +5: a token of GitLab stands in a label [secret-literal]
              help: take it out and revoke it; a step is given it as a secret, a container when it runs
            +5: a token of GitLab stands in an annotation [secret-literal]
              help: take it out and revoke it; a step is given it as a secret, a container when it runs
            +6: `DB_PASSWORD` is a secret by its name, and its value stays in the image's configuration and history [secret-in-env]
              help: give it to the steps that need it as a secret, and to containers when they run
            +9: `NPM_TOKEN` is a secret by its name, and its value stays in the build's records and its cache [secret-in-env]
              help: give it to the steps that need it as a secret, and to containers when they run
            +10: a token of GitLab stands in a command [secret-literal]
              help: take it out and revoke it; a step is given it as a secret, a container when it runs
            +11: a private key stands in a file [secret-literal]
              help: take it out and revoke it; a step is given it as a secret, a container when it runs
        "#]],
    );
}

#[test]
fn artifacts_that_nothing_makes() {
    found(
        line!(),
        |b, ()| {
            let src = b.context();
            let files = b
                .builder("files", Scratch)
                .workdir("/etc")
                .file("app/app.conf", "port=80\n")
                .copy(src.dir("data"), "/srv/data/");
            let image = b
                .runtime("app", "debian:12")
                .copy(files.artifact("/etc/app"), "/etc/app/")
                .copy(files.artifact("/srv/data/deep/file"), "/file")
                .copy(files.artifact("/etc/app/app.cnf"), "/etc/")
                .copy(files.artifact("/out"), "/out")
                .copy(files.artifact("/out").optional(), "/out");
            Targets::new().product(image)
        },
        expect![[r#"
            +12: no step of `files` makes `/etc/app/app.cnf`, and no command runs there [artifact-never-made]
              +4: this stage
              help: did you mean `/etc/app/app.conf`?
            +13: no step of `files` makes `/out`, and no command runs there [artifact-never-made]
              +4: this stage
              help: name what its steps copy or write
        "#]],
    );
}

#[test]
fn testers_that_never_run() {
    found(
        line!(),
        |b, ()| {
            let image = b.runtime("app", "debian:12");
            let unit = image.tester("unit").run("true");
            drop(unit);
            image
        },
        expect![[r#"
            +3: no target needs tester `unit`: it would never run [unused-tester]
              help: gate an image by it, or make it a target
        "#]],
    );
}

#[test]
fn what_is_allowed_is_not_told() {
    let plan = plan_of(|b: &Build, ()| {
        b.allow("secret-in-env");
        let image = b
            .runtime("app", "debian")
            .allow("latest-image")
            .env("API_KEY", "x")
            .user("root");
        let image = image.allow("root-user");
        drop(image.tester("unit").run("true").allow("unused-tester"));
        image
    });
    assert_eq!(warnings(&plan), []);
    let config = ImageConfig::from_json(b"{\"config\":{\"User\":\"root\"}}").unwrap();
    assert_eq!(lint_images(&check(&plan).unwrap(), &[("app", &config)]), []);
}

#[test]
fn what_allows_nothing_is_told() {
    found(
        line!(),
        |b, ()| {
            b.allow("apt-leftovers");
            b.allow("root-user");
            b.runtime("app", "debian:12").allow("latest-image")
        },
        expect![[r#"
            +2: `apt-leftovers` is allowed, where it is not found [unused-allow]
              help: leave it out
            +4: `latest-image` is allowed in `app`, where it is not found [unused-allow]
              help: leave it out
        "#]],
    );
    found(
        line!(),
        |b, ()| {
            b.allow("latest-images");
            b.runtime("app", "debian:12").allow("everything")
        },
        expect![[r#"
            +2: there is no finding `latest-images` to allow
              help: did you mean `latest-image`?
            +3: there is no finding `everything` to allow
              help: there are apt-leftovers, artifact-never-made, healthcheck-tool, latest-image, root-user, secret-in-env, secret-literal, unused-allow, unused-tester
        "#]],
    );
}

#[test]
fn what_images_are_told_of_once_they_are_known() {
    let plan = plan_of(|b: &Build, ()| {
        let base = b.base("base", "node:18-slim");
        let check = Healthcheck::http(HttpTool::Curl, "http://localhost");
        Targets::new()
            .product(base.runtime("app").healthcheck(check))
            .product(base.runtime("safe"))
            .target(base.dev("debug"))
    });
    let checked = check(&plan).unwrap();
    let config = |text: &str| ImageConfig::from_json(text.as_bytes()).unwrap();
    let (root, node) = (config("{}"), config(r#"{"config":{"User":"node"}}"#));
    let told = lint_images(&checked, &[("app", &root), ("safe", &node), ("debug", &root)]);
    let [told] = &told[..] else { panic!("{told:?}") };
    assert_eq!(told.code, Some(Code::RootUser));
    assert_eq!(told.message, "containers of `app` run as root");
    let health = config(r#"{"config":{"Env":["PATH=/bin"],"Healthcheck":{"Test":["CMD","curl"]}}}"#);
    let told = lint_tool(&checked, "app", &tool(&health).unwrap()).unwrap();
    assert_eq!(told.message, "the health check of `app` runs `curl`, which its image does not have");
}

pub(crate) fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/checks")
}

pub(crate) fn read(text: &str) -> Result<Plan, Problems> {
    let amd64 = Platform::new("linux", "amd64");
    let none: [(&str, &str); 0] = [];
    Document::parse("stages.yaml", text)?.plan(&none, &amd64, &amd64)
}

/// Everything that is found in a Plan and in its images, on Debian with a little environment.
pub(crate) fn all_found(plan: &Plan) -> Vec<Problem> {
    let targets: Vec<&str> = plan.targets.iter().map(|target| target.name.as_str()).collect();
    let lowered = lowered(plan, &targets);
    let images = lowered.targets.iter();
    let images: Vec<_> = images
        .filter_map(|target| Some((target.name.as_str(), target.config.as_ref()?)))
        .collect();
    let checked = check(plan).unwrap();
    let of_images = lint_images(&checked, &images);
    warnings(plan).into_iter().chain(of_images).collect()
}

#[test]
fn nothing_is_doubtful_in_the_examples_without_goldens() {
    assert_eq!(all_found(&plan_of(recipe::build)), [], "service");
    for environment in ["production", "development", "testing"] {
        let given = [("BUILD_ENVIRONMENT", environment), ("VERSION", "1.2.3")];
        let plan = stagewright_plan::plan(lucid::build, &given).unwrap();
        assert_eq!(all_found(&plan), [], "lucid {environment}");
    }
}
