//! The lock in a build: read beside the build file, held against what is needed, and handed to the daemon as a policy.

#[cfg(feature = "client")]
mod file;
mod policy;
#[cfg(feature = "client")]
mod resolve;
#[cfg(any(feature = "frontend", all(feature = "cli", feature = "yaml", feature = "rust")))]
mod syntax;

#[cfg(all(feature = "cli", feature = "yaml", feature = "rust"))]
use std::path::{Path, PathBuf};

use stagewright_plan::lock::{Lock, Need};
use stagewright_plan::{Problem, Problems};

#[cfg(feature = "client")]
pub use file::LockFileError;
#[cfg(feature = "client")]
pub(crate) use file::{read, write};
pub(crate) use policy::policy;
#[cfg(feature = "client")]
pub(crate) use resolve::resolve;
#[cfg(all(feature = "cli", feature = "yaml", feature = "rust"))]
pub(crate) use syntax::frontend;
#[cfg(any(feature = "frontend", all(feature = "cli", feature = "yaml", feature = "rust")))]
pub(crate) use syntax::syntax;

/// The lock file of a context whose build file is not known.
#[cfg(feature = "client")]
pub(crate) const FILE: &str = "stages.lock";
/// The build arg that says how a frontend keeps to the lock: `strict` as `--locked` does, `none` as `--no-lock` does.
#[cfg(feature = "frontend")]
pub(crate) const LOCK_ARG: &str = "STAGEWRIGHT_LOCK";

/// A lock, and how strictly a build keeps to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locked {
    pub(crate) lock: Lock,
    /// The name of its file, for people.
    pub(crate) name: String,
    /// Whether what it does not have is refused.
    pub(crate) strict: bool,
}

impl Locked {
    /// Warnings about what nothing pins.
    ///
    /// # Errors
    ///
    /// What is written with another digest than the lock's; if the build keeps to it strictly, also what nothing pins.
    pub(crate) fn judge<'a>(
        &self,
        needs: impl IntoIterator<Item = &'a Need>,
    ) -> Result<Vec<String>, Problems> {
        let open = self.lock.judge(needs, &self.name)?;
        let told = |need: &Need| format!("{} is not in {}", need.key, self.name);
        if self.strict {
            let problem = |need: &&Need| Problem::new(told(need)).at(&need.at).label("named here");
            let help = "run `lock` to add it";
            Problems::none_of(open.iter().map(problem).map(|problem| problem.help(help)).collect())?;
        }
        Ok(open
            .into_iter()
            .map(|need| format!("{}: run `lock` to pin it", told(need)))
            .collect())
    }
}

/// The name of the lock file of a build file: `stages.lock` of `stages.yaml` and of `stages.rs`.
#[cfg(all(feature = "cli", feature = "yaml", feature = "rust"))]
pub(crate) fn beside(file: &Path) -> PathBuf {
    file.with_extension("lock")
}
