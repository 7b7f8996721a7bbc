//! Debian's packages, in a stage of any role.

use stagewright::prelude::*;

/// A step that stages of every role have.
pub trait Packages: Sized {
    /// Installs packages of Debian, without what they only recommend; what was downloaded stays in a cache.
    #[track_caller]
    #[must_use]
    fn packages<const N: usize>(self, names: [&str; N]) -> Self;
}

impl<R: role::Role> Packages for Stage<R> {
    #[track_caller]
    fn packages<const N: usize>(self, names: [&str; N]) -> Self {
        let names = names.join(" ");
        let line = format!("apt-get update && apt-get install --yes --no-install-recommends {names}");
        self.run(sh(line).cache(Cache::apt()))
    }
}
