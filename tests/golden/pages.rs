//! The pages in `docs/checks`: each has an example that is wrong and one that is right, in Rust and in YAML. The Rust stands
//! here, too, where it is compiled.

use std::fs;
use std::path::Path;

use stagewright_plan::lint::{Code, Severity};
use stagewright_plan::{
    Build, Cache, Healthcheck, HttpTool, Plan, Problem, Problems, Scratch, Stage, Targets, plan, role, sh,
};

use crate::lints::{all_found, docs, read};

type Example = fn(&Build, ()) -> Targets;

/// What is wrong on each page, and what is right, by functions of this name with `_wrong` and `_right` behind.
const RUST: [(Code, &str, Example, Example); 9] = [
    (Code::AptLeftovers, "apt", apt_wrong, apt_right),
    (Code::ArtifactNeverMade, "artifact", artifact_wrong, artifact_right),
    (Code::HealthcheckTool, "tool", tool_wrong, tool_right),
    (Code::LatestImage, "latest", latest_wrong, latest_right),
    (Code::RootUser, "root", root_wrong, root_right),
    (Code::SecretInEnv, "env", env_wrong, env_right),
    (Code::SecretLiteral, "literal", literal_wrong, literal_right),
    (Code::UnusedAllow, "allow", allow_wrong, allow_right),
    (Code::UnusedTester, "tester", tester_wrong, tester_right),
];

fn apt_wrong(b: &Build, (): ()) -> Targets {
    let image = b
        .runtime("app", "debian:12")
        .run("apt-get update && apt-get install -y curl")
        .nonroot();
    Targets::new().product(image)
}

fn apt_right(b: &Build, (): ()) -> Targets {
    let image = b
        .runtime("app", "debian:12")
        .run(sh("apt-get update && apt-get install -y --no-install-recommends curl").cache(Cache::apt()))
        .nonroot();
    Targets::new().product(image)
}

fn artifact_wrong(b: &Build, (): ()) -> Targets {
    let files = b.builder("files", Scratch).file("/etc/app.conf", "port=80\n");
    let image = b.runtime("app", "debian:12").copy(files.artifact("/etc/app.cnf"), "/etc/");
    Targets::new().product(image.nonroot())
}

fn artifact_right(b: &Build, (): ()) -> Targets {
    let files = b.builder("files", Scratch).file("/etc/app.conf", "port=80\n");
    let image = b.runtime("app", "debian:12").copy(files.artifact("/etc/app.conf"), "/etc/");
    Targets::new().product(image.nonroot())
}

fn tool_wrong(b: &Build, (): ()) -> Targets {
    let base = base(b);
    let image = base
        .runtime("app")
        .healthcheck(Healthcheck::http(HttpTool::Curl, "http://localhost:3000/health"));
    Targets::new().product(image.nonroot())
}

fn tool_right(b: &Build, (): ()) -> Targets {
    let base = base(b);
    let image = base
        .runtime("app")
        .healthcheck(Healthcheck::http(HttpTool::Node, "http://localhost:3000/health"));
    Targets::new().product(image.nonroot())
}

fn latest_wrong(b: &Build, (): ()) -> Targets {
    let base = b.base("base", "debian");
    Targets::new().product(base.runtime("app").nonroot())
}

fn latest_right(b: &Build, (): ()) -> Targets {
    let base = b.base("base", "debian:12");
    Targets::new().product(base.runtime("app").nonroot())
}

fn root_wrong(b: &Build, (): ()) -> Targets {
    let image = b.runtime("app", "node:18-slim").cmd(["node", "server.js"]);
    Targets::new().product(image)
}

fn root_right(b: &Build, (): ()) -> Targets {
    let image = b.runtime("app", "node:18-slim").nonroot().cmd(["node", "server.js"]);
    Targets::new().product(image)
}

fn env_wrong(b: &Build, (): ()) -> Targets {
    let base = base(b);
    let app = base.builder("build").env("NPM_TOKEN", "abc123").run("npm ci");
    Targets::new().product(base.runtime("app").copy(app.artifact("/app"), "/app/").nonroot())
}

fn env_right(b: &Build, (): ()) -> Targets {
    let base = base(b);
    let token = b.secret("npm_token");
    let app = base.builder("build").run(sh("npm ci").secret_env("NPM_TOKEN", &token));
    Targets::new().product(base.runtime("app").copy(app.artifact("/app"), "/app/").nonroot())
}

fn literal_wrong(b: &Build, (): ()) -> Targets {
    let base = base(b);
    let image = base.runtime("app").file("/etc/key.pem", "-----BEGIN PRIVATE KEY-----\n…");
    Targets::new().product(image.nonroot())
}

fn literal_right(b: &Build, (): ()) -> Targets {
    let base = base(b);
    // The container is given the key when it runs; a step is given it for its run alone.
    let key = b.secret("key");
    let image = base.runtime("app").run(sh("sign --key /run/secrets/key /app").secret(&key));
    Targets::new().product(image.nonroot())
}

fn allow_wrong(b: &Build, (): ()) -> Targets {
    let base = b.base("base", "debian:12").allow("latest-image");
    Targets::new().product(base.runtime("app").nonroot())
}

fn allow_right(b: &Build, (): ()) -> Targets {
    let base = b.base("base", "debian:12");
    Targets::new().product(base.runtime("app").nonroot())
}

#[expect(unused_variables, reason = "that is what is wrong")]
fn tester_wrong(b: &Build, (): ()) -> Targets {
    let (app, image) = app(b);
    let unit = app.tester("unit").run("npm test");
    Targets::new().product(image)
}

fn tester_right(b: &Build, (): ()) -> Targets {
    let (app, image) = app(b);
    let unit = app.tester("unit").run("npm test");
    Targets::new().product(image.gated_by(&unit)).target(unit)
}

fn base(b: &Build) -> Stage<role::Base> {
    b.base("base", "node:18-slim")
}

fn app(b: &Build) -> (Stage<role::Builder>, Stage<role::Runtime>) {
    let base = base(b);
    let app = base.builder("build").run("npm ci");
    let image = base.runtime("app").copy(app.artifact("/app"), "/app/").nonroot();
    (app, image)
}

#[test]
fn every_code_has_a_page() {
    let mut pages: Vec<String> = fs::read_dir(docs())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    pages.sort();
    assert_eq!(pages, Code::ALL.map(|code| format!("{}.md", code.name())));
    let index = fs::read_to_string(docs().join("README.md")).unwrap();
    for code in Code::ALL {
        let severity = match code.severity() {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let row = format!("| [`{code}`]({code}.md) | {severity} | {} |", code.summary());
        assert!(index.contains(&row), "the index has no row\n{row}");
        assert!(page(code).starts_with(&format!("# `{code}`\n")), "{code}");
    }
}

#[test]
fn what_the_pages_show_is_wrong_and_right() {
    for code in Code::ALL {
        let (_, name, wrong, right) = RUST.into_iter().find(|(of, ..)| *of == code).unwrap();
        let wrong_codes = codes_of_wrong(code);
        assert_eq!(codes(plan(wrong, &[])), wrong_codes, "{code}, the Rust that is wrong");
        assert_eq!(codes(plan(right, &[])), [], "{code}, the Rust that is right");
        for (block, end) in blocks(&page(code), "rust").iter().zip(["wrong", "right"]) {
            let function = function(&format!("{name}_{end}"));
            assert!(words(function).contains(&words(block)), "{block}is not in {function}");
        }

        let [wrong, right] = blocks(&page(code), "yaml");
        let as_nobody = |text: &str| codes(read(text)).into_iter().filter(|found| *found != Code::RootUser);
        let of_yaml = |text: &str| match code {
            Code::RootUser => codes(read(text)),
            _ => as_nobody(text).collect(),
        };
        assert_eq!(of_yaml(&wrong), wrong_codes, "{wrong}");
        assert_eq!(of_yaml(&right), [], "{right}");
    }
}

/// What is found in what is wrong. Whether an image has a tool only a daemon can say.
fn codes_of_wrong(code: Code) -> Vec<Code> {
    if code == Code::HealthcheckTool { vec![] } else { vec![code] }
}

fn page(code: Code) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(code.page());
    fs::read_to_string(page).unwrap()
}

/// The two examples of a page in a language.
fn blocks(page: &str, language: &str) -> [String; 2] {
    let start = format!("```{language}\n");
    let after = page.split(&start).skip(1);
    let blocks: Vec<String> = after.map(|block| block.split("```").next().unwrap().to_owned()).collect();
    blocks
        .try_into()
        .unwrap_or_else(|blocks: Vec<_>| panic!("{} examples", blocks.len()))
}

/// The text of a function of this file.
fn function(name: &str) -> &'static str {
    let text = include_str!("pages.rs").split(&format!("\nfn {name}(")).nth(1).unwrap();
    text.split("\n}\n").next().unwrap()
}

/// A program's words, whatever its lines.
fn words(text: &str) -> String {
    text.split_whitespace().collect()
}

fn codes(made: Result<Plan, Problems>) -> Vec<Code> {
    let problems: Vec<Problem> = match made {
        Ok(plan) => all_found(&plan),
        Err(problems) => problems.into_iter().collect(),
    };
    problems
        .into_iter()
        .map(|problem| problem.code.expect(&problem.message))
        .collect()
}
