//! What is doubtful in a Plan that holds together, and what of it is allowed.
//!
//! A finding is a [`Problem`] with a [`Code`]. Those that a build cannot work with are among the problems of
//! [`check`](crate::check::check); the others are warnings. An `allow` of the whole build or of a stage silences either.

mod allow;
mod apt;
mod artifact;
mod below;
mod code;
mod healthcheck;
mod latest;
mod literal;
mod paths;
mod secret;
mod tester;
mod user;

use std::collections::{BTreeMap, BTreeSet};

use crate::check::Checked;
use crate::config::ImageConfig;
use crate::plan::{Plan, Stage};
use crate::problem::Problem;

pub use allow::Allow;
pub use code::{Code, Severity};
pub use healthcheck::{Tool, tool};

/// A finding about a stage.
pub(crate) struct Found<'a> {
    stage: &'a str,
    problem: Problem,
}

impl<'a> Found<'a> {
    fn new(stage: &'a Stage, code: Code, message: impl Into<String>) -> Self {
        let problem = Problem::new(message).code(code).at(&stage.at).via(&stage.via);
        Self { stage: &stage.name, problem }
    }

    fn map(self, change: impl FnOnce(Problem) -> Problem) -> Self {
        Self { problem: change(self.problem), ..self }
    }
}

/// The warnings about a Plan that do not need a daemon, in the order of their places.
///
/// `is_pinned` tells of an image, by its name as written, whether a digest is known for it.
#[must_use]
pub fn lint(plan: &Checked<'_>, is_pinned: &dyn Fn(&str) -> bool) -> Vec<Problem> {
    let targets: Vec<&str> = plan.plan().targets.iter().map(|target| target.name.as_str()).collect();
    let reached = plan.reached(targets);
    let stages: Vec<&Stage> = plan.stages().filter(|stage| reached.contains(stage.name.as_str())).collect();
    let index = index(plan.plan());
    let mut found = errors(plan.plan(), &index);
    found.extend(apt::leftovers(&stages));
    found.extend(secret::variables(&stages));
    found.extend(literal::literals(&stages));
    // What a lock pins today it may not pin tomorrow: it is allowed with good reason all the same.
    let others = found.len();
    found.extend(latest::images(&stages, &|_| false));
    let unused = allow::unused(plan.plan(), &found);
    found.truncate(others);
    found.extend(latest::images(&stages, is_pinned));
    found.extend(unused);
    sorted(allow::remaining(plan.plan(), found))
}

/// The warnings about images that are built, by what their configs say: each by its target's name.
#[must_use]
pub fn lint_images(plan: &Checked<'_>, images: &[(&str, &ImageConfig)]) -> Vec<Problem> {
    sorted(allow::remaining(plan.plan(), user::roots(plan.plan(), images)))
}

/// The warning about a tool that a target's image does not have.
#[must_use]
pub fn lint_tool(plan: &Checked<'_>, target: &str, tool: &Tool) -> Option<Problem> {
    let found = healthcheck::missing(plan.plan(), target, tool);
    allow::remaining(plan.plan(), found.into_iter().collect()).pop()
}

/// What no build can work with, unless it is allowed.
pub(crate) fn problems(plan: &Plan, index: &BTreeMap<&str, usize>) -> Vec<Problem> {
    allow::remaining(plan, errors(plan, index))
}

pub(crate) use allow::unknown;

fn errors<'a>(plan: &'a Plan, index: &BTreeMap<&'a str, usize>) -> Vec<Found<'a>> {
    let mut found = tester::unused(plan, index);
    found.extend(artifact::never_made(plan, index));
    found
}

fn index(plan: &Plan) -> BTreeMap<&str, usize> {
    plan.stages
        .iter()
        .enumerate()
        .map(|(i, stage)| (stage.name.as_str(), i))
        .collect()
}

fn sorted(problems: Vec<Problem>) -> Vec<Problem> {
    let unique: BTreeSet<_> = problems
        .into_iter()
        .map(|problem| ((problem.at.clone(), problem.message.clone()), problem))
        .collect();
    unique.into_iter().map(|(_, problem)| problem).collect()
}
