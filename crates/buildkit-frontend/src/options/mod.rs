//! What a client asks of a build, typed: the options that BuildKit's own frontends know.
//!
//! Unknown options are ignored, since clients send more than a frontend needs. Every malformed one is told, all
//! together, by its key. Contexts stay the texts that they are: what they mean is the business of who lowers.
//! Source: BuildKit v0.34 `frontend/dockerui/config.go`, `context.go`, `namedcontext.go`.

mod csv;
mod read;
mod values;

use std::collections::BTreeMap;
use std::fmt;

use buildkit_gateway::{CacheImport, ResolveMode};
use buildkit_llb::{ExtraHost, LinuxResources, Network, Platform, Ulimit};

use read::Reader;

/// What a client asks of a build.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Arguments for the build program. Those by which BuildKit itself is told something are not among them;
    /// `SOURCE_DATE_EPOCH` and the proxies are.
    pub build_args: BTreeMap<String, String>,
    /// Labels for the image.
    pub labels: BTreeMap<String, String>,
    /// What is built.
    pub target: Option<String>,
    /// What is built for, in the client's order; none stands for the worker's own platform.
    pub platforms: Vec<Platform>,
    /// Whether the result is a map by platforms, even if there is one only.
    pub multi_platform: bool,
    /// Where the file is that says what to build.
    pub entry: EntryOptions,
    /// The main context.
    pub context: ContextOptions,
    /// Contexts that have a name of their own, in the order of their keys.
    pub named_contexts: Vec<NamedContext>,
    /// Facts about the contexts of the form `input:name`, by the name: their image config under
    /// `containerimage.config`.
    pub input_metadata: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// The sessions that serve directories, by the directories' names; all others come from the build's own.
    pub local_sessions: BTreeMap<String, String>,
    /// Which steps run whether cached or not.
    pub no_cache: NoCache,
    /// Caches to look into.
    pub cache_imports: Vec<CacheImport>,
    /// Where images are looked for.
    pub resolve_mode: ResolveMode,
    /// Lines for the hosts file of every step.
    pub extra_hosts: Vec<ExtraHost>,
    /// What the steps reach.
    pub network: Network,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<u64>,
    /// Limits of each process.
    pub ulimits: Vec<Ulimit>,
    /// The parent of the containers' control groups; may be empty.
    pub cgroup_parent: String,
    /// The containers' name; may be empty.
    pub hostname: String,
    /// Limits of the containers' control groups.
    pub resources: Option<LinuxResources>,
    /// What the ids of cache mounts begin with; may be empty.
    pub cache_namespace: String,
    /// The time that everything is stamped with.
    pub epoch: Option<Epoch>,
    /// Whether git contexts keep their `.git`, if the client says so.
    pub keep_git_dir: Option<bool>,
    /// Whether git may print its advice.
    pub git_advice: bool,
    /// What the daemon attaches to an image.
    pub attests: AttestOptions,
    /// Which rules of the check count, and how much.
    pub check: CheckOptions,
    /// What is asked for in place of a build.
    pub request: Option<String>,
    /// What stood after `# syntax=`, if it was such a line that brought the frontend.
    pub cmdline: Option<String>,
    /// The frontend's image.
    pub source: Option<String>,
}

/// Where the file is that says what to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryOptions {
    /// Its path there.
    pub filename: String,
    /// The name of the client's directory it is in.
    pub local: String,
    /// It is in that directory even if the main context is somewhere else.
    pub forced: bool,
}

/// The main context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextOptions {
    /// A URL; without one it is a directory or a definition of the client.
    pub value: Option<String>,
    /// The name of the client's directory or definition.
    pub local: String,
    /// The directory in a context of another form that counts as its root.
    pub subdir: Option<String>,
}

/// A context that has a name of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedContext {
    /// Its name, as the client writes it.
    pub name: String,
    /// The platform that it is for; none for all others.
    pub platform: Option<Platform>,
    /// `docker-image://…`, a URL, `local:…`, `input:…` and so on.
    pub value: String,
}

/// Which steps run whether cached or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NoCache {
    /// None.
    #[default]
    Never,
    /// All.
    All,
    /// Those of these stages.
    Stages(Vec<String>),
}

/// The time that everything is stamped with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Epoch {
    /// Seconds since 1970.
    Seconds(i64),
    /// That of `context`, of a named context or of a stage.
    Of(String),
}

/// What the daemon attaches to an image, by itself: a frontend has no part in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttestOptions {
    /// A list of what is in it.
    pub sbom: bool,
    /// How it was built.
    pub provenance: Option<Provenance>,
}

/// How much is told of how an image was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provenance {
    /// What it was built from, and when.
    Min,
    /// Also every step.
    Max,
}

/// Which rules of the check count, and how much.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// Rules that are not told.
    pub skip: Vec<String>,
    /// None is told.
    pub skip_all: bool,
    /// What is told is an error.
    pub error: bool,
}

/// Options that do not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct OptionsError {
    /// All of them, in the order of their keys.
    pub problems: Vec<OptionProblem>,
}

/// An option that does not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionProblem {
    /// Its key, such as `add-hosts`.
    pub key: String,
    /// Its value; none where a token may be in it: of caches, and of contexts, which may be URLs.
    pub value: Option<String>,
    /// What is wrong, or what would be right.
    pub right: String,
}

impl Options {
    /// Reads the options of a build.
    ///
    /// # Errors
    /// All options that are malformed, together.
    pub fn parse(options: &BTreeMap<String, String>) -> Result<Self, OptionsError> {
        let mut reader = Reader { options, problems: Vec::new() };
        let read = reader.read();
        if reader.problems.is_empty() {
            return Ok(read);
        }
        reader.problems.sort_by(|a, b| a.key.cmp(&b.key));
        Err(OptionsError { problems: reader.problems })
    }

    /// The session that serves a directory of the client.
    #[must_use]
    pub fn session_of<'a>(&'a self, local: &str, session: &'a str) -> &'a str {
        self.local_sessions.get(local).map_or(session, String::as_str)
    }
}

impl Default for EntryOptions {
    fn default() -> Self {
        Self { filename: "Dockerfile".to_owned(), local: "dockerfile".to_owned(), forced: false }
    }
}

impl Default for ContextOptions {
    fn default() -> Self {
        Self { value: None, local: "context".to_owned(), subdir: None }
    }
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for OptionProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            None => write!(f, "option `{}`: {}", self.key, self.right),
            Some(value) => write!(f, "option `{}` has the value `{value}`: {}", self.key, self.right),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(options: &[(&str, &str)]) -> BTreeMap<String, String> {
        options
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn read(options: &[(&str, &str)]) -> Options {
        Options::parse(&map(options)).unwrap()
    }

    fn say(options: &[(&str, &str)]) -> String {
        Options::parse(&map(options)).unwrap_err().to_string()
    }

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(read(&[]), Options::default());
        let empty = ["target", "platform", "ulimit", "shm-size", "add-hosts", "multi-platform", "filename"];
        assert_eq!(read(&empty.map(|key| (key, ""))), Options::default());
        assert_eq!(read(&[("build-arg:BUILDKIT_SYNTAX", "x"), ("later", "y")]), Options::default());
    }

    #[test]
    fn what_a_client_says_is_read() {
        let options = read(&[
            ("build-arg:VERSION", "1=2"),
            ("build-arg:SOURCE_DATE_EPOCH", "7"),
            ("build-arg:BUILDKIT_CACHE_MOUNT_NS", "team"),
            ("build-arg:BUILDKIT_SANDBOX_HOSTNAME", "box"),
            ("hostname", "other"),
            ("label:a.b", "c"),
            ("target", "app"),
            ("platform", "linux/arm64,linux/arm64/v8,linux/386"),
            ("no-cache", "deps,app"),
            ("cache-imports", r#"[{"Type":"local","Attrs":{"src":"x"}}]"#),
            ("cache-from", "r/a,r/b"),
            ("image-resolve-mode", "pull"),
            ("force-network-mode", "none"),
            ("shm-size", "1024"),
            ("memory", "5"),
            ("local-sessionid:context", "s2"),
            ("requestid", "frontend.targets"),
        ]);
        assert_eq!(options.build_args, map(&[("SOURCE_DATE_EPOCH", "7"), ("VERSION", "1=2")]));
        assert_eq!(options.epoch, Some(Epoch::Seconds(7)));
        assert_eq!((&*options.cache_namespace, &*options.hostname), ("team", "box"));
        assert_eq!(options.labels, map(&[("a.b", "c")]));
        assert_eq!(options.target.as_deref(), Some("app"));
        let ids: Vec<_> = options.platforms.iter().map(Platform::id).collect();
        assert_eq!((ids, options.multi_platform), (vec!["linux/arm64".into(), "linux/386".into()], true));
        assert_eq!(options.no_cache, NoCache::Stages(vec!["deps".into(), "app".into()]));
        let caches: Vec<_> = options.cache_imports.iter().map(|it| it.kind.as_str()).collect();
        assert_eq!(caches, ["local", "registry", "registry"]);
        assert_eq!((options.resolve_mode, options.network), (ResolveMode::Pull, Network::None));
        assert_eq!((options.shm_size, options.resources.as_ref().unwrap().memory), (Some(1024), 5));
        assert_eq!((options.session_of("context", "s1"), options.session_of("x", "s1")), ("s2", "s1"));
        assert_eq!(options.request.as_deref(), Some("frontend.targets"));
    }

    #[test]
    fn contexts_are_found_by_their_keys() {
        let options = read(&[
            ("contextkey", "mine"),
            ("context", "https://example.com/not.git"),
            ("mine", "https://example.com/this.git"),
            ("contextsubdir", "sub"),
            ("dockerfilekey", "files"),
            ("filename", "stages.yaml"),
            ("context:base", "docker-image://debian"),
            ("context:base::linux/arm64", "input:arm"),
            ("input-metadata:arm", r#"{"containerimage.config":"e30="}"#),
        ]);
        assert_eq!(options.context.value.as_deref(), Some("https://example.com/this.git"));
        assert_eq!(options.context.subdir.as_deref(), Some("sub"));
        assert_eq!(
            options.entry,
            EntryOptions { filename: "stages.yaml".into(), local: "files".into(), forced: true }
        );
        let [all, arm] = &options.named_contexts[..] else { panic!("two contexts") };
        assert_eq!(
            (all.name.as_str(), &all.platform, all.value.as_str()),
            ("base", &None, "docker-image://debian")
        );
        assert_eq!((arm.name.as_str(), arm.platform.as_ref().unwrap().id()), ("base", "linux/arm64".into()));
        assert_eq!(options.input_metadata["arm"]["containerimage.config"], b"{}");
    }

    #[test]
    fn the_larger_provenance_counts() {
        assert_eq!(read(&[]).attests, AttestOptions { sbom: false, provenance: None });
        let options = [("attest:SBOM", ""), ("attest:provenance", "mode=min,inline-only=true")];
        assert_eq!(read(&options).attests, AttestOptions { sbom: true, provenance: Some(Provenance::Min) });
        for max in ["", "mode=max", "mode=full", "capture-usage=true"] {
            let options = [("attest:provenance", "mode=min"), ("build-arg:BUILDKIT_ATTEST_PROVENANCE", max)];
            assert_eq!(read(&options).attests.provenance, Some(Provenance::Max), "{max}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_by_its_key() {
        assert_eq!(
            say(&[("shm-size", "64m"), ("add-hosts", "db"), ("target", "x")]),
            "option `add-hosts` has the value `db`: `db` has no `=`; use name=address; \
             option `shm-size` has the value `64m`: use a number of bytes"
        );
        for key in [
            "platform",
            "multi-platform",
            "image-resolve-mode",
            "force-network-mode",
            "ulimit",
            "memory",
            "memswap",
            "cpushares",
            "cpuperiod",
            "cpuquota",
            "cpusetcpus",
            "cpusetmems",
            "input-metadata:x",
            "attest:later",
            "override-copy-image",
            "build-arg:BUILDKIT_MULTI_PLATFORM",
            "build-arg:BUILDKIT_DOCKERFILE_CHECK",
            "build-arg:BUILDKIT_GIT_ADVICE",
            "build-arg:BUILDKIT_ATTEST_X",
        ] {
            let told = say(&[(key, "\"?")]);
            assert!(told.starts_with(&format!("option `{key}` has the value `\"?`: ")), "{told}");
        }
        // A token may be in it.
        for (key, others) in
            [("cache-imports", &[][..]), ("context:base::bad/", &[]), ("memory", &[("contextkey", "memory")])]
        {
            let token = (key, "https://user:TOKEN@host/a.git");
            let told = say(&[others, &[token]].concat());
            assert!(told.starts_with(&format!("option `{key}`: ")) && !told.contains("TOKEN"), "{told}");
        }
    }

    #[test]
    fn a_map_is_asked_for_or_needed() {
        assert!(read(&[("multi-platform", "true")]).multi_platform);
        let arg = ("build-arg:BUILDKIT_MULTI_PLATFORM", "0");
        assert!(!read(&[("multi-platform", "true"), arg]).multi_platform);
        assert_eq!(
            say(&[("platform", "linux/amd64,linux/386"), ("multi-platform", "false")]),
            "option `multi-platform` has the value `false`: \
             a result for 2 platforms is a map; name one platform"
        );
    }
}
