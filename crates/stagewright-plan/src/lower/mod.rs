//! From a Plan to LLB: the one lowering, whatever the Plan was written in.
//!
//! A pure function of a [checked](crate::check) Plan, the targets and what the [`World`] says. Steps become the ops
//! that docker/dockerfile makes of the same instructions (BuildKit v0.34 `frontend/dockerfile/dockerfile2llb`), so
//! that caches are shared with Dockerfiles.

mod abilities;
mod context;
mod copy;
mod epoch;
mod error;
mod image;
mod kept;
mod names;
mod remote;
mod report;
mod run;
mod settings;
mod sources;
mod stage;
mod user;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{
    FileId, FileOp, Graph, ImageSource, Metadata, MkdirAction, Op, OpId, Output, PassthroughOp, Platform,
    Position, Range, SourceFile, caps,
};

pub use abilities::Abilities;
pub use context::{
    Context, ContextKey, ForwardedContext, HttpContext, ImageContext, LayoutContext, LocalContext,
    MAIN_CONTEXT, context_name,
};
pub use error::LowerError;
pub use kept::VERDICT_OF;
pub use settings::{ArgError, NoCache, Settings, Unsupported};
pub use sources::{Remote, RemoteSource, remotes, sources};
pub use world::{ContextRequest, ImageRequest, ResolvedImage, World, contexts, images, platform_of};

use context::Substitutes;

use crate::check::Checked;
use crate::config::ImageConfig;
use crate::plan::{self, Origin, Plan, Role, Stage, Step};
use crate::site::Site;
use stage::{State, Steps};

/// The ops of all targets, and what each target is.
#[derive(Debug)]
pub struct Lowered {
    /// The ops. What targets have in common stands in it once.
    pub graph: Graph,
    /// The targets, in the order asked for.
    pub targets: Vec<LoweredTarget>,
    /// The testers among what they need that leave reports.
    pub testers: Vec<LoweredTester>,
}

impl Lowered {
    /// One of the targets that were asked for.
    ///
    /// # Panics
    ///
    /// If it was not asked for.
    #[must_use]
    pub fn target(&self, name: &str) -> &LoweredTarget {
        self.targets
            .iter()
            .find(|target| target.name == name)
            .expect("every target is lowered")
    }
}

/// One target.
#[derive(Debug)]
pub struct LoweredTarget {
    /// Its name.
    pub name: String,
    /// Its stage's role.
    pub role: Role,
    /// Its filesystem; `None` is an empty one. It waits for the gates, where the daemon can express that.
    pub output: Option<Output>,
    /// The gates that the daemon cannot express: the result counts only if each of these, by name, succeeds too.
    pub gates: Vec<(String, Option<Output>)>,
    /// How a container of it runs, if it is an image.
    pub config: Option<ImageConfig>,
    /// Annotations of its manifest, and of its index if there is one.
    pub annotations: BTreeMap<String, String>,
    /// The config of the image of a registry that it started from, if it is an image.
    pub base_config: Option<ImageConfig>,
}

/// A tester that leaves reports.
#[derive(Debug)]
pub struct LoweredTester {
    /// Its name.
    pub name: String,
    /// The first target that needs it.
    pub target: String,
    /// Its filesystem; `None` is an empty one. Where it failed, there is none.
    pub output: Option<Output>,
    /// The ops of its own commands: if one of them fails, the reports are in what it left.
    pub commands: Vec<OpId>,
    /// The paths of its reports, absolute.
    pub reports: Vec<String>,
}

/// Lowers the targets of a Plan.
///
/// Each context is one op, whatever the number of targets: its follow paths are the union of what they read.
///
/// # Errors
///
/// A target that the Plan does not have, an image or a context of which the world says nothing, an image of another
/// platform, and what the daemon could not do, each with its step or setting.
pub fn lower(checked: &Checked<'_>, targets: &[&str], world: &World) -> Result<Lowered, LowerError> {
    world.settings.check(&world.abilities)?;
    let mut lowering = Lowering::new(checked, targets, world)?;
    let substitutes = &lowering.substitutes;
    let reached = checked.reached_up_to(targets.iter().copied(), |name| substitutes.of(name).is_some());
    lowering.taken = kept::taken(checked, targets, &reached);
    let mut testers = Vec::new();
    for stage in checked.stages().filter(|stage| reached.contains(stage.name.as_str())) {
        let state = lowering.stage(stage)?;
        lowering.roots.insert(&stage.name, state.root);
        if !stage.reports.is_empty() && lowering.substitutes.of(&stage.name).is_none() {
            let needs = |target: &&&str| {
                let substitutes = &lowering.substitutes;
                let reached = checked.reached_up_to([**target], |name| substitutes.of(name).is_some());
                reached.contains(stage.name.as_str())
            };
            let first = targets.iter().find(needs).expect("a target reaches it");
            testers.push(lowering.tester(stage, &state, first));
        }
        lowering.keep(&stage.name, state);
    }
    let targets = targets.iter().map(|name| lowering.target(name)).collect::<Result<_, _>>()?;
    Ok(Lowered { graph: lowering.graph, targets, testers })
}

/// How many stages start from each, how many steps take its reports, and how many targets it is, at most.
fn users<'a>(plan: &'a Plan, targets: &[&str]) -> BTreeMap<&'a str, usize> {
    let starts = plan.stages.iter().filter_map(|stage| match &stage.from {
        Origin::Stage(from) => Some(from.as_str()),
        _ => None,
    });
    let steps = plan.stages.iter().flat_map(|stage| &stage.steps).flat_map(Step::origins);
    let origins = starts.chain(steps.filter_map(|(origin, _)| match origin {
        Origin::Reports(tester) => Some(tester.as_str()),
        _ => None,
    }));
    let targets = targets.iter().filter_map(|name| Some(plan.target(name)?.stage.as_str()));
    let mut users = BTreeMap::new();
    origins.chain(targets).for_each(|stage| *users.entry(stage).or_default() += 1);
    users
}

/// A lowering under way.
struct Lowering<'a> {
    checked: &'a Checked<'a>,
    world: &'a World,
    graph: Graph,
    /// The filesystems of the stages lowered so far.
    roots: BTreeMap<&'a str, Option<Output>>,
    /// Those from which others start, or that are targets, and how many times yet: what a long chain of stages hands on
    /// is in memory once.
    states: BTreeMap<&'a str, (usize, State)>,
    /// How many times that is for each.
    users: BTreeMap<&'a str, usize>,
    contexts: BTreeMap<ContextKey, Option<Output>>,
    /// The ops of each stage's own commands.
    commands: BTreeMap<&'a str, Vec<OpId>>,
    /// The testers whose reports are taken whatever their verdict, and where.
    taken: BTreeMap<&'a str, &'a Site>,
    history: Steps,
    substitutes: Substitutes,
    files: BTreeMap<&'a str, FileId>,
    optional_secrets: BTreeSet<&'a str>,
}

impl<'a> Lowering<'a> {
    fn new(checked: &'a Checked<'a>, targets: &[&str], world: &'a World) -> Result<Self, LowerError> {
        let plan = checked.plan();
        if let Some(name) = targets.iter().find(|name| plan.target(name).is_none()) {
            return Err(LowerError::unknown_target(plan, name));
        }
        let given: BTreeSet<ContextKey> = world.contexts.keys().cloned().collect();
        let optional = plan.secrets.iter().filter(|secret| secret.optional);
        let mut lowering = Self {
            checked,
            world,
            graph: Graph::new(),
            roots: BTreeMap::new(),
            states: BTreeMap::new(),
            users: users(plan, targets),
            contexts: BTreeMap::new(),
            commands: BTreeMap::new(),
            taken: BTreeMap::new(),
            history: Steps::default(),
            substitutes: Substitutes::new(plan, world.contexts.keys()),
            files: BTreeMap::new(),
            optional_secrets: optional.map(|secret| secret.id.as_str()).collect(),
        };
        for request in contexts(checked, targets, &given) {
            let root = lowering.context(&request)?;
            lowering.contexts.insert(request.key, root);
        }
        Ok(lowering)
    }

    fn context(&mut self, request: &ContextRequest<'a>) -> Result<Option<Output>, LowerError> {
        let world = self.world;
        let name = &request.key.name;
        let Some(context) = world.contexts.get(&request.key) else {
            return Err(LowerError::Context { name: name.clone(), site: request.at.clone() });
        };
        if let (Some(config), Some(platform)) = (context.config(), context.platform()) {
            self.check_platform(name, config, platform, request.at)?;
        }
        let root = context
            .add_to(&mut self.graph, name, &request.follow_paths)
            .map_err(|e| LowerError::Op { source: e, site: request.at.clone() })?;
        if let Some(root) = root {
            self.place(root.op, request.at)?;
        }
        Ok(root)
    }

    /// Keeps a stage for those that start from it.
    fn keep(&mut self, name: &'a str, state: State) {
        if let Some(users) = self.users.get(name) {
            self.states.insert(name, (*users, state));
        }
    }

    /// A stage that was kept, for one of those.
    fn take(&mut self, name: &str) -> State {
        let (users, state) = self.states.get_mut(name).expect("kept until all have it");
        if *users > 1 {
            *users -= 1;
            return state.clone();
        }
        self.states.remove(name).expect("found above").1
    }

    fn target(&mut self, name: &str) -> Result<LoweredTarget, LowerError> {
        let target = self.checked.plan().target(name).expect("looked up at the start");
        let stage = self.checked.stage(&target.stage);
        let state = self.take(&stage.name);
        let root = match stage.reports.is_empty() {
            true => state.root,
            false if target.reports => Some(self.left_reports(stage, &state)?),
            false => Some(self.reports(stage, &state, state.root, false)?),
        };
        let (mut config, mut base_config) = (None, None);
        if stage.role.is_image() {
            let mut own = state.config;
            own.history.extend(self.history.up_to(state.recorded));
            own.config.labels.extend(self.world.settings.labels.clone());
            config = Some(own);
            base_config = state.base_config;
        }
        let gates = match stage.role {
            // The verdict is in the filesystem, or is not asked for.
            Role::Tester if target.reports || self.waits(stage) => Vec::new(),
            _ => self.checked.gates_up_to(stage, |name| self.substitutes.of(name).is_some()),
        };
        let outputs: Vec<_> = gates.iter().map(|gate| ((*gate).to_owned(), self.roots[gate])).collect();
        let (output, gates) = if outputs.is_empty() {
            (root, Vec::new())
        } else if self.world.abilities.has(caps::PASSTHROUGH_OP) {
            let root = self.or_empty(root, stage)?;
            (Some(self.gate(stage, root, outputs)?), Vec::new())
        } else {
            (root, outputs)
        };
        Ok(LoweredTarget {
            name: name.to_owned(),
            role: stage.role,
            output,
            gates,
            config,
            annotations: stage.runtime.annotations.clone(),
            base_config,
        })
    }

    /// A filesystem that is there once the gates have succeeded.
    fn gate(
        &mut self,
        stage: &'a Stage,
        root: Output,
        gates: Vec<(String, Option<Output>)>,
    ) -> Result<Output, LowerError> {
        let name = names::gate(&stage.name, gates.iter().map(|(name, _)| name.as_str()));
        // A gate on an empty filesystem has succeeded already.
        let gates = gates.into_iter().filter_map(|(_, output)| output);
        let op = PassthroughOp::requiring(format!("gate {}", stage.name), root, gates);
        let at = stage.gates.first().map_or(&stage.at, |gate| &gate.at);
        Ok(self.add(op, Metadata::named(name), at)?.root())
    }

    /// The filesystem, or that of an op that makes an empty one: an input that is scratch cannot be gated.
    fn or_empty(&mut self, root: Option<Output>, stage: &'a Stage) -> Result<Output, LowerError> {
        if let Some(root) = root {
            return Ok(root);
        }
        let op = FileOp::chain(None, [MkdirAction { parents: true, ..MkdirAction::new("/", 0o755) }]);
        Ok(self.add(op, Metadata::named(names::empty(&stage.name)), &stage.at)?.root())
    }

    /// The op of an image, pinned to what the world resolved.
    fn image(
        &mut self,
        image: &'a plan::Image,
        stage: &str,
        at: &'a Site,
    ) -> Result<(OpId, &'a ImageConfig), LowerError> {
        let platform = self.world.platform_of(image);
        let request = ImageRequest::new(image, platform.clone());
        let Some(resolved) = self.world.images.get(&request) else {
            return Err(LowerError::Image { name: image.name.clone(), site: at.clone() });
        };
        self.check_platform(&image.name, &resolved.config, &platform, at)?;
        let mut op = ImageSource::new(resolved.reference.clone(), platform);
        op.resolve_mode = self.world.resolve_mode;
        let several = self.world.multi_platform.then_some(&op.platform);
        let name = names::image(stage, &resolved.reference, several);
        let id = self.add(op, Metadata::named(name), at)?;
        Ok((id, &resolved.config))
    }

    /// Refuses an image of another platform: one without an index is given for whatever platform is asked for.
    fn check_platform(
        &self,
        name: &str,
        config: &ImageConfig,
        platform: &Platform,
        at: &Site,
    ) -> Result<(), LowerError> {
        if world::is_for(config, platform) {
            return Ok(());
        }
        Err(LowerError::Platform {
            name: name.to_owned(),
            wanted: platform.to_string(),
            found: format!("{}/{}", config.os, config.architecture),
            site: at.clone(),
        })
    }

    /// What a step copies from or mounts; `None` is an empty filesystem.
    fn origin(
        &mut self,
        origin: &'a Origin,
        stage: &str,
        at: &'a Site,
    ) -> Result<Option<Output>, LowerError> {
        if let Some(key) = self.substitutes.of_origin(origin) {
            return Ok(self.contexts[&key]);
        }
        Ok(match origin {
            Origin::Image(image) => Some(self.image(image, stage, at)?.0.root()),
            Origin::Stage(name) | Origin::Root(name) => self.roots[name.as_str()],
            Origin::Reports(name) => {
                let state = self.take(name);
                Some(self.left_reports(self.checked.stage(name), &state)?)
            }
            Origin::Git(git) => Some(self.git(git, stage, at)?),
            Origin::Http(http) => Some(self.http(http, stage, at)?),
            Origin::Scratch | Origin::Context(_) => None,
        })
    }

    /// Adds an op that was written at this place.
    fn add(&mut self, op: impl Into<Op>, metadata: Metadata, at: &'a Site) -> Result<OpId, LowerError> {
        let op = self
            .graph
            .add(op, metadata)
            .map_err(|e| LowerError::Op { source: e, site: at.clone() })?;
        self.place(op, at)?;
        Ok(op)
    }

    /// Says where an op was written. What the daemon would not take of it is told here.
    fn place(&mut self, op: OpId, at: &'a Site) -> Result<(), LowerError> {
        let told = |e| LowerError::Op { source: e, site: at.clone() };
        let needed = &self.graph.metadata(op).map_err(told)?.caps;
        if let Some(cap) = needed.iter().find(|cap| !self.world.abilities.has(cap)) {
            return Err(LowerError::Cap { cap: cap.to_owned(), site: at.clone() });
        }
        let file = self.file(&at.file);
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let column = if self.world.whole_lines { 0 } else { number(at.column.saturating_sub(1)) };
        let here = Position { line: number(at.line), character: column };
        self.graph
            .locate(op, file, vec![Range { start: here, end: here }])
            .map_err(told)
    }

    /// The file of a place. Where the world does not have its text, the place is told without its lines.
    fn file(&mut self, name: &'a str) -> FileId {
        if let Some(known) = self.files.get(name) {
            return *known;
        }
        let text = self.world.sources.get(name).map(String::as_str).unwrap_or_default();
        let file = self.graph.add_file(SourceFile {
            filename: name.to_owned(),
            language: if name.ends_with(".rs") { "Rust" } else { "" }.to_owned(),
            data: text.to_owned().into_bytes().into(),
            definition: None,
        });
        self.files.insert(name, file);
        file
    }
}
