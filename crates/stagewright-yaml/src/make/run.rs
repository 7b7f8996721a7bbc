//! Commands, with what is mounted while they run.

use stagewright_plan::plan::{self, Mount, Run, SecretEnv};
use stagewright_plan::{Cache as Preset, Caches as _, Every as Span};

use super::Making;
use super::image::texts;
use super::step::{optional, words};
use crate::form::{Bound, Cache, CachePreset, Command, Every, Network, RunStep, SecretUse, Sharing};
use crate::read::At;

impl Making<'_> {
    pub(super) fn run(&self, at: &At<crate::form::Step>, step: &RunStep) -> Run {
        let command = match &step.run {
            Command::Shell(line) => plan::Command::Shell(words(&line.0)),
            Command::Argv(list) => plan::Command::Argv(texts(list)),
            Command::Script(script) => plan::Command::Script {
                interpreter: texts(&script.interpreter.0),
                text: script.script.0.clone(),
            },
        };
        let mut run = Run {
            mounts: step.caches.0.iter().flat_map(caches).map(Mount::Cache).collect(),
            env: step
                .env
                .0
                .iter()
                .map(|(name, value)| (name.value.clone(), value.0.clone()))
                .collect(),
            workdir: optional(step.workdir.as_ref()),
            user: optional(step.user.as_ref()),
            no_network: step.network == Network::None,
            refresh: step.refresh.map(seconds),
            ..Run::new(command)
        };
        run.mounts.extend(step.binds.0.iter().map(|bind| {
            let (from, source) = match &bind.source {
                Bound::Http(http) => self.download(http, bind.from.as_ref()),
                Bound::Path(path) => {
                    self.no_url(at.place, &path.0);
                    (self.origin(bind.from.as_ref()), path.0.clone())
                }
            };
            Mount::Bind { from, source, path: bind.path.0.clone() }
        }));
        run.mounts
            .extend(step.tmpfs.0.iter().map(|path| Mount::Tmpfs { path: path.0.clone() }));
        for secret in &step.secrets.0 {
            let (id, path, env) = match secret {
                SecretUse::File(id) => (id, None, None),
                SecretUse::Id(spec) => (&spec.id, spec.path.as_ref(), spec.env.as_ref()),
            };
            let id = id.value.clone();
            if let Some(name) = env {
                run.secret_env.push(SecretEnv { name: name.0.clone(), id: id.clone() });
            }
            if path.is_some() || env.is_none() {
                let path = optional(path).unwrap_or_else(|| format!("/run/secrets/{id}"));
                run.mounts.push(Mount::Secret { id, path });
            }
        }
        run.mounts.extend(step.ssh.0.iter().map(|id| Mount::Ssh { id: id.0.clone() }));
        run
    }
}

fn seconds(every: Every) -> u64 {
    let span = match every {
        Every::Hour => Span::hour(),
        Every::Day => Span::day(),
        Every::Week => Span::week(),
    };
    span.seconds()
}

fn caches(cache: &Cache) -> Vec<plan::Cache> {
    match cache {
        Cache::At(path) => vec![plan::Cache::at(&path.0)],
        Cache::Of(CachePreset::Npm) => Preset::npm().caches(),
        Cache::Of(CachePreset::Pnpm) => Preset::pnpm().caches(),
        Cache::Of(CachePreset::Yarn) => Preset::yarn().caches(),
        Cache::Of(CachePreset::Bun) => Preset::bun().caches(),
        Cache::Of(CachePreset::Pip) => Preset::pip().caches(),
        Cache::Of(CachePreset::Uv) => Preset::uv().caches(),
        Cache::Of(CachePreset::Go) => Preset::go().caches(),
        Cache::Of(CachePreset::Cargo) => Preset::cargo().caches(),
        Cache::Of(CachePreset::Maven) => Preset::maven().caches(),
        Cache::Of(CachePreset::Gradle) => Preset::gradle().caches(),
        Cache::Of(CachePreset::Apt) => Preset::apt().caches(),
        Cache::Path(spec) => vec![plan::Cache {
            id: optional(spec.id.as_ref()),
            sharing: match spec.sharing {
                Sharing::Shared => plan::Sharing::Shared,
                Sharing::Private => plan::Sharing::Private,
                Sharing::Locked => plan::Sharing::Locked,
            },
            owner: spec.owner.map(|ids| (ids.0, ids.1)),
            mode: spec.mode.map(|mode| mode.0),
            ..plan::Cache::at(&spec.path.0)
        }],
    }
}
