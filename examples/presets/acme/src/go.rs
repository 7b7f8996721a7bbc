//! Jobs in Go.

use stagewright::prelude::*;

use crate::{Packages as _, Shipped as _};

/// A program in Go that does its work and ends: go.mod, go.sum, and the package of its `main`.
#[derive(Clone, Debug)]
pub struct GoJob<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The package of its `main`: `./cmd/job`.
    pub main: &'a str,
}

/// The stages of a job.
#[derive(Debug)]
#[must_use]
pub struct Job {
    /// What ships, if the tests pass: the program, and nothing else.
    pub image: Stage<role::Runtime>,
    /// The sources with all modules, for what else a project wants to do with them.
    pub sources: Stage<role::Builder>,
    /// Formatting and `go vet`.
    pub lint: Stage<role::Tester>,
    /// The tests.
    pub unit: Stage<role::Tester>,
}

impl GoJob<'_> {
    /// Its stages, named after what they are. The whole context is the job.
    pub fn stages(&self, b: &Build) -> Job {
        let src = b.context();
        let sources = b
            .base("base", b.image("golang:1.23").on_build_platform())
            .packages(["ca-certificates"])
            .workdir("/src")
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "-trimpath")
            .builder("sources")
            .copy(src.files(["go.mod", "go.sum"]), "./")
            .run(sh("go mod download && go mod verify").cache(Cache::go()))
            .copy(src.all(), "./")
            // Before those that start from here do it side by side, each with the standard library.
            .run(sh("go build ./...").cache(Cache::go()));
        let lint = sources
            .tester("lint")
            .run(sh("test -z \"$(gofmt -l . | tee /dev/stderr)\" && go vet ./...").cache(Cache::go()));
        let unit = sources.tester("unit").run(sh("go test ./...").cache(Cache::go()));
        let made = sources.builder("build").envs(b.platform().go()).run(
            sh("go build -ldflags '-s -w' -o /out/job \"$MAIN\"")
                .env("MAIN", self.main)
                .cache(Cache::go()),
        );
        let image = b
            .runtime(self.name, Scratch)
            .copy(sources.artifact("/etc/ssl/certs/ca-certificates.crt"), "/etc/ssl/certs/")
            .copy(made.artifact("/out/job"), "/job")
            .shipped(self.name, self.version)
            .entrypoint(["/job"])
            .gated_by([&lint, &unit]);
        Job { image, sources, lint, unit }
    }
}
