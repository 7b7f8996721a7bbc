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
    /// Steps that only the Dockerfile has.
    dockerfile_alone: &'static [&'static str],
    /// Steps that only the program has.
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
        self.program();
        let ran = self.dockerfile();
        assert_eq!(steps(&ran), set(self.dockerfile_alone), "the Dockerfile, after the program: {ran}");

        let (path, comment) = self.source;
        let mut text = fs::read_to_string(self.project.file(path)).unwrap();
        text.push_str(&format!("\n{comment} {}\n", unique()));
        fs::write(self.project.file(path), text).unwrap();
        let ran = self.dockerfile();
        assert!(steps(&ran).iter().any(|step| step.starts_with("RUN ")), "nothing reads {path}: {ran}");
        let ran = self.program();
        assert_eq!(steps(&ran), set(self.program_alone), "the program, after the Dockerfile: {ran}");
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

/// What ran and was not cached, without the names of stages and without numbers, which are each side's own.
fn steps(progress: &Progress) -> BTreeSet<String> {
    let ran = progress.vertices().filter(|vertex| vertex.ran());
    let names = ran.filter_map(|vertex| vertex.name.split_once("] ")).map(|(_, name)| name);
    let is_step = |name: &&str| ["RUN ", "COPY ", "WORKDIR "].iter().any(|verb| name.starts_with(verb));
    names.filter(is_step).map(str::to_owned).collect()
}

fn set(steps: &[&str]) -> BTreeSet<String> {
    steps.iter().map(|&step| step.to_owned()).collect()
}

#[test]
fn of_basics() {
    Both::new("basics", ("rust/src/main.rs", "//")).share();
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
    Both { secrets: tls.secrets().into(), ..both }.share();
}

#[test]
fn of_go_service() {
    Both { more: &["debug"], ..Both::new("go-service", ("cmd/service/main.go", "//")) }.share();
}

#[test]
fn of_microservices() {
    Both::new("microservices", ("packages/api/src/main.ts", "//")).share();
}

#[test]
fn of_ml_serving() {
    Both::new("ml-serving", ("service/app.py", "#")).share();
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
    Both::new("quality-gate", ("src/server.js", "//")).share();
}

#[test]
fn of_secrets() {
    let release = Release::new();
    let secrets = vec![release.secret()];
    Both { secrets, ..Both::of(release.project, ("src/server.js", "//")) }.share();
}

#[test]
fn of_supply_chain() {
    Both::new("supply-chain", ("src/server.js", "//")).share();
}
