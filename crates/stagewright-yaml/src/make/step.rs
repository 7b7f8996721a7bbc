//! Steps.

use stagewright_plan::Problem;
use stagewright_plan::plan::{self, Action, Copy, Mount, Run, SecretEnv, Step as PlanStep};

use super::Making;
use super::stage::texts;
use crate::findings::quoted;
use crate::form::{Cache, Command, CopyStep, Network, RunStep, SecretUse, Sharing, Step, Text, When};
use crate::read::At;

/// The context that a build is always given.
const CONTEXT: &str = "context";

impl Making<'_> {
    /// What a step does: nothing if it is not its time, and one action for each variable of an `env`.
    pub(super) fn step(&self, step: &At<Step>) -> Vec<PlanStep> {
        let (when, actions) = match &step.value {
            Step::Copy(copy) => (&copy.when, vec![Action::Copy(self.copy(copy))]),
            Step::Run(run) => (&run.when, vec![Action::Run(self.run(run))]),
            Step::Env(env) => {
                let variables = env
                    .env
                    .0
                    .iter()
                    .map(|(name, value)| Action::Env { name: name.value.clone(), value: value.0.clone() });
                (&env.when, variables.collect())
            }
            Step::Workdir(step) => (&step.when, vec![Action::Workdir { path: step.workdir.0.clone() }]),
            Step::User(step) => (&step.when, vec![Action::User { user: step.user.0.clone() }]),
            Step::Mkdir(step) => {
                let action = Action::Mkdir {
                    path: step.mkdir.0.clone(),
                    mode: step.mode.map_or(0o755, |mode| mode.0),
                    owner: optional(step.owner.as_ref()),
                };
                (&step.when, vec![action])
            }
            Step::File(step) => {
                let action = Action::File {
                    path: step.file.0.clone(),
                    text: step.text.0.clone(),
                    mode: step.mode.map_or(0o644, |mode| mode.0),
                    owner: optional(step.owner.as_ref()),
                };
                (&step.when, vec![action])
            }
        };
        if !self.holds(when) {
            return Vec::new();
        }
        let (at, via) = (self.site(step.place), self.sites(&step.via));
        actions
            .into_iter()
            .map(|action| PlanStep { at: at.clone(), via: via.clone(), action })
            .collect()
    }

    fn copy(&self, step: &CopyStep) -> Copy {
        let from = step.from.as_ref().map_or_else(context, |from| self.origin(from));
        Copy {
            include: texts(&step.include.0),
            exclude: texts(&step.exclude.0),
            owner: optional(step.owner.as_ref()),
            mode: step.mode.map(|mode| mode.0),
            ..Copy::new(from, texts(&step.copy.0), step.to.0.clone())
        }
    }

    fn run(&self, step: &RunStep) -> Run {
        let command = match &step.run {
            Command::Shell(line) => plan::Command::Shell(words(&line.0)),
            Command::Argv(list) => plan::Command::Argv(texts(list)),
        };
        let mut run = Run {
            mounts: step.caches.0.iter().map(cache).collect(),
            env: step
                .env
                .0
                .iter()
                .map(|(name, value)| (name.value.clone(), value.0.clone()))
                .collect(),
            workdir: optional(step.workdir.as_ref()),
            user: optional(step.user.as_ref()),
            no_network: step.network == Network::None,
            ..Run::new(command)
        };
        run.mounts.extend(step.binds.0.iter().map(|bind| Mount::Bind {
            from: bind.from.as_ref().map_or_else(context, |from| self.origin(from)),
            source: bind.source.0.clone(),
            path: bind.path.0.clone(),
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

    /// Whether every arg has one of the values that a step waits for.
    fn holds(&self, when: &When) -> bool {
        let mut holds = true;
        for (name, wanted) in &when.0.0 {
            let Some(value) = self.values.get(&name.value) else {
                self.findings.note(name.place, self.args.unknown(&name.value));
                continue;
            };
            let known = self.args.values_of(&name.value);
            for wanted in &wanted.0 {
                if !known.is_empty() && !known.contains(&wanted.value.0) {
                    let message = format!(
                        "the arg `{}` is never `{}`: it is one of {}",
                        name.value,
                        wanted.value.0,
                        quoted(known)
                    );
                    self.findings.note(wanted.place, Problem::new(message));
                }
            }
            holds &= wanted.0.iter().any(|wanted| wanted.value.0 == *value);
        }
        holds
    }
}

/// A line for the shell, without the line breaks at the end of a block.
pub(super) fn words(line: &str) -> String {
    line.trim_end_matches('\n').to_owned()
}

fn context() -> plan::Origin {
    plan::Origin::Context(CONTEXT.to_owned())
}

fn optional(text: Option<&Text>) -> Option<String> {
    text.map(|text| text.0.clone())
}

fn cache(cache: &Cache) -> Mount {
    Mount::Cache(match cache {
        Cache::At(path) => plan::Cache::at(&path.0),
        Cache::Path(spec) => plan::Cache {
            id: optional(spec.id.as_ref()),
            sharing: match spec.sharing {
                Sharing::Shared => plan::Sharing::Shared,
                Sharing::Private => plan::Sharing::Private,
                Sharing::Locked => plan::Sharing::Locked,
            },
            ..plan::Cache::at(&spec.path.0)
        },
    })
}
