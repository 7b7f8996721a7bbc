//! What can be asked for.

use std::collections::BTreeMap;

use super::unknown_stage;
use crate::plan::{Plan, Role, Target};
use crate::problem::Problem;
use crate::site::Site;

/// What is wrong with the targets.
pub(super) fn targets(plan: &Plan, index: &BTreeMap<&str, usize>) -> Vec<Problem> {
    if plan.targets.is_empty() {
        let problem = Problem::new("the build has no targets");
        return vec![problem.help("name the images that it makes: they are its products")];
    }
    let mut seen: BTreeMap<&str, &Site> = BTreeMap::new();
    let mut problems = Vec::new();
    for target in &plan.targets {
        if let Some(first) = seen.insert(&target.name, &target.at) {
            problems.push(
                Problem::new(format!("two targets are named `{}`", target.name))
                    .at(&target.at)
                    .related(first, "this is the first"),
            );
        }
        problems.extend(target_problem(plan, index, target).map(|problem| problem.at(&target.at)));
    }
    problems
}

/// What is wrong with one target.
fn target_problem(plan: &Plan, index: &BTreeMap<&str, usize>, target: &Target) -> Option<Problem> {
    let Some(stage) = index.get(target.stage.as_str()).map(|i| &plan.stages[*i]) else {
        return Some(unknown_stage(&target.stage, index));
    };
    let message = match stage.role {
        Role::Tester if target.reports && stage.reports.is_empty() => "this tester leaves no reports",
        role if target.reports && role != Role::Tester => "only a tester leaves reports",
        Role::Deps | Role::Builder if target.files && !target.product => return None,
        role if role.is_image() => return None,
        Role::Tester if !target.product => return None,
        Role::Tester => "a product is an image",
        _ => "a target is an image or a tester",
    };
    Some(
        Problem::new(message)
            .related(&stage.at, format!("`{}` is a {} stage", stage.name, stage.role.name())),
    )
}
