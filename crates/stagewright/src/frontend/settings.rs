//! What a client says for every step, as the driver takes it.

use buildkit_frontend::{NoCache, Options};
use stagewright_plan::lower::{self, ArgError, Settings};

/// What a client says for every step.
///
/// # Errors
///
/// An arg that every build has, with a value that does not read.
pub(super) fn settings(options: &Options) -> Result<Settings, ArgError> {
    let mut settings = Settings {
        no_cache: match &options.no_cache {
            NoCache::Never => lower::NoCache::None,
            NoCache::All => lower::NoCache::All,
            NoCache::Stages(stages) => lower::NoCache::Stages(stages.iter().cloned().collect()),
        },
        extra_hosts: options.extra_hosts.clone(),
        ulimits: options.ulimits.clone(),
        shm_size: options.shm_size.unwrap_or_default(),
        cgroup_parent: options.cgroup_parent.clone(),
        network: options.network,
        hostname: options.hostname.clone(),
        resources: options.resources.clone(),
        labels: options.labels.clone(),
        cache_namespace: options.cache_namespace.clone(),
        keep_git_dir: options.keep_git_dir.unwrap_or_default(),
        git_advice: options.git_advice,
        ..Settings::default()
    };
    // Proxies, and the time that everything is stamped with.
    settings.take_args(options.build_args.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
    Ok(settings)
}
