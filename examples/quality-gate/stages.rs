// syntax=stagewright/rust:1
//! An image behind gates that run side by side, each of which leaves its report, also when it fails.

use stagewright::prelude::*;

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, (): ()) -> Targets {
    let src = b.context();
    let manifests = src.files(["package.json", "package-lock.json"]);
    let base = b.base("base", "node:18-slim").workdir("/app");
    let tools = base.deps("tools").copy(&manifests, "./").run(npm("npm ci"));
    let packages = base.deps("packages").copy(&manifests, "./").run(npm("npm ci --omit=dev"));

    // Everybody's place for what people should read.
    let judged = tools
        .builder("judged")
        .copy(src.dir("src"), "src/")
        .mkdir("/reports")
        .env("REPORTS", "/reports");
    let lint = judged
        .tester("lint")
        .copy(src.file("eslint.config.js"), "./")
        .copy(src.dir("test"), "test/")
        .copy(src.dir("gate"), "gate/")
        .run("npm run lint")
        .report("/reports");
    let unit = judged
        .tester("unit")
        .copy(src.dir("test/unit"), "test/unit/")
        .run("npm run unit")
        .report("/reports");
    let integration = judged
        .tester("integration")
        .copy(src.dir("test/integration"), "test/integration/")
        .run("npm run integration")
        .report("/reports");
    // Of what ships, not of the tools.
    let licences = packages
        .tester("licences")
        .copy(src.file("gate/licences.js"), "gate/")
        .mkdir("/reports")
        .run("node gate/licences.js node_modules /reports/licences.json")
        .report("/reports");

    // Runs when the others have ended, well or not: their reports are there in any case.
    let verdict = base
        .tester("verdict")
        .copy(src.file("gate/verdict.mjs"), "gate/")
        .copy(lint.reports(), "reports/lint/")
        .copy(unit.reports(), "reports/unit/")
        .copy(integration.reports(), "reports/integration/")
        .copy(licences.reports(), "reports/licences/")
        .run("node gate/verdict.mjs reports summary.txt")
        .report("/app/summary.txt");

    let cart = base
        .runtime("cart")
        .copy(packages.artifact("/app/node_modules"), "node_modules/")
        .copy(src.file("package.json"), "./")
        .copy(src.dir("src"), "src/")
        .env("NODE_ENV", "production")
        .env("PORT", 8080)
        .user("node")
        .expose(8080)
        .healthcheck(Healthcheck::http(HttpTool::Node, "http://127.0.0.1:8080/health").every(secs(30)))
        .cmd(["node", "src/server.js"]);
    // The very image, before it may go out.
    let e2e = cart
        .tester("e2e")
        .copy(src.file("test/e2e/shop.mjs"), "test/e2e/")
        .run(sh("node test/e2e/shop.mjs").no_network());
    let gates = [&lint, &unit, &integration, &licences, &verdict, &e2e];
    let cart = cart.gated_by(gates);

    let targets = Targets::new().product(cart).checks("test-verification", gates);
    gates.into_iter().fold(targets, Targets::target)
}

/// An npm command whose downloads outlive it.
fn npm(line: &str) -> Run {
    sh(format!("{line} --no-audit --no-fund")).cache(Cache::npm())
}
