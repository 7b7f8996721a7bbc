//! What a build program has said so far.

use std::cell::RefCell;

use crate::lint::Allow;
use crate::plan::{Gate, Origin, Report, Role, Runtime, SecretSpec, Stage, Step};
use crate::problem::Problem;
use crate::site::Site;

/// The arena behind a [`Build`](super::Build): every stage that was started, reached by a target or not, and every
/// problem that the Plan cannot show by itself.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    stages: Vec<Recorded>,
    secrets: Vec<SecretSpec>,
    allow: Vec<Allow>,
    problems: Vec<Problem>,
    via: Vec<Site>,
    /// What names of stages begin with, dashes included.
    group: String,
    platform_asked: bool,
}

#[derive(Debug)]
struct Recorded {
    stage: Stage,
    /// The first use of its filesystem: no step may follow.
    steps_closed: Option<Use>,
    /// The first image that started from it: its configuration may not change any more.
    config_closed: Option<Use>,
}

/// A use of a stage: what was made of it, and where.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) what: String,
    pub(crate) at: Site,
}

/// All that was said.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) stages: Vec<Stage>,
    pub(crate) secrets: Vec<SecretSpec>,
    pub(crate) allow: Vec<Allow>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) platform_asked: bool,
}

impl Recorder {
    /// Starts a stage and gives its place in the arena.
    pub(crate) fn start(&self, name: String, role: Role, from: Origin, site: Site) -> usize {
        let (at, via) = self.place(site);
        let name = self.state.borrow().group.clone() + &name;
        let stage = Stage { via, ..Stage::new(name, role, from, &at) };
        let mut state = self.state.borrow_mut();
        state.stages.push(Recorded { stage, steps_closed: None, config_closed: None });
        state.stages.len() - 1
    }

    pub(crate) fn name(&self, stage: usize) -> String {
        self.state.borrow().stages[stage].stage.name.clone()
    }

    /// The role of an image that starts from this stage: what starts from a dev image is one, too.
    pub(crate) fn image_role(&self, from: usize) -> Role {
        match self.state.borrow().stages[from].stage.role {
            Role::Dev => Role::Dev,
            _ => Role::Runtime,
        }
    }

    /// Records a step; after the stage's first use it is a problem instead.
    pub(crate) fn step(&self, stage: usize, site: Site, action: crate::plan::Action) {
        let (at, via) = self.place(site);
        let late = {
            let mut state = self.state.borrow_mut();
            let recorded = &mut state.stages[stage];
            recorded.stage.steps.push(Step { at: at.clone(), via: via.clone(), action });
            recorded.steps_closed.clone()
        };
        if let Some(used) = late {
            let name = self.name(stage);
            self.problem(
                Problem::new(format!("a step of stage `{name}` comes after its first use"))
                    .at(&at)
                    .via(&via)
                    .label("this step comes too late")
                    .related(&used.at, format!("`{name}` is {} here", used.what))
                    .help("write the step before that, or start another stage for it"),
            );
        }
    }

    /// Changes a stage's runtime configuration; after an image started from it, that is a problem.
    pub(crate) fn configure(&self, stage: usize, site: Site, change: impl FnOnce(&mut Runtime)) {
        let (at, via) = self.place(site);
        let late = {
            let mut state = self.state.borrow_mut();
            let recorded = &mut state.stages[stage];
            change(&mut recorded.stage.runtime);
            recorded.config_closed.clone()
        };
        if let Some(used) = late {
            let name = self.name(stage);
            self.problem(
                Problem::new(format!(
                    "the configuration of image `{name}` changes after another image started from it"
                ))
                .at(&at)
                .via(&via)
                .label("this comes too late")
                .related(&used.at, format!("`{name}` is {} here", used.what))
                .help("write it before that"),
            );
        }
    }

    pub(crate) fn gate(&self, stage: usize, site: Site, testers: impl IntoIterator<Item = usize>) {
        let (at, _) = self.place(site);
        for tester in testers {
            let gate = Gate { stage: self.name(tester), at: at.clone() };
            self.state.borrow_mut().stages[stage].stage.gate(gate);
        }
    }

    pub(crate) fn report(&self, stage: usize, site: Site, path: String) {
        let (at, _) = self.place(site);
        self.state.borrow_mut().stages[stage].stage.reports.push(Report { path, at });
    }

    /// Allows a finding in a stage or, without one, in the whole build.
    pub(crate) fn allow(&self, stage: Option<usize>, site: Site, code: String) {
        let (at, _) = self.place(site);
        let mut state = self.state.borrow_mut();
        let allow = Allow { code, at };
        match stage {
            Some(stage) => state.stages[stage].stage.allow.push(allow),
            None => state.allow.push(allow),
        }
    }

    /// Closes a stage to further steps: its filesystem is used.
    pub(crate) fn used(&self, stage: usize, site: Site, what: &str) {
        let (at, _) = self.place(site);
        let closed = &mut self.state.borrow_mut().stages[stage].steps_closed;
        if closed.is_none() {
            *closed = Some(Use { what: what.to_owned(), at });
        }
    }

    /// Closes an image's configuration: another image started from it.
    pub(crate) fn inherited(&self, stage: usize, site: Site, what: &str) {
        let (at, _) = self.place(site);
        let closed = &mut self.state.borrow_mut().stages[stage].config_closed;
        if closed.is_none() {
            *closed = Some(Use { what: what.to_owned(), at });
        }
    }

    pub(crate) fn secret(&self, id: String, site: Site) -> usize {
        let (at, _) = self.place(site);
        let mut state = self.state.borrow_mut();
        if let Some(known) = state.secrets.iter().position(|secret| secret.id == id) {
            return known;
        }
        state.secrets.push(SecretSpec { id, optional: false, at });
        state.secrets.len() - 1
    }

    pub(crate) fn optional_secret(&self, secret: usize) {
        self.state.borrow_mut().secrets[secret].optional = true;
    }

    pub(crate) fn platform_asked(&self) {
        self.state.borrow_mut().platform_asked = true;
    }

    pub(crate) fn problem(&self, problem: Problem) {
        self.state.borrow_mut().problems.push(problem);
    }

    /// The place of a call, and the presets on the way to it.
    ///
    /// A `#[track_caller]` function that was passed by name reports Rust's own library; then the call of `apply`
    /// (or its like) that ran it is the place.
    pub(crate) fn place(&self, site: Site) -> (Site, Vec<Site>) {
        let mut via = self.state.borrow().via.clone();
        if site.is_in_core()
            && let Some(caller) = via.pop()
        {
            return (caller, via);
        }
        (site, via)
    }

    /// Runs a preset: what it records names the place that it was called from.
    pub(crate) fn through<T>(&self, site: Site, preset: impl FnOnce() -> T) -> T {
        self.state.borrow_mut().via.push(site);
        let made = preset();
        self.state.borrow_mut().via.pop();
        made
    }

    /// Runs a preset: names of the stages that it starts begin with this one.
    pub(crate) fn grouped<T>(&self, name: String, preset: impl FnOnce() -> T) -> T {
        let outer = self.state.borrow().group.clone();
        self.state.borrow_mut().group = format!("{outer}{name}-");
        let made = preset();
        self.state.borrow_mut().group = outer;
        made
    }

    pub(crate) fn take(&self) -> Record {
        let state = self.state.take();
        Record {
            stages: state.stages.into_iter().map(|recorded| recorded.stage).collect(),
            secrets: state.secrets,
            allow: state.allow,
            problems: state.problems,
            platform_asked: state.platform_asked,
        }
    }
}
