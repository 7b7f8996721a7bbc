// syntax=stagewright/rust:1
//! A migrator whose migrations were judged, applied, taken back and measured on a real server before it ships.

use stagewright::prelude::*;

/// What `--build-arg` may set.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Params {
    /// The ids of migrations that may destroy data, as in `004,007`.
    approve: Vec<String>,
}

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, p: Params) -> Targets {
    let src = b.context();
    let migrations = src.dir("migrations");

    let program = b
        .builder("program", "golang:1.23")
        .workdir("/src")
        .copy(src.files(["go.mod", "go.sum"]), "./")
        .run(sh("go mod download").cache(Cache::go()))
        .copy(src.file("main.go"), "./")
        .copy(src.dir("internal"), "internal/")
        .env("CGO_ENABLED", 0)
        .run(sh("go build -trimpath -ldflags='-s -w' -o /out/migrate .").cache(Cache::go()));
    let unit = program
        .tester("unit")
        .copy(&migrations, "migrations/")
        .run(sh("go test ./...").cache(Cache::go()));
    let migrate = program.artifact("/out/migrate");

    let lint = b
        .tester("lint", "python:3.11-slim")
        .workdir("/database")
        .copy(src.file("requirements-lint.txt"), "./")
        .run(sh("pip install --require-hashes -r requirements-lint.txt").cache(Cache::pip()))
        .copy(src.file(".sqlfluff"), "./")
        .copy(&migrations, "migrations/")
        .copy(src.dir("perf"), "perf/")
        .run("sqlfluff lint migrations perf");
    // A list of arguments: an id is never a word of a shell. It runs where there is no shell.
    let approval = b
        .tester("approval", Scratch)
        .copy(&migrate, "/usr/bin/")
        .copy(&migrations, "/migrations/")
        .run(argv(["/usr/bin/migrate", "check", &p.approve.join(",")]).no_network());

    // Where a server of their own runs beside the steps' commands.
    let server = b
        .base("server", "postgres:15")
        .workdir("/database")
        .copy(src.dir("tools"), "/usr/local/bin/")
        .copy(&migrate, "/usr/local/bin/")
        .copy(&migrations, "/migrations/")
        .user("postgres");
    let on_server = |name: &str, line: &str| {
        let line = format!("with-postgres.sh sh -euc '{line}'");
        server.tester(name).run(sh(line).no_network())
    };
    let apply = on_server("apply", "migrate apply; migrate status; migrate apply");
    let rollback = on_server("rollback", "rollback-test.sh");
    let performance = server
        .tester("performance")
        .copy(src.dir("perf"), "/perf/")
        .run(sh("with-postgres.sh sh -euc 'migrate apply; migrate costs /perf /tmp/costs.json'").no_network())
        .report("/tmp/costs.json");

    // A server to try migrations on, which knows the migrator.
    let local = server
        .dev("local")
        .healthcheck(Healthcheck::cmd(["pg_isready", "--host=127.0.0.1"]).every(secs(10)));

    let tests = vec![unit, lint, approval, apply, rollback, performance];
    let image = b
        .runtime("migrator", Scratch)
        .copy(migrate, "/usr/bin/")
        .copy(migrations, "/migrations/")
        .nonroot()
        .entrypoint(["/usr/bin/migrate"])
        .cmd(["apply"])
        .gated_by(&tests);
    let targets = Targets::new().product(image).target(local).checks("test", &tests);
    tests.into_iter().fold(targets, Targets::target)
}
