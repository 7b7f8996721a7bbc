//! Whether a Plan holds together: what no compiler saw, in every input format the same.

mod begin;
mod order;
mod stage;
mod step;
mod target;

use std::collections::{BTreeMap, BTreeSet};

use crate::lint;
use crate::plan::{Action, Origin, Plan, Run, SecretSpec, Stage};
use crate::problem::{Problem, Problems, nearest};
use order::order;
pub(crate) use order::reached;

/// A Plan that holds together, with its stages in an order in which each comes after what it is made from.
///
/// Only [`check`] makes one; lowering asks for it.
#[derive(Clone, Debug)]
pub struct Checked<'a> {
    plan: &'a Plan,
    index: BTreeMap<&'a str, usize>,
    order: Vec<usize>,
}

/// Checks a Plan.
///
/// # Errors
///
/// Everything that is wrong with it, together.
pub fn check(plan: &Plan) -> Result<Checked<'_>, Problems> {
    Problems::none_of(problems(plan))?;
    let index = names(plan);
    let order = order(plan, &index).expect("a Plan without problems has no cycle");
    Ok(Checked { plan, index, order })
}

impl<'a> Checked<'a> {
    /// The Plan.
    #[must_use]
    pub fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// The stage of a name that the Plan itself mentions.
    pub(crate) fn stage(&self, name: &str) -> &'a Stage {
        &self.plan.stages[self.index[name]]
    }

    /// The stages, each after those that its filesystem is made from.
    pub(crate) fn stages(&self) -> impl Iterator<Item = &'a Stage> {
        self.order.iter().map(|i| &self.plan.stages[*i])
    }

    /// The testers that gate a stage as a target: its own, and those of the images that it started from.
    #[must_use]
    pub fn gates(&self, stage: &'a Stage) -> Vec<&'a str> {
        self.gates_up_to(stage, |_| false)
    }

    /// The same without those of the stage at which it stops.
    pub(crate) fn gates_up_to(&self, stage: &'a Stage, stop: impl Fn(&str) -> bool) -> Vec<&'a str> {
        let mut gates = Vec::new();
        let mut at = Some(stage);
        while let Some(stage) = at.filter(|stage| !stop(&stage.name)) {
            for gate in &stage.gates {
                if !gates.contains(&gate.stage.as_str()) {
                    gates.push(gate.stage.as_str());
                }
            }
            at = match &stage.from {
                Origin::Stage(from) if stage.role.is_image() => Some(self.stage(from)),
                _ => None,
            };
        }
        gates
    }

    /// The secrets that steps of these targets use, gates included, in the order in which they were declared.
    #[must_use]
    pub fn secrets(&self, targets: &[&str]) -> Vec<&'a SecretSpec> {
        let used: BTreeSet<&str> = self.runs(targets).flat_map(Run::secrets).collect();
        self.plan
            .secrets
            .iter()
            .filter(|secret| used.contains(secret.id.as_str()))
            .collect()
    }

    /// The ssh agents that steps of these targets use, gates included.
    #[must_use]
    pub fn agents(&self, targets: &[&str]) -> BTreeSet<&'a str> {
        self.runs(targets).flat_map(Run::agents).collect()
    }

    /// The ids of the caches that steps of these targets use, gates included.
    #[must_use]
    pub fn caches(&self, targets: &[&str]) -> BTreeSet<&'a str> {
        self.runs(targets).flat_map(Run::caches).collect()
    }

    /// Whether a tester that these targets need leaves reports.
    #[must_use]
    pub fn leave_reports(&self, targets: &[&str]) -> bool {
        let reached = self.reached(targets.iter().copied());
        let mut leaving = self.plan.stages.iter().filter(|stage| !stage.reports.is_empty());
        leaving.any(|stage| reached.contains(stage.name.as_str()))
    }

    fn runs(&self, targets: &[&str]) -> impl Iterator<Item = &'a Run> {
        let reached = self.reached(targets.iter().copied());
        let stages = self
            .plan
            .stages
            .iter()
            .filter(move |stage| reached.contains(stage.name.as_str()));
        stages.flat_map(|stage| &stage.steps).filter_map(|step| match &step.action {
            Action::Run(run) => Some(run),
            _ => None,
        })
    }

    /// The stages that these targets need, gates included.
    pub(crate) fn reached<'t>(&self, targets: impl IntoIterator<Item = &'t str>) -> BTreeSet<&'a str> {
        self.reached_up_to(targets, |_| false)
    }

    /// The stages that these targets need, without what only those need at which it stops.
    pub(crate) fn reached_up_to<'t>(
        &self,
        targets: impl IntoIterator<Item = &'t str>,
        stop: impl Fn(&str) -> bool,
    ) -> BTreeSet<&'a str> {
        let starts = targets
            .into_iter()
            .filter_map(|name| self.plan.target(name))
            .map(|t| t.stage.as_str());
        reached(self.plan, &self.index, starts, stop)
    }
}

/// Everything that is wrong with a Plan.
pub(crate) fn problems(plan: &Plan) -> Vec<Problem> {
    let index = names(plan);
    let begins = begin::begins(plan, &index);
    let stages = 0..plan.stages.len();
    let mut problems: Vec<Problem> = stages
        .flat_map(|position| stage::problems(plan, &index, &begins, position))
        .collect();
    problems.extend(target::targets(plan, &index));
    problems.extend(lint::unknown(plan));
    match order(plan, &index) {
        Ok(_) if problems.is_empty() => problems.extend(lint::problems(plan, &index)),
        Ok(_) => {}
        Err(cycle) => problems.extend(cycle),
    }
    problems
}

/// The position of each name's first stage.
fn names(plan: &Plan) -> BTreeMap<&str, usize> {
    let mut names = BTreeMap::new();
    for (position, stage) in plan.stages.iter().enumerate() {
        names.entry(stage.name.as_str()).or_insert(position);
    }
    names
}

fn unknown_stage(name: &str, index: &BTreeMap<&str, usize>) -> Problem {
    let problem = Problem::new(format!("there is no stage `{name}`"));
    match nearest(name, index.keys().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    }
}
