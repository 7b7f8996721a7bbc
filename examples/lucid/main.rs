//! A team's own frontend: a file with knobs, and five profiles that they turn.
//!
//! `# syntax=lucid/frontend:1` in the first line of a `lucid.yml` brings it into a build; `README.md` has the rest.

mod spec;

use stagewright::prelude::*;

use spec::{Environment, Lucid};

fn main() -> ExitCode {
    stagewright::frontend(build)
}

pub(crate) fn build(b: &Build, knobs: Lucid) -> Targets {
    knobs.check(b);
    let src = b.context();
    let manifests = src.files(["package.json", "package-lock.json"]);
    let node = b.base("node", format!("node:{}-slim", knobs.node)).workdir("/app");

    let modules = node.deps("modules").copy(&manifests, "./").run(npm("npm ci"));
    let compiled = modules.builder("compiled").copy(src.dir("src"), "src/").run("npm run build");

    let testing = modules
        .tester("testing")
        .copy(src.dir("src"), "src/")
        .copy(src.dir("test"), "test/")
        .run(tests(&knobs))
        .when(knobs.coverage_enabled, |stage| stage.run(sh(COVERAGE).env("MINIMUM", knobs.coverage_minimum)))
        .report("/reports");

    // An install of its own: what ships has no tools, and a new tool does not change it.
    let shipped = node.deps("shipped").copy(&manifests, "./").run(npm("npm ci --omit=dev"));
    let runtime = node
        .runtime("runtime")
        .copy(src.file("package.json"), "./")
        .copy(shipped.artifact("/app/node_modules"), "node_modules/")
        .copy(compiled.artifact("/app/dist"), "dist/")
        .apply(|image| service(image, &knobs))
        .healthcheck(Healthcheck::cmd(["node", "-e", HEALTH]).every(secs(30)))
        .cmd(["node", "dist/server.js"]);
    let runtime = if knobs.build_validation { runtime.gated_by(&testing) } else { runtime };

    // Beside the sources, so that a directory mounted at /app/src does not hide what was built or installed.
    let flags = [(knobs.hot_reload, "--watch"), (knobs.debug_mode, "--inspect=0.0.0.0:9229")];
    let flags = flags.iter().filter(|(on, _)| *on).map(|(_, flag)| *flag);
    let development = compiled
        .dev("development")
        .apply(|image| service(image, &knobs))
        .when(knobs.debug_mode, |image| image.expose(9229))
        .cmd(["node"].into_iter().chain(flags).chain(["src/server.js"]).collect::<Vec<_>>());

    let base = node.runtime("base").apply(|image| service(image, &knobs));
    let tools = compiled.dev("build").label(oci::VERSION, &knobs.version);

    let targets = match knobs.build_environment {
        Environment::Development => Targets::new().product(development).target(runtime),
        _ => Targets::new().product(runtime).target(development),
    };
    targets
        .target(base)
        .described("What all images start from")
        .target(tools)
        .described("Sources, modules and what was built of them")
        .target(testing)
        .described("Results of the tests, as files")
}

/// What every image of the service says of itself.
fn service(image: Stage<role::Runtime>, knobs: &Lucid) -> Stage<role::Runtime> {
    image
        .env("NODE_ENV", knobs.build_environment.name())
        .env("LOG_LEVEL", knobs.log_level.name())
        .env("VERSION", &knobs.version)
        .env("PORT", knobs.port)
        .label(oci::VERSION, &knobs.version)
        .user("node")
        .expose(knobs.port)
}

/// The tests, whose results are there even where they are none to be proud of.
fn tests(knobs: &Lucid) -> Run {
    let coverage = if knobs.coverage_enabled { " --experimental-test-coverage" } else { "" };
    sh(format!(
        "mkdir -p /reports && node --test{coverage} --test-reporter=spec --test-reporter-destination=stdout \
         --test-reporter=tap --test-reporter-destination=/reports/tests.tap test/"
    ))
}

/// Takes the coverage of all files from the results, `# all files | 98.11 | …`, and compares it.
const COVERAGE: &str = "awk -F '|' -v minimum=\"$MINIMUM\" '\
    /^# all files/ { found = 1; lines = $2 + 0 } \
    END { if (!found) { print \"no coverage in the results\"; exit 1 } \
    print lines \"% of lines are covered, \" minimum \"% have to be\"; exit lines < minimum }' \
    /reports/tests.tap > /reports/coverage.txt || { cat /reports/coverage.txt; exit 1; }";

/// Asks the service itself: the image has no curl.
const HEALTH: &str = "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then(it => process.exit(it.ok ? 0 : 1), () => process.exit(1))";

/// An npm command with its downloads cached.
fn npm(line: &str) -> Run {
    sh(format!("{line} --no-audit --no-fund")).cache(Cache::npm())
}
