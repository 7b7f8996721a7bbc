//! What is allowed: by the whole build, or by a stage.

use serde::{Deserialize, Serialize};

use super::{Code, Found};
use crate::plan::Plan;
use crate::problem::{Problem, nearest};
use crate::site::Site;

/// A finding that its writer knows of and wants to hear nothing about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// The finding's code.
    pub code: String,
    /// Where it is allowed.
    pub at: Site,
}

impl Allow {
    fn allows(&self, found: &Found<'_>) -> bool {
        found.problem.code.is_some_and(|code| code.name() == self.code)
    }
}

/// All that is allowed, with the name of the stage that it is allowed for.
fn all(plan: &Plan) -> impl Iterator<Item = (Option<&str>, &Allow)> {
    let whole = plan.allow.iter().map(|allow| (None, allow));
    let of_stages = plan
        .stages
        .iter()
        .flat_map(|stage| stage.allow.iter().map(|allow| (Some(stage.name.as_str()), allow)));
    whole.chain(of_stages)
}

fn concerns(stage: Option<&str>, allow: &Allow, found: &Found<'_>) -> bool {
    stage.is_none_or(|stage| stage == found.stage) && allow.allows(found)
}

/// What is found and not allowed.
pub(super) fn remaining(plan: &Plan, found: Vec<Found<'_>>) -> Vec<Problem> {
    let remaining = found
        .into_iter()
        .filter(|found| !all(plan).any(|(stage, allow)| concerns(stage, allow, found)));
    remaining.map(|found| found.problem).collect()
}

/// What allows nothing of all that was found in the Plan.
pub(super) fn unused<'a>(plan: &'a Plan, found: &[Found<'_>]) -> Vec<Found<'a>> {
    let of_plan = all(plan).filter(|(_, allow)| Code::of(&allow.code).is_some_and(Code::is_of_plan));
    let unused = of_plan.filter(|(stage, allow)| {
        Code::of(&allow.code) != Some(Code::UnusedAllow)
            && !found.iter().any(|found| concerns(*stage, allow, found))
    });
    let unused = unused.map(|(stage, allow)| {
        let here = stage.map_or_else(String::new, |stage| format!(" in `{stage}`"));
        let message = format!("`{}` is allowed{here}, where it is not found", allow.code);
        let problem = Problem::new(message).code(Code::UnusedAllow).at(&allow.at);
        Found { stage: stage.unwrap_or_default(), problem: problem.help("leave it out") }
    });
    unused.collect()
}

/// Codes that there are not.
pub(crate) fn unknown(plan: &Plan) -> Vec<Problem> {
    let unknown = all(plan).filter(|(_, allow)| Code::of(&allow.code).is_none());
    let unknown = unknown.map(|(_, allow)| {
        let problem = Problem::new(format!("there is no finding `{}` to allow", allow.code)).at(&allow.at);
        let names = || Code::ALL.into_iter().map(Code::name);
        match nearest(&allow.code, names()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("there are {}", names().collect::<Vec<_>>().join(", "))),
        }
    });
    unknown.collect()
}
