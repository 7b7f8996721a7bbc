//! What can be asked for.

use super::role::{Role, Runtime, Tester};
use super::stage::Stage;
use crate::plan::Target;
use crate::site::Site;

/// The targets of a build. A target's name is its stage's.
#[derive(Clone, Debug, Default)]
#[must_use = "give the targets back from the build function"]
pub struct Targets {
    targets: Vec<Target>,
}

impl Targets {
    /// No targets yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An image that is built when no target is named.
    #[track_caller]
    pub fn product(mut self, image: impl IntoProduct) -> Self {
        self.targets.push(Target { product: true, ..image.target(Site::caller()) });
        self
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
    pub fn target(mut self, stage: impl IntoTarget) -> Self {
        self.targets.push(stage.target(Site::caller()));
        self
    }

    /// Says what the target before this is, for people.
    pub fn described(mut self, text: impl Into<String>) -> Self {
        if let Some(target) = self.targets.last_mut() {
            target.description = Some(text.into());
        }
        self
    }

    pub(crate) fn into_plan(self) -> Vec<Target> {
        self.targets
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
    Target {
        name: stage.name(),
        stage: stage.name(),
        description: None,
        product: false,
        at: stage.place(site),
    }
}
