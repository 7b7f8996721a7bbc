//! What a build is asked for, beside the program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use buildkit_client::docker_config::DockerSource;
use buildkit_client::session::auth::Auth;
use buildkit_client::session::secrets::Secret;
use buildkit_client::session::ssh::SshAgent;
use buildkit_gateway::ResolveMode;
use buildkit_llb::Platform;
use stagewright_plan::lock::Need;
use stagewright_plan::lower::{NoCache, Settings};

use super::cache::Cache;
use super::context::ContextSource;
#[cfg(feature = "cli")]
use super::halt::Halts;
use super::lock::LockChoice;
use super::output::Output;

/// What a build is asked for: parameters, targets, and what is done with them.
#[derive(Clone, Debug)]
#[must_use = "options do nothing by themselves: give them to `Builder::build`"]
pub struct BuildOptions {
    pub(super) args: Vec<(String, String)>,
    pub(super) targets: Vec<String>,
    pub(super) tags: Vec<String>,
    pub(super) outputs: Vec<Output>,
    pub(super) push: bool,
    pub(super) reports: Option<PathBuf>,
    pub(super) auth: Auth,
    pub(super) secrets: BTreeMap<String, Secret>,
    pub(super) ssh: BTreeMap<String, SshAgent>,
    pub(super) context: ContextSource,
    pub(super) contexts: BTreeMap<String, ContextSource>,
    pub(crate) platforms: Vec<Platform>,
    pub(crate) settings: Settings,
    pub(crate) resolve_mode: ResolveMode,
    pub(super) cache_from: Vec<Cache>,
    pub(super) cache_to: Vec<Cache>,
    pub(super) attests: BTreeMap<String, String>,
    pub(super) without_attests: BTreeSet<String>,
    pub(super) lock: LockChoice,
    pub(super) locked: bool,
    pub(crate) offline: bool,
    pub(super) frontends: Option<Vec<Need>>,
    pub(super) sources: BTreeMap<String, String>,
    pub(super) without_caps: BTreeSet<String>,
    pub(super) audit: bool,
    /// Who looks into the step that fails, before the build ends.
    #[cfg(feature = "cli")]
    pub(crate) halts: Option<Halts>,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self::new(".")
    }
}

impl BuildOptions {
    /// All products, of this context directory.
    pub fn new(context: impl Into<ContextSource>) -> Self {
        Self {
            args: Vec::new(),
            targets: Vec::new(),
            tags: Vec::new(),
            outputs: Vec::new(),
            push: false,
            reports: None,
            auth: Auth::docker(DockerSource::from_env()),
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            context: context.into(),
            contexts: BTreeMap::new(),
            platforms: Vec::new(),
            settings: Settings::default(),
            resolve_mode: ResolveMode::Default,
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            attests: BTreeMap::new(),
            without_attests: BTreeSet::new(),
            lock: LockChoice::Context,
            locked: false,
            offline: false,
            frontends: None,
            sources: BTreeMap::new(),
            without_caps: BTreeSet::new(),
            audit: false,
            #[cfg(feature = "cli")]
            halts: None,
        }
    }

    /// Sets a parameter of the program. Given twice, the later value counts.
    pub fn arg(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.args.push((name.into(), value.into()));
        self
    }

    /// Builds this target, and others only if they are named, too.
    pub fn target(mut self, name: impl Into<String>) -> Self {
        self.targets.push(name.into());
        self
    }

    /// Names the image: `registry.example/app:1`. Of several targets, `target=name` says which one is meant.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Does this with every image, beside what else is asked for.
    pub fn output(mut self, output: Output) -> Self {
        self.outputs.push(output);
        self
    }

    /// Pushes every image under its tags.
    pub fn push(mut self) -> Self {
        self.push = true;
        self
    }

    /// Writes the reports of every tester that the targets need into this directory, whether it passed or failed: each
    /// at its own path in the tester, below a directory of the tester's name, and of the platform if there are several.
    ///
    /// Every such tester runs to its end then, also when another one has failed. What else is in the directory stays.
    pub fn reports(mut self, directory: impl Into<PathBuf>) -> Self {
        self.reports = Some(directory.into());
        self
    }

    /// Pulls and pushes with these credentials, instead of those of docker's configuration.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Lends an ssh agent; the id of the usual one is `default`.
    pub fn ssh(mut self, id: impl Into<String>, agent: SshAgent) -> Self {
        self.ssh.insert(id.into(), agent);
        self
    }

    /// Gives a secret that the program declares.
    pub fn secret(mut self, id: impl Into<String>, secret: Secret) -> Self {
        self.secrets.insert(id.into(), secret);
        self
    }

    /// Looks for the secrets in all that is made, before it goes out: in layers, config, history, attestations and log, as
    /// they are, in base64, in hexadecimal, and by their SHA-256. A target in which one stands fails.
    pub fn audit_secrets(mut self) -> Self {
        self.audit = true;
        self
    }

    /// Gives a context that the program reads by name, or one in place of an image or a stage of that name. As
    /// `name::linux/arm64` it is for that platform alone, and goes there before one that is for all.
    pub fn context_named(mut self, name: impl Into<String>, context: impl Into<ContextSource>) -> Self {
        self.contexts.insert(name.into(), context.into());
        self
    }

    /// Builds for this platform, and for others only if they are named, too; without any, for the daemon's own. Several
    /// make one image with an index.
    pub fn platform(mut self, platform: Platform) -> Self {
        let platform = platform.normalized();
        if !self.platforms.contains(&platform) {
            self.platforms.push(platform);
        }
        self
    }

    /// What is said for every step: limits, hosts, labels, network. Args of docker such as `HTTP_PROXY` add to it.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Asks registries for every image, whatever the daemon has.
    pub fn pull(mut self) -> Self {
        self.resolve_mode = ResolveMode::Pull;
        self
    }

    /// Looks into a cache outside the daemon.
    pub fn cache_from(mut self, cache: Cache) -> Self {
        self.cache_from.push(cache);
        self
    }

    /// Writes the cache of the only target outside the daemon.
    pub fn cache_to(mut self, cache: Cache) -> Self {
        self.cache_to.push(cache);
        self
    }

    /// Attests to what is exported: `provenance` or `sbom`, with options such as `mode=max`.
    pub fn attest(mut self, kind: impl Into<String>, options: impl Into<String>) -> Self {
        let kind = kind.into();
        self.without_attests.remove(&kind);
        self.attests.insert(kind, options.into());
        self
    }

    /// Attests to nothing of this kind, `provenance` or `sbom`, whatever the program asks for.
    pub fn without_attest(mut self, kind: impl Into<String>) -> Self {
        let kind = kind.into();
        self.attests.remove(&kind);
        self.without_attests.insert(kind);
        self
    }

    /// Pins sources by this lock file, which must be there. Without it, `stages.lock` of the main context is taken, if that
    /// is a directory and has one.
    pub fn lock_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.lock = LockChoice::File(path.into());
        self
    }

    /// Pins sources by this lock file, if it is there.
    pub fn lock_file_if_there(mut self, path: impl Into<PathBuf>) -> Self {
        self.lock = LockChoice::IfThere(path.into());
        self
    }

    /// Ignores lock files: every source is what its name stands for now.
    pub fn no_lock(mut self) -> Self {
        self.lock = LockChoice::Ignored;
        self
    }

    /// Refuses sources that nothing pins, and a build without a lock file. Otherwise they are warned of.
    pub fn locked(mut self) -> Self {
        self.locked = true;
        self
    }

    /// Takes no source from anywhere but the daemon: refuses a build unless each is pinned, by the lock file or by its own
    /// digest, and there, with the list of those that are not. What steps do over a network is theirs.
    pub fn offline(mut self) -> Self {
        self.offline = true;
        self
    }

    /// Locks these images, too, which read or compile the build file.
    #[cfg(all(feature = "cli", feature = "yaml", feature = "rust"))]
    pub(crate) fn frontends(mut self, frontends: Vec<Need>) -> Self {
        self.frontends = Some(frontends);
        self
    }

    /// Runs every step, cached or not.
    pub fn no_cache(mut self) -> Self {
        self.settings.no_cache = NoCache::All;
        self
    }

    /// Gives the texts of files that the Plan's sites name, so that a step that fails shows its line. Others are looked
    /// for on this machine.
    pub fn sources(mut self, texts: impl IntoIterator<Item = (String, String)>) -> Self {
        self.sources.extend(texts);
        self
    }

    /// As on a daemon that lacks a capability, such as `passthroughop`: to see what a build is there.
    pub fn without_cap(mut self, cap: impl Into<String>) -> Self {
        self.without_caps.insert(cap.into());
        self
    }
}
