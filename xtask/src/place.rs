//! Where things lie: the checkout, its target directory, the user's cache.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::run;

/// The directories that tasks read and write.
pub(crate) struct Place {
    /// The root of the checkout.
    pub(crate) root: PathBuf,
    /// Cargo's target directory: one per checkout, unless the user says otherwise.
    pub(crate) target: PathBuf,
    /// What is built or downloaded once and keyed by content: `${XDG_CACHE_HOME}/stagewright`.
    pub(crate) cache: PathBuf,
}

impl Place {
    /// Finds the checkout by what Cargo tells a program that it runs.
    pub(crate) fn find() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .context("run this as `cargo xtask`: CARGO_MANIFEST_DIR is not set")?;
        let root = package
            .parent()
            .context("the package xtask lies in no workspace")?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => env::current_dir()?.join(dir),
            None => root.join("target"),
        };
        let cache = match env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
            Some(dir) => PathBuf::from(dir),
            None => env::home_dir()
                .context("neither XDG_CACHE_HOME nor HOME is set")?
                .join(".cache"),
        };
        Ok(Self { root, target, cache: cache.join("stagewright") })
    }

    /// Cargo, in the checkout.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(&self.root);
        command
    }

    /// Builds all programs as the tests have them: with other features everything would be compiled once more. Gives their
    /// directory.
    pub(crate) fn build_programs(&self) -> Result<PathBuf> {
        run(self.cargo().args(["build", "--workspace", "--bins", "--all-features"]))?;
        Ok(self.target.join("debug"))
    }

    /// The state of `cargo xtask up`.
    pub(crate) fn up(&self) -> PathBuf {
        self.target.join("up")
    }

    /// Takes this checkout's lock, so that two tasks do not start and stop the same servers; it is
    /// free again when the file is dropped, however the process ends.
    pub(crate) fn lock(&self) -> Result<File> {
        fs::create_dir_all(&self.target)
            .with_context(|| format!("cannot create {}", self.target.display()))?;
        let path = self.target.join("xtask.lock");
        let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                eprintln!("waiting for another cargo xtask in this checkout");
                file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        Ok(file)
    }
}
