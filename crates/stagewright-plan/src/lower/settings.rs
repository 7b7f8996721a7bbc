//! Settings: what the person who builds says for every step, whatever the Plan says.
//!
//! As options and predefined args of docker/dockerfile (BuildKit v0.34 `frontend/dockerui/config.go`,
//! `frontend/dockerfile/dockerfile2llb/convert.go`).

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{ExtraHost, LinuxResources, Network, ProxyEnv, Ulimit, caps};

use super::Abilities;

/// What the person who builds says for every step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Which steps run although they are cached.
    pub no_cache: NoCache,
    /// Lines for the hosts file of every command.
    pub extra_hosts: Vec<ExtraHost>,
    /// Resource limits of every command.
    pub ulimits: Vec<Ulimit>,
    /// The size of `/dev/shm` in bytes; 0 leaves it to the daemon.
    pub shm_size: u64,
    /// The parent of the control groups of commands; empty for the daemon's choice.
    pub cgroup_parent: String,
    /// What commands reach that do not say it themselves.
    pub network: Network,
    /// The name of the machine that commands see; empty for the daemon's choice.
    pub hostname: String,
    /// Limits of the control groups of commands.
    pub resources: Option<LinuxResources>,
    /// Proxies for the environment of commands; no part of what is cached.
    pub proxy: Option<ProxyEnv>,
    /// Labels of images, put over those of the Plan.
    pub labels: BTreeMap<String, String>,
    /// What keeps cache mounts apart from those of other people; empty for the one that all have in common.
    pub cache_namespace: String,
    /// The time of what has none of its own, in seconds since 1970.
    pub source_date_epoch: Option<i64>,
    /// Whether a git context keeps its directory `.git`, whatever its URL says.
    pub keep_git_dir: bool,
    /// Whether git's own advice is let into the log.
    pub git_advice: bool,
}

/// Which steps run although they are cached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NoCache {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// Those of these stages, whatever the case of their names.
    Stages(BTreeSet<String>),
}

/// A predefined arg that does not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgError {
    /// A time of another form.
    #[error("SOURCE_DATE_EPOCH is `{0}`: write whole seconds since 1970")]
    Epoch(String),
    /// Neither true nor false.
    #[error("{name} is `{value}`: write 1 or 0")]
    Bool {
        /// The arg's name.
        name: &'static str,
        /// What was given.
        value: String,
    },
}

/// A setting that a daemon cannot take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the daemon cannot set {what}: it lacks the capability `{cap}`")]
pub struct Unsupported {
    /// What was asked for.
    pub what: &'static str,
    /// What the daemon lacks.
    pub cap: &'static str,
}

impl Settings {
    /// Takes what the args mean that every build has: proxies, `BUILDKIT_CACHE_MOUNT_NS`, `BUILDKIT_SANDBOX_HOSTNAME`,
    /// `BUILDKIT_CONTEXT_KEEP_GIT_DIR`, `BUILDKIT_GIT_ADVICE`, `SOURCE_DATE_EPOCH`. Others are passed over.
    ///
    /// # Errors
    ///
    /// A value that does not read.
    pub fn take_args<'a>(
        &mut self,
        args: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), ArgError> {
        for (name, value) in args {
            match name {
                "BUILDKIT_CACHE_MOUNT_NS" => value.clone_into(&mut self.cache_namespace),
                "BUILDKIT_SANDBOX_HOSTNAME" => value.clone_into(&mut self.hostname),
                "BUILDKIT_CONTEXT_KEEP_GIT_DIR" => {
                    self.keep_git_dir = boolean("BUILDKIT_CONTEXT_KEEP_GIT_DIR", value)?;
                }
                "BUILDKIT_GIT_ADVICE" => self.git_advice = boolean("BUILDKIT_GIT_ADVICE", value)?,
                "SOURCE_DATE_EPOCH" if value.is_empty() => self.source_date_epoch = None,
                "SOURCE_DATE_EPOCH" => {
                    let seconds = value.parse().map_err(|_| ArgError::Epoch(value.to_owned()))?;
                    self.source_date_epoch = Some(seconds);
                }
                _ => self.take_proxy(name, value),
            }
        }
        Ok(())
    }

    fn take_proxy(&mut self, name: &str, value: &str) {
        let proxy = self.proxy.get_or_insert_default();
        let place = match name.to_ascii_uppercase().as_str() {
            "HTTP_PROXY" => &mut proxy.http,
            "HTTPS_PROXY" => &mut proxy.https,
            "FTP_PROXY" => &mut proxy.ftp,
            "NO_PROXY" => &mut proxy.no,
            "ALL_PROXY" => &mut proxy.all,
            _ => {
                if *proxy == ProxyEnv::default() {
                    self.proxy = None;
                }
                return;
            }
        };
        value.clone_into(place);
    }

    /// Whether a daemon can do all of it.
    ///
    /// # Errors
    ///
    /// The first setting that it cannot take.
    pub fn check(&self, abilities: &Abilities) -> Result<(), Unsupported> {
        let needed = [
            (!self.ulimits.is_empty(), "resource limits (ulimit)", caps::EXEC_META_ULIMIT),
            (self.shm_size > 0, "the size of /dev/shm", caps::EXEC_MOUNT_TMPFS_SIZE),
            (!self.cgroup_parent.is_empty(), "the parent of control groups", caps::EXEC_META_CGROUP_PARENT),
            (self.resources.is_some(), "limits of memory and processors", caps::EXEC_META_LINUX_RESOURCES),
            (self.network != Network::Sandbox, "the network of commands", caps::EXEC_META_NETWORK),
            (self.proxy.is_some(), "proxies", caps::EXEC_META_PROXY_ENV),
            (
                self.no_cache != NoCache::None,
                "steps that run although they are cached",
                caps::META_IGNORE_CACHE,
            ),
        ];
        match needed.into_iter().find(|(asked, _, cap)| *asked && !abilities.has(cap)) {
            Some((_, what, cap)) => Err(Unsupported { what, cap }),
            None => Ok(()),
        }
    }

    /// The time of files that have none of their own, in nanoseconds since 1970.
    pub(super) fn created(&self) -> Option<i64> {
        self.source_date_epoch.map(|seconds| seconds.saturating_mul(1_000_000_000))
    }
}

impl NoCache {
    /// Whether the steps of this stage run although they are cached.
    #[must_use]
    pub fn is_for(&self, stage: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Stages(names) => names.iter().any(|name| name.eq_ignore_ascii_case(stage)),
        }
    }
}

/// As Go's `strconv.ParseBool`.
fn boolean(name: &'static str, value: &str) -> Result<bool, ArgError> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(ArgError::Bool { name, value: value.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predefined_args_are_settings() {
        let mut settings = Settings::default();
        let args = [
            ("node", "18"),
            ("http_proxy", "http://a"),
            ("NO_PROXY", "b"),
            ("other", ""),
            ("BUILDKIT_CACHE_MOUNT_NS", "ns"),
            ("BUILDKIT_SANDBOX_HOSTNAME", "host"),
            ("BUILDKIT_CONTEXT_KEEP_GIT_DIR", "1"),
            ("SOURCE_DATE_EPOCH", "12"),
        ];
        settings.take_args(args).unwrap();
        let expected = Settings {
            proxy: Some(ProxyEnv { http: "http://a".to_owned(), no: "b".to_owned(), ..ProxyEnv::default() }),
            cache_namespace: "ns".to_owned(),
            hostname: "host".to_owned(),
            keep_git_dir: true,
            source_date_epoch: Some(12),
            ..Settings::default()
        };
        assert_eq!(settings, expected);
        let mut none = Settings::default();
        none.take_args([("node", "18"), ("SOURCE_DATE_EPOCH", "")]).unwrap();
        assert_eq!(none, Settings::default());
    }

    #[test]
    fn args_that_do_not_read_are_named() {
        let check = |name: &str, value: &str, expected: &str| {
            let error = Settings::default().take_args([(name, value)]).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check("SOURCE_DATE_EPOCH", "now", "SOURCE_DATE_EPOCH is `now`: write whole seconds since 1970");
        check("BUILDKIT_CONTEXT_KEEP_GIT_DIR", "yes", "BUILDKIT_CONTEXT_KEEP_GIT_DIR is `yes`: write 1 or 0");
    }

    #[test]
    fn a_daemon_that_lacks_something_is_told_apart() {
        let settings = Settings { shm_size: 1, ..Settings::default() };
        assert_eq!(settings.check(&Abilities::all()), Ok(()));
        let error = settings
            .check(&Abilities::all().without(caps::EXEC_MOUNT_TMPFS_SIZE))
            .unwrap_err();
        let expected =
            "the daemon cannot set the size of /dev/shm: it lacks the capability `exec.mount.tmpfs.size`";
        assert_eq!(error.to_string(), expected);
        let old = Abilities::all().without(caps::EXEC_MOUNT_TMPFS_SIZE);
        assert_eq!(Settings::default().check(&old), Ok(()));
    }

    #[test]
    fn stages_are_named_whatever_their_case() {
        let some = NoCache::Stages(["App".to_owned()].into());
        assert!(some.is_for("app") && !some.is_for("base"));
        assert!(NoCache::All.is_for("base") && !NoCache::None.is_for("base"));
    }
}
