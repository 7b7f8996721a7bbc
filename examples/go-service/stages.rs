// syntax=stagewright/rust:1
//! A Go service for several platforms, compiled on the one that builds, in an image that has nothing else.

use stagewright::prelude::*;

/// What `--build-arg` may set.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
struct Params {
    /// Whose configuration is in the image.
    environment: Environment,
    /// The version, in the program and in the labels.
    version: String,
    /// The commit, likewise.
    commit: String,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Environment {
    Development,
    Staging,
    Production,
}

impl Default for Params {
    fn default() -> Self {
        Self { environment: Environment::Production, version: "0.0.0".into(), commit: "unknown".into() }
    }
}

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, p: Params) -> Targets {
    let src = b.context();

    // Everything up to the compiler itself is the same for all platforms, and runs once.
    let source = b
        .base("go", b.image("golang:1.23").on_build_platform())
        .workdir("/src")
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-trimpath")
        .deps("modules")
        .copy(src.files(["go.mod", "go.sum"]), "./")
        .run(sh("go mod download && go mod verify").cache(Cache::go()))
        .builder("source")
        .copy(src.dir("cmd"), "cmd/")
        .copy(src.dir("internal"), "internal/")
        // Before those that start from here do it side by side, each with the standard library.
        .run(sh("go build ./...").cache(Cache::go()));
    let lint = source
        .tester("lint")
        .run(sh("test -z \"$(gofmt -l . | tee /dev/stderr)\" && go vet ./...").cache(Cache::go()));
    let unit = source.tester("unit").run(sh("go test ./...").cache(Cache::go()));
    // The service itself says whether it could run with each file.
    let config = source
        .tester("config")
        .copy(src.dir("configs"), "configs/")
        .run(sh("go run ./cmd/service check configs/*.yaml").cache(Cache::go()));

    let program = source.builder("compile").envs(b.platform().go()).run(
        sh("go build -ldflags \"-s -w -X main.version=$VERSION -X main.commit=$COMMIT\" -o /out/service ./cmd/service")
            .env("VERSION", &p.version)
            .env("COMMIT", &p.commit)
            .cache(Cache::go()),
    );
    let roots = b.builder("roots", b.image("debian:bookworm-slim").on_build_platform()).run(
        sh("apt-get update && apt-get install --yes --no-install-recommends ca-certificates tzdata")
            .cache(Cache::apt()),
    );

    let environment = match p.environment {
        Environment::Development => "development",
        Environment::Staging => "staging",
        Environment::Production => "production",
    };
    let file = src.file(format!("configs/{environment}.yaml"));
    let health = Healthcheck::cmd(["/service", "healthcheck"])
        .every(secs(30))
        .timeout(secs(10))
        .start_period(secs(30))
        .retries(3);
    let service = b
        .runtime("service", Scratch)
        .copy(roots.artifact("/etc/ssl/certs/ca-certificates.crt"), "/etc/ssl/certs/")
        .copy(roots.artifact("/usr/share/zoneinfo"), "/usr/share/zoneinfo/")
        .copy(&file, "/etc/service/config.yaml")
        .copy(program.artifact("/out/service"), "/service")
        .nonroot()
        .expose(8080)
        .labels([(oci::TITLE, "worldclock"), (oci::VERSION, &p.version), (oci::REVISION, &p.commit)])
        .healthcheck(health.clone())
        .entrypoint(["/service"])
        .cmd(["serve"])
        .gated_by([&lint, &unit, &config]);

    // To be debugged from outside: the same sources, neither optimized nor stripped, under a debugger that is pinned as
    // other modules are.
    let debugger = source
        .builder("debugger")
        .copy(src.dir("debugger"), "debugger/")
        .envs(b.platform().go())
        .run(
            sh("go build -o /out/dlv github.com/go-delve/delve/cmd/dlv")
                .workdir("/src/debugger")
                .cache(Cache::go()),
        );
    let debuggable = source.builder("compile-debug").envs(b.platform().go()).run(
        sh("go build -trimpath=false -gcflags 'all=-N -l' -o /out/service ./cmd/service").cache(Cache::go()),
    );
    let debug = b
        .runtime("debug", "debian:bookworm-slim")
        .copy(debugger.artifact("/out/dlv"), "/usr/local/bin/")
        .copy(src.file("configs/development.yaml"), "/etc/service/config.yaml")
        .copy(debuggable.artifact("/out/service"), "/service")
        .env("XDG_CONFIG_HOME", "/tmp")
        .nonroot()
        .expose([8080, 40000])
        .healthcheck(health)
        .entrypoint([
            "dlv",
            "exec",
            "--headless",
            "--listen=:40000",
            "--accept-multiclient",
            "--continue",
            "/service",
            "--",
        ])
        .cmd(["serve"]);

    Targets::new()
        .product(service)
        .target(debug)
        .checks("test", [&lint, &unit, &config])
}
