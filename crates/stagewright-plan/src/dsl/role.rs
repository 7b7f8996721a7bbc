//! The roles of stages, and which may start from which.
//!
//! | from \ to | base | deps | builder | tester | runtime | dev |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | image, scratch | + | + | + | + | + | |
//! | base | + | + | + | + | + | + |
//! | deps | | + | + | + | | + |
//! | builder | | | + | + | | + |
//! | tester | | | | + | | |
//! | runtime | | | | + | + | + |
//! | dev | | | | + | | + |
//!
//! One trait for each next role, so that the compiler names the rule that was broken. Images have one type: what is started
//! as a runtime from a dev image is a dev image in the Plan.

use crate::plan;

/// What other stages have in common.
#[derive(Debug)]
pub enum Base {}

/// Dependencies, installed from their manifests.
#[derive(Debug)]
pub enum Deps {}

/// What makes artifacts.
#[derive(Debug)]
pub enum Builder {}

/// What judges: it succeeds or fails, and hands on nothing but that.
#[derive(Debug)]
pub enum Tester {}

/// An image, to ship or for development.
#[derive(Debug)]
pub enum Runtime {}

/// A role of a stage.
pub trait Role: sealed::Sealed + 'static {
    /// The role in the Plan.
    const ROLE: plan::Role;
}

/// A role that a base can start from.
#[diagnostic::on_unimplemented(
    message = "a base starts from an image or from another base",
    label = "this is a `{Self}` stage: what it adds is not for everybody"
)]
pub trait StartsBase: Role {}

/// A role that dependencies can start from.
#[diagnostic::on_unimplemented(
    message = "a deps stage starts from an image, a base or other dependencies",
    label = "this is a `{Self}` stage"
)]
pub trait StartsDeps: Role {}

/// A role that a builder can start from.
#[diagnostic::on_unimplemented(
    message = "a builder starts from an image, a base, dependencies or another builder",
    label = "this is a `{Self}` stage"
)]
pub trait StartsBuilder: Role {}

/// A role that a runtime image can start from.
#[diagnostic::on_unimplemented(
    message = "a runtime image starts from an image, a base or another runtime",
    label = "this is a `{Self}` stage: its tools and sources would ship",
    note = "copy what it made: `base.runtime(\"name\").copy(stage.artifact(\"/app/dist\"), \"dist/\")`",
    note = "for an image with everything in it, say so: `stage.dev(\"name\")`"
)]
pub trait StartsRuntime: Role {}

/// A role that a dev image can start from.
#[diagnostic::on_unimplemented(
    message = "a dev image starts from a base, dependencies, a builder or a runtime",
    label = "this is a `{Self}` stage"
)]
pub trait StartsDev: Role {}

/// A role whose stages hand on artifacts.
#[diagnostic::on_unimplemented(
    message = "only deps and builder stages have artifacts",
    label = "this is a `{Self}` stage"
)]
pub trait Makes: Role {}

/// A role whose stages are images.
#[diagnostic::on_unimplemented(
    message = "only an image has runtime configuration",
    label = "this is a `{Self}` stage",
    note = "start an image from it: `base.runtime(\"name\")`, or `stage.dev(\"name\")` for development"
)]
pub trait IsImage: Role {}

/// A role whose stages can be taken whole.
#[diagnostic::on_unimplemented(
    message = "only an image is taken whole",
    label = "this is a `{Self}` stage",
    note = "what a builder made for other stages is an artifact: `stage.artifact(\"/app/dist\")`"
)]
pub trait HasRoot: Role {}

/// A role whose stages can be gated.
#[diagnostic::on_unimplemented(
    message = "only an image or another tester can be gated",
    label = "this is a `{Self}` stage: it runs beside the tests"
)]
pub trait Gated: Role {}

/// A role whose stages take what others judged, and whole images.
#[diagnostic::on_unimplemented(
    message = "reports of a tester, and whole images, go to testers only",
    label = "this goes into a `{Self}` stage",
    note = "people get reports by `build --reports DIRECTORY`",
    note = "what a builder makes for other stages is an artifact: `stage.artifact(\"/app/dist\")`"
)]
pub trait TakesJudged: Role {}

/// A role whose stages leave reports.
#[diagnostic::on_unimplemented(
    message = "only a tester leaves reports",
    label = "this is a `{Self}` stage",
    note = "what a builder makes for other stages is an artifact: `stage.artifact(\"/app/dist\")`"
)]
pub trait Judges: Role {}

macro_rules! roles {
    ($($role:ident: $($may:ident)*;)*) => {$(
        impl sealed::Sealed for $role {}
        impl Role for $role {
            const ROLE: plan::Role = plan::Role::$role;
        }
        $(
            #[diagnostic::do_not_recommend]
            impl $may for $role {}
        )*
    )*};
}

roles! {
    Base: StartsBase StartsDeps StartsBuilder StartsRuntime StartsDev;
    Deps: StartsDeps StartsBuilder StartsDev Makes;
    Builder: StartsBuilder StartsDev Makes;
    Tester: Gated Judges TakesJudged;
    Runtime: StartsRuntime StartsDev IsImage HasRoot Gated;
}

/// Whether a stage of one role may start from a stage of another: the table above, for Plans that no compiler saw.
pub(crate) fn may_start(from: plan::Role, to: plan::Role) -> bool {
    use plan::Role::{Base, Builder, Deps, Dev, Runtime, Tester};
    match (from, to) {
        (Base, _) | (_, Tester) | (Deps, Deps | Builder | Dev) | (Builder, Builder | Dev) => true,
        (Runtime, Runtime | Dev) | (Dev, Dev) => true,
        (Deps | Builder | Tester | Runtime | Dev, _) => false,
    }
}

mod sealed {
    pub trait Sealed {}
}
