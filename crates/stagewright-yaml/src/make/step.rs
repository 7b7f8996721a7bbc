//! Steps.

use stagewright_plan::plan::{Action, Copy, NewUser, Step as PlanStep};
use stagewright_plan::{Cross as _, Problem};

use super::Making;
use super::image::texts;
use crate::findings::quoted;
use crate::form::{Copied, CopyStep, CrossTool, Step, Text, When};
use crate::read::At;

impl Making<'_> {
    /// What a step does: nothing if it is not its time, and one action for each variable of an `env`.
    pub(super) fn step(&self, step: &At<Step>) -> Vec<PlanStep> {
        let (when, actions) = match &step.value {
            Step::Copy(copy) => (&copy.when, vec![Action::Copy(self.copy(step, copy))]),
            Step::Run(run) => (&run.when, vec![Action::Run(self.run(step, run))]),
            Step::Env(env) => {
                let pairs = env.env.0.iter().map(|(name, value)| (&name.value, &value.0));
                (&env.when, variables(pairs))
            }
            Step::Cross(step) => (&step.when, self.cross(step.cross)),
            Step::AddUser(step) => {
                let user = NewUser {
                    name: step.add_user.0.clone(),
                    id: step.id.0,
                    home: optional(step.home.as_ref()),
                };
                (&step.when, vec![Action::AddUser(user)])
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
            Step::Remove(step) => {
                let action = Action::Remove { path: step.remove.0.clone(), optional: step.optional.0 };
                (&step.when, vec![action])
            }
            Step::Symlink(step) => {
                let action = Action::Symlink { target: step.target.0.clone(), path: step.symlink.0.clone() };
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

    fn copy(&self, at: &At<Step>, step: &CopyStep) -> Copy {
        let (from, paths) = match &step.copy {
            Copied::Path(path) => (self.origin(step.from.as_ref()), vec![path.0.clone()]),
            Copied::Paths(paths) => (self.origin(step.from.as_ref()), texts(paths)),
            Copied::Http(http) => {
                let (from, path) = self.download(http, step.from.as_ref());
                (from, vec![path])
            }
        };
        if !matches!(step.copy, Copied::Http(_)) {
            paths.iter().for_each(|path| self.no_url(at.place, path));
        }
        Copy {
            include: texts(&step.include.0),
            exclude: texts(&step.exclude.0),
            owner: optional(step.owner.as_ref()),
            mode: step.mode.map(|mode| mode.0),
            optional: step.optional.0,
            parents: step.parents.0,
            link: step.link.0,
            unpack: step.unpack.0,
            ..Copy::new(from, paths, step.to.0.clone())
        }
    }

    fn cross(&self, tool: CrossTool) -> Vec<Action> {
        match tool {
            CrossTool::Go => variables(self.target.go().iter().map(|(name, value)| (*name, value))),
            CrossTool::Npm => variables(self.target.npm().iter().map(|(name, value)| (*name, value))),
        }
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

/// One action for each variable.
fn variables<N: Into<String>>(pairs: impl IntoIterator<Item = (N, impl Into<String>)>) -> Vec<Action> {
    let actions = pairs
        .into_iter()
        .map(|(name, value)| Action::Env { name: name.into(), value: value.into() });
    actions.collect()
}

/// A line for the shell, without the line breaks at the end of a block.
pub(super) fn words(line: &str) -> String {
    line.trim_end_matches('\n').to_owned()
}

pub(super) fn optional(text: Option<&Text>) -> Option<String> {
    text.map(|text| text.0.clone())
}
