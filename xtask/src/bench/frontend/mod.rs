//! Our frontends beside docker/dockerfile, by the same `buildx build`: files of equal steps, which become equal ops.
//!
//! Images come from the registry on loopback, which is the mirror of Docker Hub; the daemon is the bench's own. Whatever
//! both sides need and no row is about (base image, toolchain, results of steps) is there before a round begins.

mod docker;
mod files;
mod rust;
mod syntax;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use stagewright_tests::{Descriptor, Registry};

use super::daemon::BenchDaemon;
use super::measure::Bench;
use super::rows::Samples;
use super::tools::release;
use crate::place::Place;
use crate::up::{self, Fixtures};
use crate::{frontends, images, process};

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Warm,
    Cold,
    Size,
    Memory,
    Steps,
    Host,
    Rust,
}

/// The images of both sides in a registry, and the programs that ask for builds.
pub(super) struct Frontends {
    fixtures: Fixtures,
    stagewright: PathBuf,
}

impl Frontends {
    /// Makes all of it; what is made is not made again.
    pub(super) fn make(place: &Place, work: &Path) -> Result<Self> {
        let package = ["--package", "stagewright", "--features", "yaml,rust", "--bin", "stagewright"];
        let stagewright = release(place, &package)?.join("stagewright");
        let fixtures = up::up(place)?;
        let made = images::ensure(place, &fixtures, false)
            .and_then(|()| frontends::ensure(place, &fixtures))
            .and_then(|()| docker::ensure(place, &fixtures, &work.join("docker")));
        let frontends = Self { fixtures, stagewright };
        match made {
            Ok(()) => Ok(frontends),
            Err(error) => frontends.stop(place).and(Err(error)),
        }
    }

    pub(super) fn stop(self, place: &Place) -> Result<()> {
        self.fixtures.stop_started(place)
    }

    pub(super) fn registry(&self) -> &str {
        &self.fixtures.registry
    }

    /// The environment of all programs: buildx has a configuration of its own, with this daemon as its builder.
    pub(super) fn environment(
        &self,
        work: &Path,
        daemon: &BenchDaemon,
    ) -> Result<Vec<(&'static str, OsString)>> {
        let home = work.join("buildx");
        fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
        let variables = vec![
            ("DOCKER_CONFIG", home.clone().into()),
            ("BUILDX_CONFIG", home.into()),
            ("BUILDX_BUILDER", "bench".into()),
            ("BUILDKIT_HOST", daemon.address().into()),
        ];
        let create = ["create", "--name", "bench", "--driver", "remote", &daemon.address()];
        let mut buildx = Command::new(self.buildx());
        let environment = variables.iter().map(|(name, value)| (name, value));
        process::output(buildx.args(create).envs(environment).env_remove("BUILDX_BUILDER"))?;
        Ok(variables)
    }

    fn buildx(&self) -> PathBuf {
        self.fixtures.tools.join("buildx")
    }

    /// `buildx build -f FILE CONTEXT`.
    fn buildx_build(&self, file: &Path, context: &Path) -> Vec<OsString> {
        build(self.buildx(), file, context)
    }

    /// `stagewright build -f FILE CONTEXT`.
    fn stagewright_build(&self, file: &Path, context: &Path) -> Vec<OsString> {
        build(self.stagewright.clone(), file, context)
    }

    /// The bytes of all layers of an image, as they are stored and pulled.
    fn image_size(&self, repository: &str, tag: &str) -> Result<f64> {
        #[derive(Deserialize)]
        struct Manifest {
            layers: Vec<Descriptor>,
        }

        let found = Registry::new(self.registry()).manifest(repository, tag)?;
        let found = found.with_context(|| format!("the registry has no {repository}:{tag}"))?;
        let manifest: Manifest = serde_json::from_slice(&found.bytes)
            .with_context(|| format!("{repository}:{tag} is not the manifest of one image"))?;
        Ok(manifest.layers.iter().map(|layer| layer.size).sum::<u64>() as f64)
    }
}

fn build(program: PathBuf, file: &Path, context: &Path) -> Vec<OsString> {
    let mut command: Vec<OsString> = vec![program.into()];
    command.extend(["build", "--progress", "plain", "-f"].map(OsString::from));
    command.extend([file.into(), context.into()]);
    command
}

pub(super) fn run(bench: &Bench, daemon: &BenchDaemon, frontends: &Frontends, case: Case) -> Result<Samples> {
    let directory = bench.work.join("frontend");
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let samples = match case {
        Case::Warm => syntax::warm(bench, frontends, &directory)?,
        Case::Cold => syntax::cold(bench, daemon, frontends, &directory)?,
        Case::Memory => syntax::memory(bench, daemon, frontends, &directory)?,
        Case::Steps => syntax::steps(bench, daemon, frontends, &directory)?,
        Case::Host => syntax::host(bench, frontends, &directory)?,
        Case::Rust => rust::run(bench, daemon, frontends, &directory)?,
        Case::Size => {
            let mut samples = Samples::default();
            samples.ours("frontend-size", frontends.image_size("stagewright/stages", "1")?);
            samples.peer("frontend-size", frontends.image_size("docker/dockerfile", "1")?);
            samples
        }
    };
    fs::remove_dir_all(&directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    Ok(samples)
}
