//! From a build function to a Plan.

use std::collections::BTreeMap;
use std::fmt::Display;

use buildkit_llb::Platform;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::check;
use crate::dsl::role::Runtime;
use crate::dsl::{Build, Stage, Targets};
use crate::params::Parameters;
use crate::plan::{Plan, VERSION};
use crate::problem::{Problem, Problems};
use crate::site::Site;

/// What a build function may give back: [`Targets`], a single image, or a `Result` of one of them.
#[diagnostic::on_unimplemented(
    message = "a build function gives back `Targets`, an image, or a `Result` of one of them",
    label = "`{Self}` is none of them"
)]
pub trait Outcome {
    #[doc(hidden)]
    fn targets(self) -> Result<Targets, Problems>;
}

#[diagnostic::do_not_recommend]
impl Outcome for Targets {
    fn targets(self) -> Result<Targets, Problems> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl Outcome for Stage<Runtime> {
    fn targets(self) -> Result<Targets, Problems> {
        Ok(Targets::new().product(self))
    }
}

#[diagnostic::do_not_recommend]
impl<T: Outcome, E: Display> Outcome for Result<T, E> {
    fn targets(self) -> Result<Targets, Problems> {
        match self {
            Ok(outcome) => outcome.targets(),
            Err(e) => Err(Problem::new(format!("the build function failed: {e}")).into()),
        }
    }
}

/// The Plan of a build function for linux/amd64, with parameters as text: what a program's own tests call.
///
/// # Errors
///
/// Everything that is wrong with the parameters or, once they are right, with the build.
pub fn plan<P, O>(build: impl Fn(&Build, P) -> O, parameters: &[(&str, &str)]) -> Result<Plan, Problems>
where
    P: DeserializeOwned + JsonSchema,
    O: Outcome,
{
    let amd64 = Platform::new("linux", "amd64");
    describe(&build, parameters, &amd64, &amd64)
}

/// The Plan of a build function for a platform, built on another.
///
/// # Errors
///
/// Everything that is wrong with the parameters or, once they are right, with the build.
pub fn describe<P, O>(
    build: &impl Fn(&Build, P) -> O,
    parameters: &[(impl AsRef<str>, impl AsRef<str>)],
    platform: &Platform,
    build_platform: &Platform,
) -> Result<Plan, Problems>
where
    P: DeserializeOwned + JsonSchema,
    O: Outcome,
{
    let parameters = Parameters::of::<P>()?.parse::<P>(parameters)?;
    describe_file(|b| build(b, parameters), BTreeMap::new(), platform, build_platform)
}

/// The Plan of a build function whose argument was read from a file, with the places where its fields stand there.
///
/// # Errors
///
/// Everything that is wrong with the build.
pub fn describe_file<O: Outcome>(
    build: impl FnOnce(&Build) -> O,
    fields: BTreeMap<String, Site>,
    platform: &Platform,
    build_platform: &Platform,
) -> Result<Plan, Problems> {
    let recorder = Build::new(platform.clone(), build_platform.clone(), fields);
    let outcome = build(&recorder);
    let outcome = outcome.targets();
    let mut record = recorder.recorder().take();
    let (targets, failure) = match outcome {
        Ok(targets) => {
            record.problems.extend(targets.problems());
            (targets.into_plan(&mut record.stages), None)
        }
        Err(failure) => (Vec::new(), Some(failure)),
    };
    let mut plan = Plan {
        version: VERSION,
        platform: record.platform_asked.then(|| platform.to_string()),
        stages: record.stages,
        targets,
        secrets: record.secrets,
        allow: record.allow,
    };
    plan.add_report_targets();
    let mut problems = record.problems;
    match failure {
        Some(failure) => problems.extend(failure),
        None => problems.extend(check::problems(&plan)),
    }
    Problems::none_of(problems)?;
    Ok(plan)
}
