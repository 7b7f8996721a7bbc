//! Form to Plan.

mod image;
mod origin;
mod run;
mod stage;
mod step;
mod target;

use std::collections::BTreeMap;

use stagewright_plan::plan::{Plan, SecretSpec, VERSION};
use stagewright_plan::problem::About;
use stagewright_plan::{Platform, Problem, check};

use crate::args::{Args, Values};
use crate::findings::Findings;
use crate::form::File;

/// The Plan of a file; what is wrong with it is noted.
pub(crate) fn plan(
    file: &File,
    args: &Args,
    values: &Values,
    platform: Option<String>,
    target: &Platform,
    findings: &Findings<'_>,
) -> Plan {
    let index = file.stages.0.iter().enumerate().map(|(i, (name, _))| (name.value.as_str(), i));
    let making = Making { file, args, values, target, findings, index: index.collect() };
    let mut stages = file.stages.0.iter().map(|(name, stage)| making.stage(name, stage)).collect();
    let targets = making.targets(&mut stages);
    let secrets = file.secrets.0.iter().map(|(id, secret)| SecretSpec {
        id: id.value.clone(),
        optional: secret.optional.0,
        at: findings.site(id.place),
    });
    let allow = making.allow(&file.allow);
    let mut plan = Plan { version: VERSION, platform, stages, targets, secrets: secrets.collect(), allow };
    plan.add_report_targets();
    if let Err(problems) = check::check(&plan) {
        let told = findings.messages();
        // What was noted at the very word is not said again at its step.
        let new = problems.into_iter().filter(|problem| !told.contains(&problem.message));
        findings.extend(new.map(|problem| making.at_name(problem)));
    }
    plan
}

struct Making<'a> {
    file: &'a File,
    args: &'a Args,
    values: &'a Values,
    /// The platform that is built for.
    target: &'a Platform,
    findings: &'a Findings<'a>,
    index: BTreeMap<&'a str, usize>,
}

impl Making<'_> {
    /// A stage stands in the Plan where its `from` is; what is wrong with its name, or with it as an image, is shown
    /// at its name.
    fn at_name(&self, problem: Problem) -> Problem {
        if problem.about != About::Stage {
            return problem;
        }
        let stage = self.file.stages.0.iter().find(|(_, stage)| {
            problem.at.as_ref().is_some_and(|at| *at == self.site(stage.value.from.place))
        });
        match stage {
            Some((name, _)) => problem.at(&self.site(name.place)),
            None => problem,
        }
    }
}
