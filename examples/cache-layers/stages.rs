// syntax=stagewright/rust:1
//! A web site whose stages read no more than they need, so that an edit runs again what it touches and nothing else.

use stagewright::prelude::*;

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, _: ()) -> Targets {
    let src = b.context();
    let base = b.base("base", "node:18-slim").workdir("/app");
    let manifests = src.files(["package.json", "package-lock.json"]);

    // Two installs, side by side, of the manifests alone: neither knows of a source file.
    let tools = base.deps("tools").copy(&manifests, "./").run(npm("npm ci"));
    let packages = base.deps("packages").copy(&manifests, "./").run(npm("npm ci --omit=dev"));

    // Two chains, side by side: the server's code, and what browsers load.
    let server = tools
        .builder("server")
        .copy(src.file("tsconfig.json"), "./")
        .copy(src.dir("src"), "src/")
        .run("npm run build");
    let assets = tools
        .builder("assets")
        .copy(src.dir("tools"), "tools/")
        .copy(src.dir("assets"), "assets/")
        .run("npm run assets");

    let dist = server.artifact("/app/dist");
    let public = assets.artifact("/app/public");
    let unit = tools
        .tester("unit")
        .copy(&dist, "dist/")
        .copy(&public, "public/")
        .copy(src.dir("pages"), "pages/")
        .copy(src.dir("test"), "test/")
        .run("npm test");

    // What changes least comes first: an edit of a page makes one small layer.
    let image = base
        .runtime("handbook")
        .copy(packages.artifact("/app/node_modules"), "node_modules/")
        .copy(src.file("package.json"), "./")
        .copy(public, "public/")
        .copy(dist, "dist/")
        .copy(src.dir("pages"), "pages/")
        .env("NODE_ENV", "production")
        .env("PORT", 8080)
        .user("node")
        .expose(8080)
        .healthcheck(Healthcheck::http(HttpTool::Node, "http://127.0.0.1:8080/health").every(secs(30)))
        .cmd(["node", "dist/main.js"])
        .gated_by(&unit);
    Targets::new().product(image).target(unit)
}

/// An npm command whose downloads outlive it.
fn npm(line: &str) -> Run {
    sh(format!("{line} --no-audit --no-fund")).cache(Cache::npm())
}
