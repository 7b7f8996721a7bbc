//! Answers to what clients ask in place of a build: targets, outline, lint.

use std::collections::BTreeMap;

use buildkit_frontend::subrequests::{
    Lint, LintError, LintWarning, Location, Outline, OutlineArg, OutlineCache, OutlineNeed, Target,
    TargetList,
};
use buildkit_frontend::{CheckOptions, Options};
use buildkit_gateway::errdefs::SourceInfo;
use serde_json::Value;
use stagewright_plan::check::Checked;
use stagewright_plan::params::STAND_IN;
use stagewright_plan::plan::{Origin, Plan};
use stagewright_plan::{Parameter, Problem, Problems, Site};

use super::told::{Texts, range};

/// The name of what the check finds, as a rule.
const RULE: &str = "BuildPlan";

/// Sources with the positions that locations refer to.
struct Sources<'a> {
    texts: &'a Texts<'a>,
    infos: Vec<SourceInfo>,
    positions: BTreeMap<String, i32>,
}

impl<'a> Sources<'a> {
    /// All files.
    fn new(texts: &'a Texts<'a>) -> Self {
        let mut sources = Self { texts, infos: Vec::new(), positions: BTreeMap::new() };
        for (file, text) in texts.sources {
            sources
                .positions
                .insert(file.clone(), i32::try_from(sources.infos.len()).unwrap_or(i32::MAX));
            sources.infos.push(SourceInfo {
                filename: file.clone(),
                data: text.clone().into_bytes(),
                language: sources.texts.language.to_owned(),
            });
        }
        sources
    }

    fn location(&self, site: &Site) -> Option<Location> {
        let source = *self.positions.get(&site.file)?;
        Some(Location { source, ranges: vec![range(site)] })
    }
}

/// The targets that can be named. What stands in for a value that was not given is shown as `${name}`.
pub(super) fn targets(plan: &Plan, stand_ins: &[(String, String)], texts: &Texts<'_>) -> TargetList {
    let shown = |text: String| {
        let replace = |text: String, (name, value): &(String, String)| match value.starts_with(STAND_IN) {
            true => text.replace(value, &format!("${{{name}}}")),
            false => text,
        };
        stand_ins.iter().fold(text, replace)
    };
    let sources = Sources::new(texts);
    let only = plan.products().count() == 1;
    let targets = plan.targets.iter().map(|target| Target {
        name: target.name.clone(),
        default: target.product && only,
        description: shown(target.description.clone().unwrap_or_default()),
        base: shown(base(plan, &target.stage)),
        platform: String::new(),
        location: sources.location(&target.at),
    });
    TargetList { targets: targets.collect(), sources: sources.infos }
}

/// What a target can be told, and what it needs.
pub(super) fn outline(
    plan: &Checked<'_>,
    target: &str,
    parameters: &[Parameter],
    options: &Options,
    texts: &Texts<'_>,
) -> Outline {
    let sources = Sources::new(texts);
    let of_target = plan.plan().target(target);
    let secrets = plan.secrets(&[target]).into_iter().map(|secret| OutlineNeed {
        name: secret.id.clone(),
        required: !secret.optional,
        location: sources.location(&secret.at),
    });
    let ssh = plan.agents(&[target]).into_iter().map(|id| OutlineNeed {
        name: id.to_owned(),
        required: true,
        location: None,
    });
    let caches = plan.caches(&[target]).into_iter();
    Outline {
        name: target.to_owned(),
        description: of_target.and_then(|target| target.description.clone()).unwrap_or_default(),
        args: arguments(parameters, options, &sources),
        secrets: secrets.collect(),
        ssh: ssh.collect(),
        cache: caches.map(|id| OutlineCache { id: id.to_owned(), location: None }).collect(),
        sources: sources.infos,
    }
}

/// What a build can be told, as long as nothing more is known of it.
pub(super) fn outline_of_arguments(
    parameters: &[Parameter],
    options: &Options,
    texts: &Texts<'_>,
) -> Outline {
    let sources = Sources::new(texts);
    Outline {
        name: options.target.clone().unwrap_or_default(),
        args: arguments(parameters, options, &sources),
        sources: sources.infos,
        ..Outline::default()
    }
}

/// What is wrong with a build: the first problem makes it impossible, and so would each other.
///
/// A client that leaves the rule out is told the first only, since nothing is built with it.
pub(super) fn lint(problems: Option<&Problems>, check: &CheckOptions, texts: &Texts<'_>) -> Lint {
    let mut sources = Sources::new(texts);
    if sources.infos.is_empty() {
        // Clients look the place of an error up, even where there is none.
        sources.infos.push(SourceInfo::default());
    }
    let location =
        |problem: &Problem| problem.at.as_ref().and_then(|site| sources.location(site)).unwrap_or_default();
    let mut problems = problems.into_iter().flatten();
    let error = problems
        .next()
        .map(|problem| LintError { message: problem.to_string(), location: location(problem) });
    let skipped = check.skip_all || check.skip.iter().any(|rule| rule == RULE);
    let warnings = problems.filter(|_| !skipped).map(|problem| LintWarning {
        rule: RULE.to_owned(),
        detail: problem.to_string(),
        location: location(problem),
        ..LintWarning::default()
    });
    Lint { warnings: warnings.collect(), error, sources: sources.infos }
}

fn arguments(parameters: &[Parameter], options: &Options, sources: &Sources<'_>) -> Vec<OutlineArg> {
    let args = parameters.iter().map(|parameter| OutlineArg {
        name: parameter.name.clone(),
        description: parameter.description.clone().unwrap_or_default(),
        value: value(parameter, options),
        location: parameter.at.as_ref().and_then(|site| sources.location(site)),
    });
    args.collect()
}

/// The image that a stage starts from, through all others.
fn base(plan: &Plan, stage: &str) -> String {
    let mut name = stage;
    // A Plan whose stages start from each other in a circle does not come this far; a limit costs nothing.
    for _ in 0..plan.stages.len() {
        match plan.stage(name).map(|stage| &stage.from) {
            Some(Origin::Image(image)) => return image.name.clone(),
            Some(Origin::Stage(other)) => name = other,
            Some(Origin::Scratch) => return "scratch".to_owned(),
            Some(Origin::Context(_)) | None => break,
        }
    }
    String::new()
}

/// What a parameter is in this build: what was given, or else its default.
fn value(parameter: &Parameter, options: &Options) -> String {
    match options.build_args.iter().find(|(name, _)| parameter.is_named(name)) {
        Some((_, value)) => value.clone(),
        None => match &parameter.default {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        },
    }
}
