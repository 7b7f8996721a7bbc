//! Artifacts that no step can have made.

use std::collections::BTreeMap;

use super::paths::made;
use super::{Code, Found};
use crate::plan::{Action, Origin, Plan};
use crate::problem::nearest;

/// What is taken of stages in which nothing can have put it there: a stage from scratch that runs no command.
pub(super) fn never_made<'a>(plan: &'a Plan, index: &BTreeMap<&'a str, usize>) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for stage in &plan.stages {
        for step in &stage.steps {
            if matches!(&step.action, Action::Copy(copy) if copy.optional) {
                continue;
            }
            for (origin, paths) in step.origins() {
                let Origin::Stage(from) = origin else { continue };
                let exact: Vec<&String> = paths
                    .iter()
                    .filter(|path| !path.contains(['*', '?', '[']) && !path.contains("/./"))
                    .collect();
                let Some(made) = made(plan, index, from).filter(|_| !exact.is_empty()) else { continue };
                for path in exact.into_iter().filter(|path| path.starts_with('/') && !made.can_have(path)) {
                    let message = format!("no step of `{from}` makes `{path}`, and no command runs there");
                    let one = Found::new(stage, Code::ArtifactNeverMade, message);
                    found.push(one.map(|problem| {
                        let problem = problem.at(&step.at).via(&step.via);
                        let problem = problem.related(&plan.stages[index[from.as_str()]].at, "this stage");
                        match nearest(path, made.named()) {
                            Some(near) => problem.help(format!("did you mean `{near}`?")),
                            None => problem.help("name what its steps copy or write"),
                        }
                    }));
                }
            }
        }
    }
    found
}
