// syntax=stagewright/rust:1
//! Three chains in three languages, side by side, and one image of what they made.

use stagewright::prelude::*;

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, _: ()) -> Targets {
    let src = b.context();
    let web = b.group("web", |b| web(b, &src));
    let api = b.group("api", |b| api(b, &src));
    let model = b.group("model", |b| model(b, &src));

    // Nothing of the three toolchains: a static program, and files.
    let image = b
        .runtime("quotes", Scratch)
        .copy(web.made, "/srv/site/")
        .copy(model.made, "/srv/")
        .copy(api.made, "/usr/bin/")
        .nonroot()
        .expose(8080)
        .healthcheck(Healthcheck::cmd(["/usr/bin/quotes", "health"]).every(secs(30)))
        .entrypoint(["/usr/bin/quotes"])
        .cmd(["serve"])
        .gated_by([&web.test, &api.test, &model.test]);
    Targets::new()
        .product(image)
        .checks("test", [&web.test, &api.test, &model.test])
        .target(web.test)
        .target(api.test)
        .target(model.test)
}

/// What a chain hands on, and what judges it.
struct Chain {
    made: Artifact,
    test: Stage<role::Tester>,
}

fn web(b: &Build, src: &Source) -> Chain {
    let deps = b
        .deps("deps", "node:18-slim")
        .workdir("/web")
        .copy(src.files(["web/package.json", "web/package-lock.json"]), "./")
        .run(sh("npm ci --no-audit --no-fund").cache(Cache::npm()));
    let build = deps.builder("build").copy(src.dir("web/src"), "src/").run("npm run build");
    let test = deps
        .tester("test")
        .copy(src.dir("web/src"), "src/")
        .copy(src.dir("web/test"), "test/")
        .run("npm test")
        .report("/web/coverage");
    Chain { made: build.artifact("/web/dist"), test }
}

fn api(b: &Build, src: &Source) -> Chain {
    let deps = b
        .deps("deps", "golang:1.23")
        .workdir("/api")
        .copy(src.files(["api/go.mod", "api/go.sum"]), "./")
        .run(sh("go mod download").cache(Cache::go()));
    let build = deps
        .builder("build")
        .copy(src.dir("api"), "./")
        .env("CGO_ENABLED", 0)
        .run(sh("go build -trimpath -ldflags='-s -w' -o /out/quotes .").cache(Cache::go()));
    let test = build
        .tester("test")
        .run(sh("go test -coverprofile=coverage.out ./...").cache(Cache::go()))
        .report("/api/coverage.out");
    Chain { made: build.artifact("/out/quotes"), test }
}

fn model(b: &Build, src: &Source) -> Chain {
    let base = b.base("base", "python:3.11-slim").workdir("/model");
    let deps = base
        .deps("deps")
        .copy(src.file("model/requirements.txt"), "./")
        .run(sh("pip install --require-hashes -r requirements.txt").cache(Cache::pip()));
    let build = deps
        .builder("build")
        .copy(src.dir("model/src"), "src/")
        .copy(src.dir("model/data"), "data/")
        .run("python -m src.fit data/parcels.csv model.json");
    // Its own packages come on top, so that a new pytest fits no model again.
    let test = deps
        .tester("test")
        .copy(src.file("model/requirements-dev.txt"), "./")
        .run(sh("pip install --require-hashes -r requirements-dev.txt").cache(Cache::pip()))
        .copy(src.dir("model/src"), "src/")
        .copy(src.dir("model/data"), "data/")
        .copy(src.dir("model/tests"), "tests/")
        .run("python -m pytest --cov=src --cov-report=term --cov-report=html:coverage tests")
        .report("/model/coverage");
    Chain { made: build.artifact("/model/model.json"), test }
}
