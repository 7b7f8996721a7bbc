//! Caches: what package managers download and compilers keep, from one build to the next.
//!
//! A cache without an id is shared by its path, with Dockerfiles too. The presets are the paths that the tools use when
//! they run as root.

use crate::plan::{self, Sharing};

/// A directory that outlives the build.
#[derive(Clone, Debug)]
pub struct Cache {
    cache: plan::Cache,
}

impl Cache {
    /// A cache at this absolute path, shared by all steps that name the same path.
    pub fn at(path: impl Into<String>) -> Self {
        Self { cache: plan::Cache::at(path) }
    }

    /// What npm downloads.
    #[must_use]
    pub fn npm() -> Self {
        Self::at("/root/.npm")
    }

    /// pnpm's store.
    #[must_use]
    pub fn pnpm() -> Self {
        Self::at("/root/.local/share/pnpm/store")
    }

    /// What yarn downloads, of version 1 and of later ones.
    #[must_use]
    pub fn yarn() -> [Self; 2] {
        ["/usr/local/share/.cache/yarn", "/root/.yarn/berry/cache"].map(Self::at)
    }

    /// What bun downloads.
    #[must_use]
    pub fn bun() -> Self {
        Self::at("/root/.bun/install/cache")
    }

    /// What pip downloads and builds.
    #[must_use]
    pub fn pip() -> Self {
        Self::at("/root/.cache/pip")
    }

    /// What uv downloads and builds.
    #[must_use]
    pub fn uv() -> Self {
        Self::at("/root/.cache/uv")
    }

    /// Go's modules, where `GOPATH` is `/go`, and what its compiler made.
    #[must_use]
    pub fn go() -> [Self; 2] {
        ["/go/pkg/mod", "/root/.cache/go-build"].map(Self::at)
    }

    /// Cargo's registry and its git repositories, where `CARGO_HOME` is `/usr/local/cargo`. It runs alone: the lock by which
    /// several of it share them lies beside them, where each step has its own.
    #[must_use]
    pub fn cargo() -> [Self; 2] {
        ["/usr/local/cargo/registry", "/usr/local/cargo/git"].map(|path| Self::at(path).locked())
    }

    /// Maven's local repository; it runs alone, as several of it do not lock that.
    #[must_use]
    pub fn maven() -> Self {
        Self::at("/root/.m2/repository").locked()
    }

    /// What Gradle downloads and builds; it runs alone.
    #[must_use]
    pub fn gradle() -> Self {
        Self::at("/root/.gradle").locked()
    }

    /// apt's lists and packages; it runs alone.
    ///
    /// Images of Debian throw packages away after their installation: `rm /etc/apt/apt.conf.d/docker-clean` keeps them.
    #[must_use]
    pub fn apt() -> [Self; 2] {
        ["/var/cache/apt", "/var/lib/apt"].map(|path| Self::at(path).locked())
    }

    /// Under an id of its own: for what depends on a platform or a toolchain.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.cache.id = Some(id.into());
        self
    }

    /// One step at a time; another at the same time waits.
    #[must_use]
    pub fn locked(mut self) -> Self {
        self.cache.sharing = Sharing::Locked;
        self
    }

    /// One step at a time; another at the same time gets a cache of its own.
    #[must_use]
    pub fn private(mut self) -> Self {
        self.cache.sharing = Sharing::Private;
        self
    }

    /// Made for this user and group: for commands that do not run as root.
    #[must_use]
    pub fn owner(mut self, user: u32, group: u32) -> Self {
        self.cache.owner = Some((user, group));
        self
    }

    /// Made with these permission bits.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.cache.mode = Some(mode);
        self
    }
}

/// Caches of a command: a path, a [`Cache`], or a list of caches.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cache",
    label = "expected `Cache::npm()`, `Cache::at(\"/root/.cache\")` or a path"
)]
pub trait Caches {
    #[doc(hidden)]
    fn caches(self) -> Vec<plan::Cache>;
}

#[diagnostic::do_not_recommend]
impl Caches for Cache {
    fn caches(self) -> Vec<plan::Cache> {
        vec![self.cache]
    }
}

#[diagnostic::do_not_recommend]
impl Caches for &str {
    fn caches(self) -> Vec<plan::Cache> {
        vec![plan::Cache::at(self)]
    }
}

#[diagnostic::do_not_recommend]
impl<const N: usize> Caches for [Cache; N] {
    fn caches(self) -> Vec<plan::Cache> {
        self.into_iter().map(|cache| cache.cache).collect()
    }
}

#[diagnostic::do_not_recommend]
impl Caches for Vec<Cache> {
    fn caches(self) -> Vec<plan::Cache> {
        self.into_iter().map(|cache| cache.cache).collect()
    }
}
