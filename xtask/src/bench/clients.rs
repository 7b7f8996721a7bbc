//! The programs that ask a daemon for builds, and the registry from which it takes images and to which it pushes them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use stagewright_tests::Registry;
use stagewright_tests::container::Image;

use super::Scale;
use super::daemon::BenchDaemon;
use super::frontend::docker;
use super::tools::release;
use crate::place::Place;
use crate::up::{self, Fixtures};
use crate::{frontends, images, process};

/// What rows need beside a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    Nothing,
    /// The programs, and a registry with base images.
    Clients,
    /// Also the images of the frontends that are compared.
    Frontends,
}

/// The programs, with a registry that runs.
pub(super) struct Clients {
    fixtures: Fixtures,
    stagewright: PathBuf,
}

impl Clients {
    /// Makes all of it; what is made is not made again. A smoke run takes the program of the tests, and no images.
    pub(super) fn make(place: &Place, work: &Path, need: Need, scale: Scale) -> Result<Self> {
        let stagewright = match scale {
            Scale::Full => {
                let package = ["--package", "stagewright", "--features", "yaml,rust", "--bin", "stagewright"];
                release(place, &package)?.join("stagewright")
            }
            Scale::Smoke => place.target.join("debug/stagewright"),
        };
        let fixtures = up::up(place)?;
        let clients = Self { fixtures, stagewright };
        let made = match scale {
            Scale::Full => clients.images(place, work, need),
            Scale::Smoke => Ok(()),
        };
        match made {
            Ok(()) => Ok(clients),
            Err(error) => clients.stop(place).and(Err(error)),
        }
    }

    fn images(&self, place: &Place, work: &Path, need: Need) -> Result<()> {
        images::ensure(place, &self.fixtures, false)?;
        if need == Need::Frontends {
            frontends::ensure(place, &self.fixtures)?;
            docker::ensure(place, &self.fixtures, &work.join("docker"))?;
        }
        Ok(())
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

    /// `buildx build -f FILE CONTEXT`.
    pub(super) fn buildx_build(&self, file: &Path, context: &Path) -> Vec<OsString> {
        build(self.buildx(), file, context)
    }

    /// `buildx bake -f FILE`, where the file may read any directory.
    pub(super) fn buildx_bake(&self, file: &Path) -> Vec<OsString> {
        let mut command: Vec<OsString> = vec![self.buildx().into()];
        command.extend(["bake", "--allow", "fs=*", "--progress", "plain", "-f"].map(OsString::from));
        command.push(file.into());
        command
    }

    /// `stagewright build -f FILE CONTEXT`.
    pub(super) fn stagewright_build(&self, file: &Path, context: &Path) -> Vec<OsString> {
        build(self.stagewright.clone(), file, context)
    }

    /// The bytes of all layers of an image, as they are stored and pulled.
    pub(super) fn image_size(&self, repository: &str, tag: &str) -> Result<f64> {
        Ok(Image::find(&Registry::new(self.registry()), repository, tag)?.size() as f64)
    }

    fn buildx(&self) -> PathBuf {
        self.fixtures.tools.join("buildx")
    }
}

fn build(program: PathBuf, file: &Path, context: &Path) -> Vec<OsString> {
    let mut command: Vec<OsString> = vec![program.into()];
    command.extend(["build", "--progress", "plain", "-f"].map(OsString::from));
    command.extend([file.into(), context.into()]);
    command
}
