//! Testers that would never run.

use std::collections::BTreeMap;

use super::{Code, Found};
use crate::check::reached;
use crate::plan::{Plan, Role};

/// Testers that no target needs.
pub(super) fn unused<'a>(plan: &'a Plan, index: &BTreeMap<&'a str, usize>) -> Vec<Found<'a>> {
    // Reports by themselves judge nothing.
    let judging = plan.targets.iter().filter(|target| !target.reports);
    let starts = judging.map(|target| target.stage.as_str());
    let reached = reached(plan, index, starts, |_| false);
    let unused = plan
        .stages
        .iter()
        .filter(|stage| stage.role == Role::Tester && !reached.contains(stage.name.as_str()));
    let found = unused.map(|stage| {
        let message = format!("no target needs tester `{}`: it would never run", stage.name);
        Found::new(stage, Code::UnusedTester, message)
            .map(|problem| problem.help("gate an image by it, or make it a target"))
    });
    found.collect()
}
