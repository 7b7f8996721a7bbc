//! What can be asked for.

use super::files::Artifact;
use super::role::{Role, Runtime, Tester};
use super::stage::{Gates, Stage};
use crate::plan::{self, Action, Copy, Gate, Origin, Step, Target};
use crate::problem::Problem;
use crate::site::Site;

/// The targets of a build. A target's name is its stage's.
#[derive(Clone, Debug, Default)]
#[must_use = "give the targets back from the build function"]
pub struct Targets {
    entries: Vec<Entry>,
    /// Testers that gate every product, by their places in the arena.
    gates: Vec<(usize, Site)>,
    /// Texts that came before any target.
    about_nothing: Vec<Site>,
}

#[derive(Clone, Debug)]
struct Entry {
    target: Target,
    /// What its stage is, where that is made for the target alone.
    own: Option<Own>,
}

#[derive(Clone, Debug)]
enum Own {
    /// A tester that these gate, by their places in the arena.
    Checks(Vec<usize>),
    /// A builder that holds what is copied.
    Files(Copy),
}

impl Targets {
    /// No targets yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An image that is built when no target is named.
    #[track_caller]
    pub fn product(self, image: impl IntoProduct) -> Self {
        let target = Target { product: true, ..image.target(Site::caller()) };
        self.with(target, None)
    }

    /// Several images that are built when no target is named.
    #[track_caller]
    pub fn products<I: IntoProduct>(mut self, images: impl IntoIterator<Item = I>) -> Self {
        for image in images {
            self = self.product(image);
        }
        self
    }

    /// An image or a tester that is built when its name is given.
    #[track_caller]
    pub fn target(self, stage: impl IntoTarget) -> Self {
        let target = stage.target(Site::caller());
        self.with(target, None)
    }

    /// Several testers under one name, side by side: it succeeds when all of them do.
    #[track_caller]
    pub fn checks(self, name: impl Into<String>, testers: impl Gates) -> Self {
        let target = Target::new(name, Site::caller());
        self.with(target, Some(Own::Checks(testers.testers())))
    }

    /// What a stage made, as files and not as an image: `.files("bin", builder.artifact("/out"))`.
    #[track_caller]
    pub fn files(self, name: impl Into<String>, artifact: Artifact) -> Self {
        let target = Target { files: true, ..Target::new(name, Site::caller()) };
        self.with(target, Some(Own::Files(artifact.copy())))
    }

    /// Makes the success of testers a condition of every product.
    #[track_caller]
    pub fn gated_by(mut self, gates: impl Gates) -> Self {
        let at = Site::caller();
        self.gates
            .extend(gates.testers().into_iter().map(|tester| (tester, at.clone())));
        self
    }

    /// Says what the target before this is, for people.
    #[track_caller]
    pub fn described(mut self, text: impl Into<String>) -> Self {
        match self.entries.last_mut() {
            Some(entry) => entry.target.description = Some(text.into()),
            None => self.about_nothing.push(Site::caller()),
        }
        self
    }

    fn with(mut self, target: Target, own: Option<Own>) -> Self {
        self.entries.push(Entry { target, own });
        self
    }

    /// What is wrong with how they were given.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let problem = |at: &Site| {
            Problem::new("this describes no target")
                .at(at)
                .help("call it after the target that it is about")
        };
        self.about_nothing.iter().map(problem).collect()
    }

    /// The targets for a Plan of these stages: their own stages and the gates of products come to them.
    pub(crate) fn into_plan(self, stages: &mut Vec<plan::Stage>) -> Vec<Target> {
        for (tester, at) in &self.gates {
            let name = stages[*tester].name.clone();
            for entry in self.entries.iter().filter(|entry| entry.target.product) {
                let product = stages.iter_mut().find(|stage| stage.name == entry.target.stage);
                product
                    .expect("a product is of a recorded stage")
                    .gate(Gate { stage: name.clone(), at: at.clone() });
            }
        }
        let mut targets = Vec::new();
        for Entry { target, own } in self.entries {
            let at = &target.at;
            match own {
                None => {}
                Some(Own::Checks(testers)) => {
                    let mut stage = plan::Stage::new(&target.name, plan::Role::Tester, Origin::Scratch, at);
                    for tester in testers {
                        stage.gate(Gate { stage: stages[tester].name.clone(), at: at.clone() });
                    }
                    stages.push(stage);
                }
                Some(Own::Files(copy)) => {
                    let mut stage = plan::Stage::new(&target.name, plan::Role::Builder, Origin::Scratch, at);
                    let action = Action::Copy(Copy { to: "/".to_owned(), ..copy });
                    stage.steps.push(Step { at: at.clone(), via: Vec::new(), action });
                    stages.push(stage);
                }
            }
            targets.push(target);
        }
        targets
    }
}

/// A stage that can be built by name: an image or a tester.
#[diagnostic::on_unimplemented(
    message = "a target is an image or a tester",
    label = "`{Self}` is neither",
    note = "for an image of everything in a stage: `stage.dev(\"name\")`"
)]
pub trait IntoTarget {
    #[doc(hidden)]
    fn target(self, site: Site) -> Target;
}

/// A stage that can be a product: an image.
#[diagnostic::on_unimplemented(
    message = "a product is an image",
    label = "`{Self}` is none",
    note = "start one: `base.runtime(\"name\")`; a tester is a target: `.target(unit)`"
)]
pub trait IntoProduct: IntoTarget {}

macro_rules! targets {
    ($($stage:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl IntoTarget for $stage {
            fn target(self, site: Site) -> Target {
                target(&self, site)
            }
        }
    )*};
}

targets!(Stage<Runtime> &Stage<Runtime> Stage<Tester> &Stage<Tester>);

#[diagnostic::do_not_recommend]
impl IntoProduct for Stage<Runtime> {}

#[diagnostic::do_not_recommend]
impl IntoProduct for &Stage<Runtime> {}

fn target<R: Role>(stage: &Stage<R>, site: Site) -> Target {
    Target::new(stage.name(), stage.place(site))
}
