//! Whether a Plan holds together: what no compiler saw, in every input format the same.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::ImageRef;
use buildkit_llb::path;

use crate::dsl::role::may_start;
use crate::plan::{Action, Command, Copy, Mount, Origin, Plan, Role, Run, Stage, Step, Target};
use crate::problem::{Problem, Problems, nearest};
use crate::site::Site;

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
    pub(crate) fn gates(&self, stage: &'a Stage) -> Vec<&'a str> {
        let mut gates = Vec::new();
        let mut at = Some(stage);
        while let Some(stage) = at {
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

    /// The stages that these targets need, gates included.
    pub(crate) fn reached<'t>(&self, targets: impl IntoIterator<Item = &'t str>) -> BTreeSet<&'a str> {
        let starts = targets
            .into_iter()
            .filter_map(|name| self.plan.target(name))
            .map(|t| t.stage.as_str());
        reached(self.plan, &self.index, starts)
    }
}

/// Everything that is wrong with a Plan.
pub(crate) fn problems(plan: &Plan) -> Vec<Problem> {
    let index = names(plan);
    let mut problems = Vec::new();
    for (position, stage) in plan.stages.iter().enumerate() {
        let mut of_stage = StageCheck { plan, index: &index, stage, problems: Vec::new() };
        of_stage.name(index[stage.name.as_str()], position);
        of_stage.start();
        of_stage.steps();
        of_stage.image();
        problems.append(&mut of_stage.problems);
    }
    problems.extend(targets(plan, &index));
    match order(plan, &index) {
        Ok(_) if problems.is_empty() => problems.extend(idle_testers(plan, &index)),
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

struct StageCheck<'a> {
    plan: &'a Plan,
    index: &'a BTreeMap<&'a str, usize>,
    stage: &'a Stage,
    problems: Vec<Problem>,
}

impl StageCheck<'_> {
    fn name(&mut self, first: usize, position: usize) {
        let name = &self.stage.name;
        if !is_name(name) {
            self.at_start(
                Problem::new(format!("`{name}` is not a stage's name"))
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
                if let Err(e) = image.name.parse::<ImageRef>() {
                    self.at_start(image_problem(&image.name, e.to_string()));
                }
            }
            Origin::Context(name) => {
                self.at_start(
                    Problem::new(format!("stage `{}` starts from context `{name}`", self.stage.name))
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
                        self.at_start(
                            Problem::new(format!(
                                "a {} stage cannot start from a {} stage",
                                self.stage.role.name(),
                                from.role.name()
                            ))
                            .related(&from.at, format!("`{}` is a {} stage", from.name, from.role.name())),
                        );
                    }
                }
            },
        }
    }

    fn steps(&mut self) {
        let mut empty = self.stage.from == Origin::Scratch;
        for step in &self.stage.steps {
            match &step.action {
                Action::Copy(copy) => self.copy(step, copy),
                Action::Run(run) => {
                    if empty {
                        self.at(
                            step,
                            Problem::new(format!(
                                "stage `{}` is empty: there is nothing to run",
                                self.stage.name
                            ))
                            .help("copy a program into it first, or start from an image"),
                        );
                    }
                    self.run(step, run);
                }
                Action::Env { name, .. } => self.env_name(step, name),
                Action::Workdir { path } => self.path(step, "working directory", path),
                Action::User { user } => self.owner(step, Some(user)),
                Action::Mkdir { path, mode, owner } => {
                    self.path(step, "directory", path);
                    self.mode(step, Some(*mode));
                    self.owner(step, owner.as_ref());
                }
                Action::File { path, mode, owner, .. } => {
                    self.path(step, "file", path);
                    if path.ends_with('/') {
                        self.at(step, Problem::new(format!("`{path}` is a directory's path, not a file's")));
                    }
                    self.mode(step, Some(*mode));
                    self.owner(step, owner.as_ref());
                }
            }
            empty &= !matches!(step.action, Action::Copy(_) | Action::File { .. });
        }
    }

    fn copy(&mut self, step: &Step, copy: &Copy) {
        self.origin(step, &copy.from);
        if copy.paths.is_empty() {
            self.at(step, Problem::new("nothing is copied: the list of paths is empty"));
        }
        for path in &copy.paths {
            self.origin_path(step, &copy.from, path);
        }
        self.path(step, "destination", &copy.to);
        if copy.paths.len() > 1 && !copy.to.ends_with('/') {
            self.at(
                step,
                Problem::new(format!("{} files cannot become the one file `{}`", copy.paths.len(), copy.to))
                    .help(format!("end the destination with a slash: `{}/`", copy.to)),
            );
        }
        for pattern in copy.include.iter().chain(&copy.exclude) {
            if pattern.is_empty() || pattern.contains('\0') {
                self.at(step, Problem::new(format!("{pattern:?} is not a pattern")));
            }
        }
        self.mode(step, copy.mode);
        self.owner(step, copy.owner.as_ref());
    }

    fn run(&mut self, step: &Step, run: &Run) {
        let empty = match &run.command {
            Command::Shell(line) => line.trim().is_empty(),
            Command::Argv(arguments) => arguments.first().is_none_or(String::is_empty),
        };
        if empty {
            self.at(step, Problem::new("the command is empty"));
        }
        let mut mounted = BTreeSet::new();
        for mount in &run.mounts {
            let path = match mount {
                Mount::Cache { path, .. } | Mount::Tmpfs { path } => path,
                Mount::Secret { path, id } => {
                    self.secret(step, id);
                    path
                }
                Mount::Bind { from, source, path } => {
                    self.origin(step, from);
                    self.origin_path(step, from, source);
                    path
                }
            };
            if !path.starts_with('/') || path::clean(path) == "/" {
                self.at(
                    step,
                    Problem::new(format!("`{path}` is not where something can be mounted"))
                        .help("an absolute path below the root"),
                );
            }
            if !mounted.insert(path::clean(path)) {
                self.at(step, Problem::new(format!("two mounts are at `{path}`")));
            }
        }
        for (name, _) in &run.env {
            self.env_name(step, name);
        }
        for secret in &run.secret_env {
            self.env_name(step, &secret.name);
            self.secret(step, &secret.id);
        }
        if let Some(path) = &run.workdir {
            self.path(step, "working directory", path);
        }
        self.owner(step, run.user.as_ref());
    }

    fn origin(&mut self, step: &Step, origin: &Origin) {
        match origin {
            Origin::Scratch => self.at(step, Problem::new("there are no files in scratch")),
            Origin::Image(image) => {
                if let Err(e) = image.name.parse::<ImageRef>() {
                    self.at(step, image_problem(&image.name, e.to_string()));
                }
            }
            Origin::Context(name) if name.is_empty() => {
                self.at(step, Problem::new("a context without a name"));
            }
            Origin::Context(_) => {}
            Origin::Stage(name) => match self.index.get(name.as_str()) {
                None => {
                    let problem = unknown_stage(name, self.index);
                    self.at(step, problem);
                }
                Some(i) => {
                    let from = &self.plan.stages[*i];
                    if !matches!(from.role, Role::Deps | Role::Builder) {
                        self.at(
                            step,
                            Problem::new("only deps and builder stages have artifacts")
                                .related(&from.at, format!("`{name}` is a {} stage", from.role.name())),
                        );
                    }
                }
            },
        }
    }

    fn origin_path(&mut self, step: &Step, origin: &Origin, path: &str) {
        self.path(step, "source", path);
        match origin {
            Origin::Context(_) if path.starts_with('/') => self.at(
                step,
                Problem::new(format!("`{path}` starts with a slash"))
                    .help("paths of a context are relative to its root"),
            ),
            Origin::Context(name) if climbs(path) => self.at(
                step,
                Problem::new(format!("`{path}` leaves the context")).help(format!(
                    "copy it into the directory of `{name}`, or give it as a context of its own"
                )),
            ),
            Origin::Stage(name) if !path.starts_with('/') => self.at(
                step,
                Problem::new(format!("the artifact `{path}` of `{name}` is not an absolute path"))
                    .help("artifacts are named from the root: `stage.artifact(\"/app/dist\")`"),
            ),
            Origin::Stage(name) if path::clean(path) == "/" && self.has_base(name) => self.at(
                step,
                Problem::new(format!("all of `{name}` is copied, with the image that it started from"))
                    .help("name what is wanted: `stage.artifact(\"/app/dist\")`"),
            ),
            _ => {}
        }
    }

    /// Whether a stage's filesystem began as an image's.
    fn has_base(&self, name: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut at = name;
        while seen.insert(at) {
            match self.index.get(at).map(|i| &self.plan.stages[*i].from) {
                Some(Origin::Stage(from)) => at = from,
                Some(Origin::Scratch) | None => return false,
                Some(Origin::Image(_) | Origin::Context(_)) => return true,
            }
        }
        false
    }

    fn image(&mut self) {
        let stage = self.stage;
        if !stage.role.is_image() && stage.runtime != crate::plan::Runtime::default() {
            self.at_start(Problem::new(format!(
                "only an image has runtime configuration, and `{}` is a {} stage",
                stage.name,
                stage.role.name()
            )));
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

    fn secret(&mut self, step: &Step, id: &str) {
        if self.plan.secrets.iter().all(|secret| secret.id != id) {
            self.at(
                step,
                Problem::new(format!("there is no secret `{id}`")).help("declare it: `b.secret(\"…\")`"),
            );
        }
    }

    fn env_name(&mut self, step: &Step, name: &str) {
        if name.is_empty() || name.contains(['=', '\0']) {
            self.at(step, Problem::new(format!("{name:?} is not an environment variable's name")));
        }
    }

    fn path(&mut self, step: &Step, what: &str, path: &str) {
        if path.is_empty() {
            self.at(
                step,
                Problem::new(format!("the path of the {what} is empty"))
                    .help("the working directory itself is `./`"),
            );
        } else if path.contains('\0') {
            self.at(step, Problem::new(format!("{path:?} is not the path of a {what}")));
        } else if let Some(junk) = ["&&", "||", "2>", ";", "\n"].iter().find(|junk| path.contains(**junk)) {
            self.at(
                step,
                Problem::new(format!("{path:?} is not the path of a {what}"))
                    .help(format!("`{}` is the shell's, and no shell reads paths", junk.escape_debug())),
            );
        }
    }

    fn mode(&mut self, step: &Step, mode: Option<u32>) {
        if let Some(mode) = mode.filter(|mode| *mode > 0o7777) {
            self.at(
                step,
                Problem::new(format!("{mode} is no mode")).help("permission bits are octal: `0o755`"),
            );
        }
    }

    fn owner(&mut self, step: &Step, owner: Option<&String>) {
        if let Some(owner) =
            owner.filter(|o| o.is_empty() || o.contains(char::is_whitespace) || o.starts_with(':'))
        {
            self.at(
                step,
                Problem::new(format!("{owner:?} is not a user"))
                    .help("a name or an id, with `:group` if wanted"),
            );
        }
    }

    fn at(&mut self, step: &Step, problem: Problem) {
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

fn climbs(path: &str) -> bool {
    let clean = path::clean(path);
    clean == ".." || clean.starts_with("../")
}

fn image_problem(name: &str, why: String) -> Problem {
    let problem = Problem::new(why);
    match name.ends_with(':') {
        true => problem.help("nothing stands after the colon: is a parameter empty?"),
        false => problem.help("as in `node:18-slim`, `registry.example.com/team/app:1.2` or `name@sha256:…`"),
    }
}

fn unknown_stage(name: &str, index: &BTreeMap<&str, usize>) -> Problem {
    let problem = Problem::new(format!("there is no stage `{name}`"));
    match nearest(name, index.keys().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    }
}

fn targets(plan: &Plan, index: &BTreeMap<&str, usize>) -> Vec<Problem> {
    if plan.targets.is_empty() {
        let problem = Problem::new("the build has no targets");
        return vec![problem.help("name what it makes: `Targets::new().product(image)`")];
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

fn target_problem(plan: &Plan, index: &BTreeMap<&str, usize>, target: &Target) -> Option<Problem> {
    let Some(stage) = index.get(target.stage.as_str()).map(|i| &plan.stages[*i]) else {
        return Some(unknown_stage(&target.stage, index));
    };
    let message = match stage.role {
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

/// Testers that no target needs: they would never run.
fn idle_testers(plan: &Plan, index: &BTreeMap<&str, usize>) -> Vec<Problem> {
    let reached = reached(plan, index, plan.targets.iter().map(|target| target.stage.as_str()));
    let idle = plan
        .stages
        .iter()
        .filter(|s| s.role == Role::Tester && !reached.contains(s.name.as_str()));
    idle.map(|stage| {
        Problem::new(format!("no target needs tester `{}`: it would never run", stage.name))
            .at(&stage.at)
            .via(&stage.via)
            .help("gate an image by it, `image.gated_by(&tester)`, or make it a target")
    })
    .collect()
}

fn reached<'a, 't>(
    plan: &'a Plan,
    index: &BTreeMap<&'a str, usize>,
    starts: impl IntoIterator<Item = &'t str>,
) -> BTreeSet<&'a str> {
    let mut open: Vec<usize> = starts.into_iter().filter_map(|name| index.get(name).copied()).collect();
    let mut reached = BTreeSet::new();
    while let Some(i) = open.pop() {
        let stage = &plan.stages[i];
        if reached.insert(stage.name.as_str()) {
            let needed = made_from(stage).chain(stage.gates.iter().map(|gate| gate.stage.as_str()));
            open.extend(needed.filter_map(|name| index.get(name).copied()));
        }
    }
    reached
}

/// The stages that a stage's filesystem is made from. A tester's gates are among them: it waits for them. An
/// image's are not: it is built beside its tests.
fn made_from(stage: &Stage) -> impl Iterator<Item = &str> {
    let start = stage_name(&stage.from);
    let steps = stage.steps.iter().flat_map(|step| match &step.action {
        Action::Copy(copy) => stage_name(&copy.from).into_iter().collect(),
        Action::Run(run) => {
            let binds = run.mounts.iter().filter_map(|mount| match mount {
                Mount::Bind { from, .. } => stage_name(from),
                Mount::Cache { .. } | Mount::Tmpfs { .. } | Mount::Secret { .. } => None,
            });
            binds.collect()
        }
        _ => Vec::new(),
    });
    let gates = stage
        .gates
        .iter()
        .filter(|_| stage.role == Role::Tester)
        .map(|gate| gate.stage.as_str());
    start.into_iter().chain(steps).chain(gates)
}

fn stage_name(origin: &Origin) -> Option<&str> {
    match origin {
        Origin::Stage(name) => Some(name),
        Origin::Scratch | Origin::Image(_) | Origin::Context(_) => None,
    }
}

/// The stages in an order in which each comes after what it is made from; the Plan's own order where it may be.
fn order(plan: &Plan, index: &BTreeMap<&str, usize>) -> Result<Vec<usize>, Problems> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let needs: Vec<Vec<usize>> = plan
        .stages
        .iter()
        .map(|stage| made_from(stage).filter_map(|name| index.get(name).copied()).collect())
        .collect();
    let mut marks = vec![Mark::New; plan.stages.len()];
    let mut order = Vec::new();
    for start in 0..plan.stages.len() {
        let mut path = vec![(start, 0)];
        while let Some((i, next)) = path.pop() {
            if next == 0 && marks[i] != Mark::New {
                continue;
            }
            marks[i] = Mark::Open;
            match needs[i].get(next) {
                None => {
                    marks[i] = Mark::Done;
                    order.push(i);
                }
                Some(needed) => {
                    path.push((i, next + 1));
                    match marks[*needed] {
                        Mark::New => path.push((*needed, 0)),
                        Mark::Done => {}
                        Mark::Open => return Err(cycle(plan, &path, *needed).into()),
                    }
                }
            }
        }
    }
    Ok(order)
}

fn cycle(plan: &Plan, path: &[(usize, usize)], closing: usize) -> Problem {
    let ring: Vec<usize> = path.iter().map(|(i, _)| *i).skip_while(|i| *i != closing).collect();
    let names: Vec<String> = ring
        .iter()
        .chain([&closing])
        .map(|i| format!("`{}`", plan.stages[*i].name))
        .collect();
    let problem =
        Problem::new(format!("stages are made from each other in a ring: {}", names.join(" from ")))
            .at(&plan.stages[closing].at);
    ring[1..]
        .iter()
        .fold(problem, |p, i| p.related(&plan.stages[*i].at, "is part of the ring"))
}
