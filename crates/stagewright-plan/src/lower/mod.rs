//! From a Plan to LLB: the one lowering, whatever the Plan was written in.
//!
//! A pure function of a [checked](crate::check) Plan, the targets and what the [`World`] says. Steps become the ops
//! that docker/dockerfile makes of the same instructions (BuildKit v0.34 `frontend/dockerfile/dockerfile2llb`), so
//! that caches are shared with Dockerfiles.

mod copy;
mod error;
mod image;
mod names;
mod run;
mod stage;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{
    FileId, FileOp, Graph, ImageSource, LocalSource, Metadata, MkdirAction, Op, OpId, Output, PassthroughOp,
    Position, Range, SourceFile,
};

pub use error::LowerError;
pub use world::{Context, ContextRequest, ImageRequest, ResolvedImage, World, contexts, images};

use crate::check::Checked;
use crate::config::ImageConfig;
use crate::plan::{self, Origin, Role, Stage};
use crate::site::Site;
use stage::State;

/// The ops of all targets, and what each target is.
#[derive(Debug)]
pub struct Lowered {
    /// The ops. What targets have in common stands in it once.
    pub graph: Graph,
    /// The targets, in the order asked for.
    pub targets: Vec<LoweredTarget>,
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
}

/// Lowers the targets of a Plan.
///
/// Each context is one op, whatever the number of targets: its follow paths are the union of what they read.
///
/// # Errors
///
/// A target that the Plan does not have, an image or a context of which the world says nothing, an image of another
/// platform, and what the daemon could not do, each with its step.
pub fn lower(checked: &Checked<'_>, targets: &[&str], world: &World) -> Result<Lowered, LowerError> {
    let mut lowering = Lowering::new(checked, targets, world)?;
    let reached = checked.reached(targets.iter().copied());
    for stage in checked.stages().filter(|stage| reached.contains(stage.name.as_str())) {
        let state = lowering.stage(stage)?;
        lowering.stages.insert(&stage.name, state);
    }
    let targets = targets.iter().map(|name| lowering.target(name)).collect::<Result<_, _>>()?;
    Ok(Lowered { graph: lowering.graph, targets })
}

/// A lowering under way.
struct Lowering<'a> {
    checked: &'a Checked<'a>,
    world: &'a World,
    graph: Graph,
    /// The stages lowered so far.
    stages: BTreeMap<&'a str, State>,
    contexts: BTreeMap<&'a str, OpId>,
    files: BTreeMap<&'a str, FileId>,
    optional_secrets: BTreeSet<&'a str>,
}

impl<'a> Lowering<'a> {
    fn new(checked: &'a Checked<'a>, targets: &[&str], world: &'a World) -> Result<Self, LowerError> {
        let plan = checked.plan();
        if let Some(name) = targets.iter().find(|name| plan.target(name).is_none()) {
            return Err(LowerError::unknown_target(plan, name));
        }
        let optional = plan.secrets.iter().filter(|secret| secret.optional);
        let mut lowering = Self {
            checked,
            world,
            graph: Graph::new(),
            stages: BTreeMap::new(),
            contexts: BTreeMap::new(),
            files: BTreeMap::new(),
            optional_secrets: optional.map(|secret| secret.id.as_str()).collect(),
        };
        for request in contexts(checked, targets) {
            let op = lowering.context(&request)?;
            lowering.contexts.insert(request.name, op);
        }
        Ok(lowering)
    }

    fn context(&mut self, request: &ContextRequest<'a>) -> Result<OpId, LowerError> {
        let Some(context) = self.world.contexts.get(request.name) else {
            return Err(LowerError::Context { name: request.name.to_owned(), site: request.at.clone() });
        };
        let mut op = LocalSource::new(request.name, context.identity.clone());
        op.shared_key_hint = request.name.to_owned();
        op.exclude = context.exclude.clone();
        op.follow_paths = request.follow_paths.clone();
        self.add(op, Metadata::named(names::context(request.name)), request.at)
    }

    fn target(&mut self, name: &str) -> Result<LoweredTarget, LowerError> {
        let target = self.checked.plan().target(name).expect("looked up at the start");
        let stage = self.checked.stage(&target.stage);
        let state = &self.stages[stage.name.as_str()];
        let root = state.root;
        let config = stage.role.is_image().then(|| state.config.clone());
        let gates = match stage.role {
            Role::Tester => Vec::new(),
            _ => self.checked.gates(stage),
        };
        let outputs: Vec<_> = gates.iter().map(|gate| ((*gate).to_owned(), self.stages[gate].root)).collect();
        let (output, gates) = if outputs.is_empty() {
            (root, Vec::new())
        } else if self.world.passthrough {
            let root = self.or_empty(root, stage)?;
            (Some(self.gate(stage, root, outputs)?), Vec::new())
        } else {
            (root, outputs)
        };
        Ok(LoweredTarget { name: name.to_owned(), role: stage.role, output, gates, config })
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
        let platform = self.world.platform_of(image).clone();
        let request = ImageRequest::new(image, platform.clone());
        let Some(resolved) = self.world.images.get(&request) else {
            return Err(LowerError::Image { name: image.name.clone(), site: at.clone() });
        };
        if !resolved.is_for(&platform) {
            return Err(LowerError::Platform {
                name: image.name.clone(),
                wanted: platform.to_string(),
                found: format!("{}/{}", resolved.config.os, resolved.config.architecture),
                site: at.clone(),
            });
        }
        let op = ImageSource::new(resolved.reference.clone(), platform);
        let id = self.add(op, Metadata::named(names::image(stage, &resolved.reference)), at)?;
        Ok((id, &resolved.config))
    }

    /// What a step copies from or mounts; `None` is an empty filesystem.
    fn origin(
        &mut self,
        origin: &'a Origin,
        stage: &str,
        at: &'a Site,
    ) -> Result<Option<Output>, LowerError> {
        Ok(match origin {
            Origin::Scratch => None,
            Origin::Image(image) => Some(self.image(image, stage, at)?.0.root()),
            Origin::Stage(name) => self.stages[name.as_str()].root,
            Origin::Context(name) => Some(self.contexts[name.as_str()].root()),
        })
    }

    /// Adds an op that was written at this place.
    fn add(&mut self, op: impl Into<Op>, metadata: Metadata, at: &'a Site) -> Result<OpId, LowerError> {
        let op = self
            .graph
            .add(op, metadata)
            .map_err(|e| LowerError::Op { source: e, site: at.clone() })?;
        let file = self.file(&at.file);
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let here = Position { line: number(at.line), character: number(at.column.saturating_sub(1)) };
        self.graph
            .locate(op, file, vec![Range { start: here, end: here }])
            .map_err(|e| LowerError::Op { source: e, site: at.clone() })?;
        Ok(op)
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
