//! A team that comes from a Dockerfile keeps its cache, and one that goes back, too: what an example's program and its
//! Dockerfile both say is done once, whichever of them comes first.
//!
//! In every Dockerfile all stages are built. What one side has alone is told, with the reason.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use stagewright_tests::Buildx;
use stagewright_tests::buildx::Progress;

use crate::gateway::Tls;
use crate::project::{Build, Project};
use crate::secrets::Release;
use crate::support::unique;

/// An example that is built by both.
struct Both {
    project: Project,
    /// What the program is asked for beyond its products.
    more: &'static [&'static str],
    /// A source file, and what begins a comment in it.
    source: (&'static str, &'static str),
    /// `id=NAME,src=FILE`.
    secrets: Vec<String>,
    /// Texts in the steps that the Dockerfile has alone.
    dockerfile_alone: &'static [&'static str],
    /// Texts in those that the program has alone.
    program_alone: &'static [&'static str],
}

impl Both {
    fn new(name: &str, source: (&'static str, &'static str)) -> Self {
        Self::of(Project::new(name), source)
    }

    fn of(project: Project, source: (&'static str, &'static str)) -> Self {
        // The registry has no image of that name. The daemon's own frontend is the same program.
        let dockerfile = project.file("Dockerfile");
        let text = fs::read_to_string(&dockerfile).unwrap();
        fs::write(dockerfile, text.replacen("# syntax=docker/dockerfile:1\n", "#\n", 1)).unwrap();
        let (secrets, none) = (Vec::new(), &[]);
        Self { project, more: none, source, secrets, dockerfile_alone: none, program_alone: none }
    }

    /// First the program and then the Dockerfile; and after an edit the other way round.
    fn share(&self) {
        let before = self.program();
        let ran = self.dockerfile();
        only(self.dockerfile_alone, &before, &ran, "the Dockerfile, after the program");

        let (path, comment) = self.source;
        let mut text = fs::read_to_string(self.project.file(path)).unwrap();
        text.push_str(&format!("\n{comment} {}\n", unique()));
        fs::write(self.project.file(path), text).unwrap();
        let before = self.dockerfile();
        assert!(
            steps(&ran, &before).iter().any(|step| step.starts_with("RUN ")),
            "nothing reads {path}: {before}"
        );
        let ran = self.program();
        only(self.program_alone, &before, &ran, "the program, after the Dockerfile");
    }

    fn program(&self) -> Progress {
        let plan = self.project.build().plan();
        let products = plan.targets.iter().filter(|target| target.product).map(|target| &*target.name);
        let build = products
            .chain(self.more.iter().copied())
            .fold(self.project.build().kept(), Build::target);
        let build = self
            .secrets
            .iter()
            .fold(build, |build, secret| build.args(["--secret", secret]));
        build.run().progress
    }

    /// All stages in one invocation.
    fn dockerfile(&self) -> Progress {
        let text = fs::read_to_string(self.project.file("Dockerfile")).unwrap();
        let stages = text
            .lines()
            .filter_map(|line| line.strip_prefix("FROM ")?.split_once(" AS "))
            .map(|it| it.1);
        let target = |stage: &str| {
            let output = ["type=cacheonly"];
            json!({ "context": ".", "target": stage, "secret": self.secrets, "output": output })
        };
        let targets: serde_json::Map<String, Value> =
            stages.map(|stage| (stage.to_owned(), target(stage))).collect();
        let names: Vec<&String> = targets.keys().collect();
        let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
        let bake = json!({ "group": { "default": { "targets": names } }, "target": targets });
        fs::write(file.path(), bake.to_string()).unwrap();
        let buildx = Buildx::new();
        let bake = buildx
            .bake(self.project.path())
            .args(["--allow", "fs.read=*", "-f"])
            .arg(file.path());
        bake.run().expect_success().progress
    }
}

/// What ran and was not cached, without the names of stages and without numbers, which are each side's own. While a
/// daemon still has a build at hand, it tells the next one of what ran for that.
fn steps(before: &Progress, progress: &Progress) -> BTreeSet<String> {
    let known: BTreeSet<_> = before.vertices().flat_map(|vertex| &vertex.starts).collect();
    let ran = progress
        .vertices()
        .filter(|vertex| vertex.ran() && !vertex.starts.iter().all(|start| known.contains(start)));
    let names = ran.filter_map(|vertex| vertex.name.split_once("] ")).map(|(_, name)| name);
    let is_step = |name: &&str| ["RUN ", "COPY ", "WORKDIR "].iter().any(|verb| name.starts_with(verb));
    names.filter(is_step).map(str::to_owned).collect()
}

/// Each step that ran has one of these texts. A daemon that has been through this before has those steps, too.
fn only(texts: &[&str], before: &Progress, progress: &Progress, what: &str) {
    let ran = steps(before, progress);
    let more: Vec<&String> = ran
        .iter()
        .filter(|step| !texts.iter().any(|text| step.contains(text)))
        .collect();
    assert!(more.is_empty(), "{what}, ran also {more:#?}\n{progress}");
}

#[test]
fn of_basics() {
    // An ARG is in the environment of every RUN behind it: here the platform.
    let dockerfile_alone = &["go build -ldflags"];
    Both { dockerfile_alone, ..Both::new("basics", ("rust/src/main.rs", "//")) }.share();
}

#[test]
fn of_cache_layers() {
    Both::new("cache-layers", ("src/main.ts", "//")).share();
}

#[test]
fn of_db_migrations() {
    Both { more: &["local"], ..Both::new("db-migrations", ("main.go", "//")) }.share();
}

#[test]
fn of_environments() {
    let more = &["development", "staging", "production"];
    Both { more, ..Both::new("environments", ("src/main.ts", "//")) }.share();
}

#[test]
fn of_fullstack() {
    let source = ("backend/src/main/java/demo/tasks/Main.java", "//");
    Both { more: &["database"], ..Both::new("fullstack", source) }.share();
}

#[test]
fn of_gateway() {
    let (tls, both) = (Tls::new(), Both::new("gateway", ("tests/upstream/upstream.go", "//")));
    // It takes a command to remove a file, and all else is on top of that; and it has the platform as ARG.
    let dockerfile_alone = &["rm /etc", "COPY nginx", "nginx -t", "gateway.test", "go vet"];
    let program_alone = &["gateway.test", "go vet"];
    Both { secrets: tls.secrets().into(), dockerfile_alone, program_alone, ..both }.share();
}

#[test]
fn of_go_service() {
    // The platform, the version and the commit are ARGs.
    let dockerfile_alone = &["go build -o /out/dlv", "go build -ldflags", "go build -trimpath"];
    let program_alone = &["/out/dlv", "go build -ldflags", "go build -trimpath"];
    let both = Both::new("go-service", ("cmd/service/main.go", "//"));
    Both { more: &["debug"], dockerfile_alone, program_alone, ..both }.share();
}

#[test]
fn of_microservices() {
    Both::new("microservices", ("packages/api/src/main.ts", "//")).share();
}

#[test]
fn of_ml_serving() {
    // It takes a command to make a directory that is not the working directory.
    let dockerfile_alone = &["mkdir /reports", "training.judge"];
    Both { dockerfile_alone, ..Both::new("ml-serving", ("service/app.py", "#")) }.share();
}

#[test]
fn of_monitoring() {
    Both::new("monitoring", ("src/main.js", "//")).share();
}

#[test]
fn of_monorepo() {
    let more = &["web-dev", "api-dev"];
    Both { more, ..Both::new("monorepo", ("apps/api/src/main.ts", "//")) }.share();
}

#[test]
fn of_parallel() {
    Both::new("parallel", ("api/main.go", "//")).share();
}

#[test]
fn of_quality_gate() {
    // It takes a command to make the directory of the reports, and the testers are on top of that.
    let dockerfile_alone =
        &["mkdir -p /reports", "COPY eslint", "COPY gate gate/", "COPY test", "npm run", "licences.js n"];
    let program_alone =
        &["COPY eslint", "COPY gate gate/", "COPY test", "npm run", "verdict", "shop.mjs", "--from="];
    Both { dockerfile_alone, program_alone, ..Both::new("quality-gate", ("src/server.js", "//")) }.share();
}

#[test]
fn of_secrets() {
    let release = Release::new();
    let secrets = vec![release.secret()];
    Both { secrets, ..Both::of(release.project, ("src/server.js", "//")) }.share();
}

#[test]
fn of_supply_chain() {
    // Its scan runs anew with time, which a Dockerfile cannot say.
    let program_alone = &["scan.js"];
    Both { program_alone, ..Both::new("supply-chain", ("src/server.js", "//")) }.share();
}
