//! From keys to options.

use std::collections::BTreeMap;

use buildkit_llb::{LinuxResources, Platform};

use super::values::{self, Attestation, Parsed};
use super::{AttestOptions, ContextOptions, EntryOptions, NamedContext, NoCache, OptionProblem, Options};

const BUILD_ARG: &str = "build-arg:";

/// Reads options and gathers what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) options: &'a BTreeMap<String, String>,
    pub(super) problems: Vec<OptionProblem>,
}

impl<'a> Reader<'a> {
    pub(super) fn read(&mut self) -> Options {
        self.removed();
        let attests = self.attests();
        let platforms = self.value("platform", values::platforms).unwrap_or_default();
        let multi_platform = self.multi_platform(platforms.len());
        let mut cache_imports = self.value("cache-imports", values::cache_imports).unwrap_or_default();
        cache_imports.extend(self.text("cache-from").map(values::cache_from).unwrap_or_default());
        let hostname = self.text("build-arg:BUILDKIT_SANDBOX_HOSTNAME").or(self.text("hostname"));
        let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Options {
            build_args: self.build_args(),
            labels: self.prefixed("label:"),
            target: self.text("target").map(str::to_owned),
            multi_platform,
            platforms,
            entry: self.entry(),
            context: self.context(),
            named_contexts: self.named_contexts(),
            input_metadata: self.input_metadata(),
            local_sessions: self.prefixed("local-sessionid:"),
            no_cache: self
                .options
                .get("no-cache")
                .map_or(NoCache::Never, |text| values::no_cache(text)),
            cache_imports,
            resolve_mode: self.value("image-resolve-mode", values::resolve_mode).unwrap_or_default(),
            extra_hosts: self.value("add-hosts", values::extra_hosts).unwrap_or_default(),
            network: self.value("force-network-mode", values::network).unwrap_or_default(),
            shm_size: self.value("shm-size", values::size).flatten(),
            ulimits: self.value("ulimit", values::ulimits).unwrap_or_default(),
            cgroup_parent: owned(self.text("cgroup-parent")),
            hostname: owned(hostname),
            resources: values::resources(LinuxResources {
                memory: self.value("memory", values::positive).unwrap_or_default(),
                memory_swap: self.value("memswap", values::memory_swap).unwrap_or_default(),
                cpu_shares: self.value("cpushares", values::positive).unwrap_or_default(),
                cpu_period: self.value("cpuperiod", values::positive).unwrap_or_default(),
                cpu_quota: self.value("cpuquota", values::positive).unwrap_or_default(),
                cpuset_cpus: self.value("cpusetcpus", values::cpuset).unwrap_or_default(),
                cpuset_mems: self.value("cpusetmems", values::cpuset).unwrap_or_default(),
            }),
            cache_namespace: owned(self.text("build-arg:BUILDKIT_CACHE_MOUNT_NS")),
            epoch: self.text("build-arg:SOURCE_DATE_EPOCH").and_then(values::epoch),
            keep_git_dir: self.value("build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR", values::boolean),
            git_advice: self.value("build-arg:BUILDKIT_GIT_ADVICE", values::boolean).unwrap_or_default(),
            attests,
            check: self
                .value("build-arg:BUILDKIT_DOCKERFILE_CHECK", values::check)
                .unwrap_or_default(),
            request: self.options.get("requestid").cloned(),
            cmdline: self.text("cmdline").map(str::to_owned),
            source: self.text("source").map(str::to_owned),
        }
    }

    /// The text of an option; an empty one counts as absent.
    fn text(&self, key: &str) -> Option<&'a str> {
        self.options.get(key).map(String::as_str).filter(|text| !text.is_empty())
    }

    fn value<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Parsed<T>) -> Option<T> {
        let text = self.text(key)?;
        self.note(key, text, parse(text))
    }

    fn note<T>(&mut self, key: &str, value: &str, parsed: Parsed<T>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(right) => {
                let hidden = key.starts_with("cache-")
                    || key.starts_with("context")
                    || self.text("contextkey") == Some(key);
                let value = Some(value.to_owned()).filter(|_| !hidden);
                let problem = OptionProblem { key: key.to_owned(), value, right };
                self.problems.push(problem);
                None
            }
        }
    }

    fn prefixed(&self, prefix: &str) -> BTreeMap<String, String> {
        let rest =
            |(key, value): (&String, &String)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone()));
        self.options.iter().filter_map(rest).collect()
    }

    fn build_args(&self) -> BTreeMap<String, String> {
        let mut args = self.prefixed(BUILD_ARG);
        args.retain(|name, _| !name.starts_with("BUILDKIT_"));
        args
    }

    fn multi_platform(&mut self, platforms: usize) -> bool {
        let arg = "build-arg:BUILDKIT_MULTI_PLATFORM";
        let key = if self.text(arg).is_some() { arg } else { "multi-platform" };
        let asked = self.value(key, values::boolean);
        if asked == Some(false) && platforms > 1 {
            let right = format!("a result for {platforms} platforms is a map; name one platform");
            self.note::<()>(key, self.text(key).unwrap_or_default(), Err(right));
        }
        asked.unwrap_or(platforms > 1)
    }

    fn entry(&self) -> EntryOptions {
        let mut entry = EntryOptions::default();
        if let Some(filename) = self.text("filename") {
            entry.filename = filename.to_owned();
        }
        if let Some(local) = self.text("dockerfilekey") {
            entry.local = local.to_owned();
            entry.forced = true;
        }
        entry
    }

    fn context(&self) -> ContextOptions {
        let key = self.text("contextkey").unwrap_or("context");
        ContextOptions {
            value: self.text(key).map(str::to_owned),
            subdir: self.text("contextsubdir").map(str::to_owned),
            ..ContextOptions::default()
        }
    }

    fn named_contexts(&mut self) -> Vec<NamedContext> {
        let mut contexts = Vec::new();
        for (key, value) in self.options {
            let Some(name) = key.strip_prefix("context:") else { continue };
            let (name, platform) = match name.split_once("::") {
                None => (name, None),
                Some((name, platform)) => {
                    let parsed = platform.parse::<Platform>().map_err(|error| error.to_string());
                    let Some(platform) = self.note(key, value, parsed) else { continue };
                    (name, Some(platform.normalized()))
                }
            };
            contexts.push(NamedContext { name: name.to_owned(), platform, value: value.clone() });
        }
        contexts
    }

    fn input_metadata(&mut self) -> BTreeMap<String, BTreeMap<String, Vec<u8>>> {
        let mut all = BTreeMap::new();
        for (key, value) in self.options {
            let Some(name) = key.strip_prefix("input-metadata:") else { continue };
            if let Some(facts) = self.note(key, value, values::input_metadata(value)) {
                all.insert(name.to_owned(), facts);
            }
        }
        all
    }

    fn attests(&mut self) -> AttestOptions {
        let mut attests = AttestOptions::default();
        for (kind, key, value) in self.attestations() {
            match self.note(&key, &value, values::attestation(&kind, &value)) {
                Some(Attestation::Sbom) => attests.sbom = true,
                Some(Attestation::Provenance(given)) => {
                    attests.provenance = attests.provenance.max(Some(given));
                }
                None => {}
            }
        }
        attests
    }

    /// Kinds of attestations that are asked for, each with its key and value.
    fn attestations(&self) -> Vec<(String, String, String)> {
        let kind = |key: &str| {
            let of_arg = key.strip_prefix("build-arg:BUILDKIT_ATTEST_");
            key.strip_prefix("attest:").or(of_arg).map(str::to_owned)
        };
        let options = self.options.iter();
        options
            .filter_map(|(key, value)| Some((kind(key)?, key.clone(), value.clone())))
            .collect()
    }

    /// What was taken away from BuildKit, and must not be overlooked.
    fn removed(&mut self) {
        if let Some(value) = self.text("override-copy-image") {
            self.note::<()>("override-copy-image", value, Err("BuildKit v0.11 removed it".to_owned()));
        }
        let key = "build-arg:BUILDKIT_DISABLE_FILEOP";
        if let Some(value) = self.text(key).filter(|value| values::boolean(value) == Ok(true)) {
            self.note::<()>(key, value, Err("BuildKit v0.11 removed it".to_owned()));
        }
    }
}
