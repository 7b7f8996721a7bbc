// syntax=stagewright/rust:1
//! The smallest of each: a server in Node, Go, Python, Rust and Java, and a static site. None has what built it.

use stagewright::prelude::*;

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, (): ()) -> Targets {
    Targets::new()
        .product(b.group("node", node))
        .product(b.group("go", go))
        .product(b.group("python", python))
        .product(b.group("rust", rust))
        .product(b.group("java", java))
        .product(b.group("site", site))
}

/// Dependencies, sources, a command: what an interpreter needs is what it gets.
fn node(b: &Build) -> Stage<role::Runtime> {
    let src = b.context();
    let base = b.base("base", "node:18-slim").workdir("/app");
    let deps = base
        .deps("deps")
        .copy(src.files(["node/package.json", "node/package-lock.json"]), "./")
        .run(sh("npm ci --omit=dev --no-audit --no-fund").cache(Cache::npm()));
    let unit = deps.tester("unit").copy(src.dir("node"), "./").run("npm test");
    base.runtime("app")
        .copy(deps.artifact("/app/node_modules"), "node_modules/")
        .copy(src.file("node/package.json"), "./")
        .copy(src.dir("node/src"), "src/")
        .user("node")
        .expose(8080)
        .healthcheck(Healthcheck::http(HttpTool::Node, "http://127.0.0.1:8080/"))
        .cmd(["node", "src/server.js"])
        .gated_by(&unit)
}

/// One static program, and nothing else.
fn go(b: &Build) -> Stage<role::Runtime> {
    let src = b.context();
    let sources = b
        .base("base", b.image("golang:1.23").on_build_platform())
        .workdir("/src")
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-trimpath")
        .builder("sources")
        .copy(src.files(["go/go.mod", "go/go.sum"]), "./")
        .run(sh("go mod download").cache(Cache::go()))
        .copy(src.dir("go"), "./");
    let unit = sources.tester("unit").run(sh("go test ./...").cache(Cache::go()));
    let made = sources
        .builder("build")
        .envs(b.platform().go())
        .run(sh("go build -ldflags '-s -w' -o /out/basic .").cache(Cache::go()));
    b.runtime("app", Scratch)
        .copy(made.artifact("/out/basic"), "/basic")
        .nonroot()
        .expose(8080)
        .healthcheck(Healthcheck::cmd(["/basic", "health"]))
        .cmd(["/basic"])
        .gated_by(&unit)
}

/// A virtual environment is made where it will be, and is copied whole.
fn python(b: &Build) -> Stage<role::Runtime> {
    let src = b.context();
    let base = b
        .base("base", "python:3.11-slim")
        .workdir("/app")
        .env("PATH", "/venv/bin:/usr/local/bin:/usr/bin:/bin");
    let deps = base
        .deps("deps")
        .run("python -m venv /venv")
        .copy(src.file("python/requirements.txt"), "./")
        .run(sh("pip install --require-hashes -r requirements.txt").cache(Cache::pip()));
    let unit = deps
        .tester("unit")
        .copy(src.file("python/requirements-test.txt"), "./")
        .run(sh("pip install --require-hashes -r requirements-test.txt").cache(Cache::pip()))
        .copy(src.dir("python"), "./")
        .run("python -m pytest");
    base.runtime("app")
        .copy(deps.artifact("/venv"), "/venv/")
        .copy(src.files(["python/server.py", "python/greeting.py"]), "./")
        .env("PYTHONDONTWRITEBYTECODE", 1)
        .nonroot()
        .expose(8080)
        .healthcheck(Healthcheck::http(HttpTool::Python, "http://127.0.0.1:8080/"))
        .cmd(["python", "server.py"])
        .gated_by(&unit)
}

/// One static program, under an init: it does not listen to signals.
fn rust(b: &Build) -> Stage<role::Runtime> {
    let src = b.context();
    let cargo = |line: &str| sh(line).cache(Cache::cargo()).cache(Cache::at("/src/target").id("basics-rust"));
    let sources = b
        .base("base", "rust:1-slim")
        .workdir("/src")
        .env("CARGO_HOME", "/usr/local/cargo")
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .builder("sources")
        .copy(src.dir("rust"), "./");
    let made = sources
        .builder("build")
        .run(cargo("cargo build --locked --release && install -D target/release/basic /out/basic"));
    let unit = sources.tester("unit").run(cargo("cargo test --locked"));
    let init = b
        .builder("init", "debian:bookworm-slim")
        .run(sh("apt-get update && apt-get install --yes --no-install-recommends tini").cache(Cache::apt()));
    b.runtime("app", Scratch)
        .copy(init.artifact("/usr/bin/tini-static"), "/init")
        .copy(made.artifact("/out/basic"), "/basic")
        .nonroot()
        .expose(8080)
        .healthcheck(Healthcheck::cmd(["/basic", "health"]))
        // 143 is the end by SIGTERM, which is as it should be.
        .entrypoint(["/init", "-e", "143", "--"])
        .cmd(["/basic"])
        .gated_by(&unit)
}

/// A runtime without a compiler; libraries apart from the program, which changes more often.
fn java(b: &Build) -> Stage<role::Runtime> {
    let src = b.context();
    let maven = |line: &str| sh(format!("mvn --batch-mode --quiet {line}")).cache(Cache::maven());
    let deps = b
        .base("base", "maven:3-eclipse-temurin-17")
        .workdir("/src")
        .deps("deps")
        .copy(src.file("java/pom.xml"), "./")
        .run(maven("dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=/out/lib"));
    let sources = deps.builder("sources").copy(src.dir("java/src"), "src/");
    let made = sources.builder("build").run(maven("package -Dmaven.test.skip"));
    let unit = sources.tester("unit").run(maven("test"));
    b.runtime("app", "eclipse-temurin:17-jre")
        .workdir("/app")
        .copy(deps.artifact("/out/lib"), "lib/")
        .copy(made.artifact("/src/target/basic.jar"), "./")
        .nonroot()
        .expose(8080)
        .healthcheck(Healthcheck::cmd(["java", "-jar", "basic.jar", "health"]))
        .cmd(["java", "-jar", "basic.jar"])
        .gated_by(&unit)
}

/// Files, and a server that has no idea of how they were made.
fn site(b: &Build) -> Stage<role::Runtime> {
    let src = b.context();
    let sources = b
        .builder("sources", b.image("node:18-slim").on_build_platform())
        .workdir("/src")
        .copy(src.files(["site/package.json", "site/package-lock.json"]), "./")
        .run(sh("npm ci --no-audit --no-fund").cache(Cache::npm()))
        .copy(src.dir("site/src"), "src/");
    let made = sources
        .builder("build")
        .copy(src.dir("site/pages"), "pages/")
        .run("npm run build");
    let unit = sources.tester("unit").copy(src.dir("site/test"), "test/").run("npm test");
    b.runtime("app", "nginx:1.22")
        .copy(src.file("site/nginx.conf"), "/etc/nginx/nginx.conf")
        .copy(made.artifact("/src/dist"), "/usr/share/nginx/html/")
        .user("nginx")
        .expose(8080)
        .healthcheck(Healthcheck::http(HttpTool::Bash, "http://127.0.0.1:8080/"))
        .gated_by(&unit)
}
