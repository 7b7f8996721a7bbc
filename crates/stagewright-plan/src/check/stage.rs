//! One stage: its name, where it starts, and what it is as an image.

use std::collections::BTreeMap;

use buildkit_llb::{ImageRef, Platform};

use super::begin::Begin;
use super::unknown_stage;
use crate::dsl::role::may_start;
use crate::dsl::runtime;
use crate::plan::{Image, OnPlatform, Origin, Plan, Role, Runtime, Stage, Step};
use crate::problem::{About, Problem};

/// What is wrong with the stage at a position of a Plan.
pub(super) fn problems(
    plan: &Plan,
    index: &BTreeMap<&str, usize>,
    begins: &[Begin],
    position: usize,
) -> Vec<Problem> {
    let stage = &plan.stages[position];
    let mut check = StageCheck { plan, index, begins, stage, position, problems: Vec::new() };
    check.name(index[stage.name.as_str()], position);
    check.start();
    check.steps();
    check.image();
    check.problems
}

/// The check of one stage. Its steps are in the file beside this.
pub(super) struct StageCheck<'a> {
    pub(super) plan: &'a Plan,
    pub(super) index: &'a BTreeMap<&'a str, usize>,
    pub(super) begins: &'a [Begin],
    pub(super) stage: &'a Stage,
    pub(super) position: usize,
    problems: Vec<Problem>,
}

impl StageCheck<'_> {
    fn name(&mut self, first: usize, position: usize) {
        let name = &self.stage.name;
        if !is_name(name) {
            self.at_start(
                Problem::new(format!("`{name}` is not a stage's name"))
                    .about(About::Stage)
                    .help("a lower-case letter, then lower-case letters, digits, `-`, `_` and `.`"),
            );
        }
        if first != position {
            let first = &self.plan.stages[first];
            self.at_start(
                Problem::new(format!("two stages are named `{name}`"))
                    .label("this is the second")
                    .related(&first.at, "this is the first")
                    .help("give it another name: names tell stages apart in targets, pictures and progress"),
            );
        }
    }

    fn start(&mut self) {
        match &self.stage.from {
            Origin::Scratch => {}
            Origin::Image(image) => {
                for problem in image_problems(image) {
                    self.at_start(problem);
                }
            }
            Origin::Context(_) | Origin::Git(_) | Origin::Http(_) | Origin::Reports(_) | Origin::Root(_) => {
                let problem = Problem::new(format!("stage `{}` starts from files", self.stage.name));
                self.at_start(
                    problem
                        .help("start from an image, from scratch or from another stage, and copy the files"),
                );
            }
            Origin::Stage(from) => match self.index.get(from.as_str()) {
                None => {
                    let problem = unknown_stage(from, self.index);
                    self.at_start(problem);
                }
                Some(i) => {
                    let from = &self.plan.stages[*i];
                    if !may_start(from.role, self.stage.role) {
                        let problem = Problem::new(format!(
                            "a {} stage cannot start from a {} stage",
                            self.stage.role.name(),
                            from.role.name()
                        ))
                        .related(&from.at, format!("`{}` is a {} stage", from.name, from.role.name()));
                        self.at_start(match (from.role, self.stage.role) {
                            (Role::Dev, Role::Runtime) => {
                                problem.help("what starts from a dev image is one: `dev`")
                            }
                            (Role::Deps | Role::Builder, Role::Runtime) => {
                                problem.help("start from a base or an image, and copy what was made")
                            }
                            _ => problem,
                        });
                    }
                }
            },
        }
    }

    fn image(&mut self) {
        let stage = self.stage;
        if !stage.role.is_image() && stage.runtime != Runtime::default() {
            let message = format!(
                "only an image has runtime configuration, and `{}` is a {} stage",
                stage.name,
                stage.role.name()
            );
            self.at_start(Problem::new(message).about(About::Stage));
        }
        for gate in &stage.gates {
            let problem = match self.index.get(gate.stage.as_str()).map(|i| &self.plan.stages[*i]) {
                None => unknown_stage(&gate.stage, self.index),
                Some(tester) if tester.role != Role::Tester => Problem::new("only a tester is a gate")
                    .related(&tester.at, format!("`{}` is a {} stage", tester.name, tester.role.name())),
                Some(_) if !stage.role.is_image() && stage.role != Role::Tester => {
                    Problem::new("only an image or another tester can be gated")
                        .related(&stage.at, format!("`{}` is a {} stage", stage.name, stage.role.name()))
                }
                Some(_) => continue,
            };
            self.problems.push(problem.at(&gate.at));
        }
        for report in &stage.reports {
            let problem = if stage.role != Role::Tester {
                Problem::new("only a tester leaves reports")
                    .related(&stage.at, format!("`{}` is a {} stage", stage.name, stage.role.name()))
            } else if report.path.is_empty() || report.path.contains('\0') {
                Problem::new(format!("{:?} is not the path of a report", report.path))
            } else {
                continue;
            };
            self.problems.push(problem.at(&report.at));
        }
        if let Some(name) = stage.runtime.attests.sbom.as_ref().and_then(|sbom| sbom.generator.as_ref()) {
            let scanner = Image { name: name.clone(), on: OnPlatform::Build };
            for problem in image_problems(&scanner) {
                self.at_start(problem.label("its scanner"));
            }
        }
        let test = stage.runtime.healthcheck.as_ref().map(|check| check.test.as_slice());
        if let Some(problem) = test.and_then(runtime::problem) {
            self.at_start(problem);
        }
        for path in &stage.runtime.volumes {
            if !path.starts_with('/') {
                self.at_start(Problem::new(format!("the volume `{path}` is not an absolute path")));
            }
        }
        for (what, list) in [("entrypoint", &stage.runtime.entrypoint), ("cmd", &stage.runtime.cmd)] {
            if list.as_ref().and_then(|list| list.first()).is_some_and(String::is_empty) {
                self.at_start(Problem::new(format!("the {what} of `{}` is an empty word", stage.name)));
            }
        }
    }

    pub(super) fn at(&mut self, step: &Step, problem: Problem) {
        self.problems.push(problem.at(&step.at).via(&step.via));
    }

    fn at_start(&mut self, problem: Problem) {
        self.problems.push(problem.at(&self.stage.at).via(&self.stage.via));
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
}

/// What is wrong with an image's name, and how one looks; and with its platform.
pub(super) fn image_problems(image: &Image) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Err(e) = image.name.parse::<ImageRef>() {
        let problem = Problem::new(e.to_string());
        problems.push(match image.name.ends_with(':') {
            true => problem.help("nothing stands after the colon: is a parameter empty?"),
            false => {
                problem.help("as in `node:18-slim`, `registry.example.com/team/app:1.2` or `name@sha256:…`")
            }
        });
    }
    if let OnPlatform::Named(platform) = &image.on
        && let Err(e) = platform.parse::<Platform>()
    {
        problems.push(Problem::new(e.to_string()).help("as in `linux/arm64`"));
    }
    problems
}
