//! docker buildx as somebody runs it who has this checkout and a registry: `docker-bake.hcl` and its variables.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use tempfile::TempDir;

use crate::frontends::Commit;
use crate::place::Place;
use crate::process;
use crate::up::Fixtures;

/// buildx with a configuration of its own, whose one builder is the private buildkitd.
pub(super) struct Buildx {
    home: TempDir,
    program: PathBuf,
    root: PathBuf,
    variables: Vec<(&'static str, String)>,
}

/// What is read of `bake --print`.
#[derive(Deserialize)]
struct Printed {
    target: BTreeMap<String, Target>,
}

/// One image that bake makes.
#[derive(Deserialize)]
pub(super) struct Target {
    pub(super) dockerfile: String,
    #[serde(default)]
    pub(super) platforms: Vec<String>,
    #[serde(default)]
    annotations: Vec<String>,
    tags: Vec<String>,
}

impl Buildx {
    pub(super) fn new(place: &Place, fixtures: &Fixtures) -> Result<Self> {
        let Commit { revision, created } = Commit::of(place);
        let this = Self {
            home: tempfile::tempdir()?,
            program: fixtures.tools.join("buildx"),
            root: place.root.clone(),
            variables: vec![
                ("REGISTRY", format!("{}/", fixtures.registry)),
                ("CROSS_TOOLCHAIN", "rust-cross:1-slim".to_owned()),
                ("REVISION", revision),
                ("CREATED", created),
            ],
        };
        let create = ["create", "--name", "private", "--driver", "remote", "--use", &fixtures.buildkit_host];
        process::output(&mut this.command(&create))?;
        Ok(this)
    }

    /// The targets that these names mean, which may be groups.
    pub(super) fn print(&self, names: &[&str]) -> Result<BTreeMap<String, Target>> {
        let words = [&["bake", "--progress", "quiet", "--print"], names].concat();
        let text = process::output(&mut self.command(&words))?;
        let printed: Printed = serde_json::from_str(&text).context("cannot read what bake prints")?;
        Ok(printed.target)
    }

    /// Builds them, and pushes their images.
    pub(super) fn push(&self, names: &[&str]) -> Result<()> {
        let words = [&["bake", "--progress", "plain", "--push"], names].concat();
        process::run(&mut self.command(&words))
    }

    /// Any command of buildx, in the checkout.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(&self.root)
            .env("DOCKER_CONFIG", self.home.path())
            .env("BUILDX_CONFIG", self.home.path().join("buildx"))
            .env_remove("BUILDX_BUILDER")
            .env_remove("DOCKER_HOST")
            .env_remove("DOCKER_CONTEXT")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Target {
    /// The repository of its image in a registry, and the tag.
    pub(super) fn image(&self, registry: &str) -> Result<(&str, &str)> {
        let name = self.tags.first().context("it has no tag")?;
        let name = name.strip_prefix(registry).and_then(|name| name.strip_prefix('/'));
        name.and_then(|name| name.rsplit_once(':'))
            .with_context(|| format!("it is not pushed to {registry}"))
    }

    /// The keys and texts of its annotations: of `index,manifest:KEY=TEXT`.
    pub(super) fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.annotations.iter().filter_map(|it| it.split_once(':'));
        pairs.filter_map(|(_, pair)| pair.split_once('='))
    }
}
