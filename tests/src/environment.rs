//! Where the fixtures of `cargo xtask up` are.

use std::env;
use std::path::PathBuf;

use crate::Registry;

/// The variable with the address of buildkitd, as `buildctl` reads it.
pub const BUILDKIT_HOST: &str = "BUILDKIT_HOST";

/// The variable with the address of the registry, `127.0.0.1:PORT`.
pub const REGISTRY: &str = "STAGEWRIGHT_REGISTRY";

/// The variable with the path of Docker Engine's daemon.
pub const ENGINE: &str = "STAGEWRIGHT_ENGINE";

/// The variable with the path of the YAML language server.
pub const EDITOR: &str = "STAGEWRIGHT_EDITOR";

/// The fixtures that a test of the real thing needs. `buildctl` and `buildx` are on its `PATH`.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The address of buildkitd: `unix://…`.
    pub buildkit_host: String,
    /// The registry that buildkitd uses as its mirror of docker.io.
    pub registry: Registry,
}

impl Environment {
    /// Reads what `cargo xtask test` sets, and `eval "$(cargo xtask env)"` in a shell.
    ///
    /// # Panics
    ///
    /// When a variable is missing: a test that cannot run fails.
    #[must_use]
    pub fn get() -> Self {
        Self { buildkit_host: read(BUILDKIT_HOST), registry: Registry::new(read(REGISTRY)) }
    }

    /// The program of Docker Engine's daemon.
    ///
    /// # Panics
    ///
    /// When it was not built.
    #[must_use]
    pub fn engine() -> PathBuf {
        let path = PathBuf::from(read(ENGINE));
        assert!(path.is_file(), "{} is missing: run `cargo xtask engine`", path.display());
        path
    }

    /// The program of the YAML language server, for Node.
    ///
    /// # Panics
    ///
    /// When it was not installed.
    #[must_use]
    pub fn editor() -> PathBuf {
        let path = PathBuf::from(read(EDITOR));
        assert!(path.is_file(), "{} is missing: run `cargo xtask editor`", path.display());
        path
    }
}

fn read(name: &str) -> String {
    match env::var(name) {
        Ok(value) => value,
        Err(error) => panic!(
            "{name}: {error}; run `cargo xtask test`, or `cargo xtask up`, `cargo xtask images` \
             and `eval \"$(cargo xtask env)\"`"
        ),
    }
}
