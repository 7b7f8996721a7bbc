//! Answers to what clients ask in place of a build: targets, outline, lint.

use std::collections::BTreeMap;

use buildkit_frontend::subrequests::{
    Lint, LintError, LintWarning, Location, Outline, OutlineArg, OutlineCache, OutlineNeed, Target,
    TargetList,
};
use buildkit_frontend::{CheckOptions, Options};
use buildkit_gateway::errdefs::{Range, SourceInfo};
use serde_json::Value;
use stagewright_plan::check::Checked;
use stagewright_plan::lint::Code;
use stagewright_plan::params::StandIn;
use stagewright_plan::plan::{Origin, Plan};
use stagewright_plan::{Parameter, Problem, Problems, Site};

use super::told::{MAX_PROBLEMS, Texts, range};

/// The name of what the check finds, as a rule.
const RULE: &str = "BuildPlan";

/// Sources with the positions that locations refer to.
struct Sources {
    infos: Vec<SourceInfo>,
    positions: BTreeMap<String, i32>,
}

impl Sources {
    /// All files, with the lines around these places.
    fn new<'s>(texts: &Texts<'_>, places: impl IntoIterator<Item = &'s Site>) -> Self {
        let mut ranges: BTreeMap<&str, Vec<Range>> = BTreeMap::new();
        for site in places {
            ranges.entry(&site.file).or_default().push(range(site));
        }
        let mut sources = Self { infos: Vec::new(), positions: BTreeMap::new() };
        let mut excerpts = texts.excerpts();
        for file in texts.sources.keys() {
            let position = i32::try_from(sources.infos.len()).unwrap_or(i32::MAX);
            sources.positions.insert(file.clone(), position);
            let source = excerpts.source(file, ranges.remove(file.as_str()).unwrap_or_default());
            // Of a file for which there is no room its name is told.
            sources
                .infos
                .push(source.map(|source| source.info).unwrap_or_else(|| SourceInfo {
                    filename: file.clone(),
                    data: Vec::new(),
                    language: texts.language.to_owned(),
                }));
        }
        sources
    }

    fn location(&self, site: &Site) -> Option<Location> {
        let source = *self.positions.get(&site.file)?;
        Some(Location { source, ranges: vec![range(site)] })
    }
}

/// What stands in for values that were not given, by their names.
#[derive(Default)]
pub(super) struct StandIns(pub(super) Vec<(String, StandIn)>);

impl StandIns {
    /// A text in which what was not given is shown as `${name}`.
    fn shown(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| match value {
            StandIn::Marked(value) => text.replace(value, &format!("${{{name}}}")),
            StandIn::Plain(_) => text,
        })
    }

    /// Whether something may be as it is since a value was made up, which cannot be seen.
    fn are_hidden(&self) -> bool {
        self.0.iter().any(|(_, value)| matches!(value, StandIn::Plain(_)))
    }
}

/// The targets that can be named. What they start from is left out where a value that was made up may have decided it.
pub(super) fn targets(plan: &Plan, stand_ins: &StandIns, texts: &Texts<'_>) -> TargetList {
    let sources = Sources::new(texts, plan.targets.iter().map(|target| &target.at));
    let only = plan.products().count() == 1;
    let targets = plan.targets.iter().map(|target| Target {
        name: stand_ins.shown(&target.name),
        default: target.product && only,
        description: stand_ins.shown(target.description.as_deref().unwrap_or_default()),
        base: match stand_ins.are_hidden() {
            true => String::new(),
            false => stand_ins.shown(base(plan, &target.stage)),
        },
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
    stand_ins: &StandIns,
    texts: &Texts<'_>,
) -> Outline {
    let of_target = plan.plan().target(target);
    let secrets = plan.secrets(&[target]);
    let declared = parameters.iter().filter_map(|parameter| parameter.at.as_ref());
    let sources = Sources::new(texts, secrets.iter().map(|secret| &secret.at).chain(declared));
    let secrets = secrets.iter().map(|secret| OutlineNeed {
        name: stand_ins.shown(&secret.id),
        required: !secret.optional,
        location: sources.location(&secret.at),
    });
    let ssh = plan.agents(&[target]).into_iter().map(|id| OutlineNeed {
        name: stand_ins.shown(id),
        required: true,
        location: None,
    });
    let caches = plan.caches(&[target]).into_iter();
    let description = of_target.and_then(|target| target.description.as_deref()).unwrap_or_default();
    Outline {
        name: stand_ins.shown(target),
        description: stand_ins.shown(description),
        args: arguments(parameters, options, &sources),
        secrets: secrets.collect(),
        ssh: ssh.collect(),
        cache: caches
            .map(|id| OutlineCache { id: stand_ins.shown(id), location: None })
            .collect(),
        sources: sources.infos,
    }
}

/// What a build can be told, as long as nothing more is known of it.
pub(super) fn outline_of_arguments(
    parameters: &[Parameter],
    options: &Options,
    texts: &Texts<'_>,
) -> Outline {
    let sources = Sources::new(texts, parameters.iter().filter_map(|parameter| parameter.at.as_ref()));
    Outline {
        name: options.target.clone().unwrap_or_default(),
        args: arguments(parameters, options, &sources),
        sources: sources.infos,
        ..Outline::default()
    }
}

/// What is wrong with a build: the first problem makes it impossible, and so would each other. What is doubtful in one
/// that can be built has rules of its own.
///
/// A client that leaves the rule out is told the first only, since nothing is built with it.
pub(super) fn lint(
    problems: Option<&Problems>,
    doubts: &[Problem],
    check: &CheckOptions,
    texts: &Texts<'_>,
) -> Lint {
    let problems: Vec<&Problem> = problems.into_iter().flatten().collect();
    let untold = problems.len().saturating_sub(MAX_PROBLEMS);
    let told = &problems[..problems.len() - untold];
    let doubts: Vec<&Problem> = doubts.iter().filter(|doubt| !is_skipped(doubt, check)).collect();
    let untold = untold + doubts.len().saturating_sub(MAX_PROBLEMS);
    let doubts = &doubts[..doubts.len().min(MAX_PROBLEMS)];
    let places = told.iter().chain(doubts).filter_map(|problem| problem.at.as_ref());
    let mut sources = Sources::new(texts, places);
    if sources.infos.is_empty() {
        // Clients look the place of an error up, even where there is none.
        sources.infos.push(SourceInfo::default());
    }
    let location =
        |problem: &Problem| problem.at.as_ref().and_then(|site| sources.location(site)).unwrap_or_default();
    let mut told = told.iter();
    let error = told
        .next()
        .map(|problem| LintError { message: problem.to_string(), location: location(problem) });
    let warning =
        |detail, location| LintWarning { rule: RULE.to_owned(), detail, location, ..LintWarning::default() };
    let skipped = check.skip_all || check.skip.iter().any(|rule| rule == RULE);
    let mut warnings: Vec<LintWarning> = told
        .filter(|_| !skipped)
        .map(|problem| warning(problem.to_string(), location(problem)))
        .collect();
    warnings.extend(doubts.iter().map(|doubt| LintWarning {
        rule: rule(doubt).to_owned(),
        description: doubt.code.map(|code| code.summary().to_owned()).unwrap_or_default(),
        url: doubt.code.map(Code::page).unwrap_or_default(),
        detail: Problem { at: None, code: None, ..(*doubt).clone() }.to_string(),
        location: location(doubt),
    }));
    if untold > 0 && !skipped {
        warnings.push(warning(format!("{untold} more problems are not told"), Location::default()));
    }
    Lint { warnings, error, sources: sources.infos }
}

/// What a finding is called as a rule.
fn rule(problem: &Problem) -> &'static str {
    problem.code.map_or(RULE, Code::name)
}

fn is_skipped(problem: &Problem, check: &CheckOptions) -> bool {
    check.skip_all || check.skip.iter().any(|skipped| skipped == rule(problem))
}

fn arguments(parameters: &[Parameter], options: &Options, sources: &Sources) -> Vec<OutlineArg> {
    let args = parameters.iter().map(|parameter| OutlineArg {
        name: parameter.name.clone(),
        description: parameter.description.clone().unwrap_or_default(),
        value: value(parameter, options),
        location: parameter.at.as_ref().and_then(|site| sources.location(site)),
    });
    args.collect()
}

/// The image that a stage starts from, through all others.
fn base<'p>(plan: &'p Plan, stage: &'p str) -> &'p str {
    let mut name = stage;
    // A Plan whose stages start from each other in a circle does not come this far; a limit costs nothing.
    for _ in 0..plan.stages.len() {
        match plan.stage(name).map(|stage| &stage.from) {
            Some(Origin::Image(image)) => return &image.name,
            Some(Origin::Stage(other)) => name = other,
            Some(Origin::Scratch) => return "scratch",
            Some(_) | None => break,
        }
    }
    ""
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

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use stagewright_plan::{Build, Parameters, Platform, Targets, describe};

    use super::*;

    fn site(line: u32) -> Site {
        Site { file: "a.yaml".to_owned(), line, column: 1 }
    }

    #[derive(serde::Deserialize, JsonSchema)]
    struct Versions {
        node: String,
        node_version: String,
    }

    fn plan() -> Plan {
        let build = |b: &Build, it: Versions| {
            let app = b.runtime("app", b.image(format!("{}:{}", it.node, it.node_version)));
            Targets::new().product(app)
        };
        let parameters = Parameters::of::<Versions>().unwrap();
        let args: Vec<_> = parameters
            .iter()
            .map(|it| (it.name.clone(), it.stand_in().text().to_owned()))
            .collect();
        let platform: Platform = "linux/amd64".parse().unwrap();
        describe(&build, &args, &platform, &platform).unwrap()
    }

    #[test]
    fn what_was_not_given_is_shown_by_its_name() {
        let none = BTreeMap::new();
        let texts = Texts { sources: &none, language: "Rust" };
        let parameters = Parameters::of::<Versions>().unwrap();
        let mut stand_ins: Vec<_> = parameters.iter().map(|it| (it.name.clone(), it.stand_in())).collect();
        let base = |stand_ins: Vec<(String, StandIn)>| {
            targets(&plan(), &StandIns(stand_ins), &texts).targets[0].base.clone()
        };
        assert_eq!(base(stand_ins.clone()), "${node}:${node_version}");
        stand_ins.push(("debug".to_owned(), StandIn::Plain("false".to_owned())));
        assert_eq!(base(stand_ins.clone()), "");
        let told = StandIns(stand_ins).shown("of value-of-node-version.x and value-of-node.x, false");
        assert_eq!(told, "of ${node_version} and ${node}, false");
    }

    #[test]
    fn a_check_is_bounded() {
        let text: String = (1..=300_000).map(|line| format!("line {line}\n")).collect();
        let sources = [("a.yaml".to_owned(), text)].into();
        let texts = Texts { sources: &sources, language: "YAML" };
        let problems = (1..=5_000).map(|line| Problem::new(format!("no {line}")).at(&site(line)));
        let problems = Problems::none_of(problems.collect::<Vec<_>>()).unwrap_err();
        let lint = lint(Some(&problems), &[], &CheckOptions::default(), &texts);
        assert_eq!(lint.warnings.len(), MAX_PROBLEMS);
        assert_eq!(lint.warnings.last().unwrap().detail, "4900 more problems are not told");
        let data = String::from_utf8_lossy(&lint.sources[0].data);
        assert_eq!((data.lines().count(), data.lines().nth(99)), (110, Some("line 100")));
    }
}
