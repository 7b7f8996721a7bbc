//! From a description to a definition, as a caller of this house would do it.
//!
//! What the Go client does to its options before it has an op is done here: working directories, inherited
//! platforms, default destinations.

mod exec;
mod file;
mod source;

use std::collections::BTreeMap;
use std::error::Error;

use buildkit_llb as llb;

use super::description::*;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The definition that this house makes of a description.
pub(crate) fn definition(build: &Build) -> Result<llb::Definition> {
    let mut translation = Translation::new(build);
    for file in &build.files {
        let origin = translation.origin(build, file)?;
        translation.files.push(translation.graph.add_file(llb::SourceFile {
            filename: file.filename.clone(),
            language: file.language.clone(),
            data: file.data.clone().into(),
            definition: origin,
        }));
    }
    for node in &build.nodes {
        translation.add(node)?;
    }
    let target = translation.output(&build.target);
    Ok(translation.graph.definition(target)?)
}

/// What an output is, and the platform of what runs on it.
#[derive(Clone, Debug, Default)]
struct State {
    output: Option<llb::Output>,
    platform: Option<llb::Platform>,
}

struct Translation<'a> {
    build: &'a Build,
    platform: llb::Platform,
    graph: llb::Graph,
    files: Vec<llb::FileId>,
    /// Of each node its outputs, by their numbers in the description.
    nodes: Vec<BTreeMap<usize, State>>,
}

impl<'a> Translation<'a> {
    fn new(build: &'a Build) -> Self {
        let platform = build.platform.as_ref().map(Platform::to_llb);
        Self {
            build,
            platform: platform.unwrap_or_else(|| llb::Platform::new("linux", "amd64")),
            graph: llb::Graph::new(),
            files: Vec::new(),
            nodes: Vec::new(),
        }
    }

    fn origin(&self, build: &Build, file: &SourceFile) -> Result<Option<llb::Definition>> {
        let mut origin = Translation::new(build);
        for node in &file.origin {
            origin.add(node)?;
        }
        let target = file.origin.len().checked_sub(1).map(|node| Ref { node, output: 0 });
        Ok(match target {
            Some(target) => Some(origin.graph.definition(origin.output(&Some(target)))?),
            None => None,
        })
    }

    fn state(&self, input: &Option<Ref>) -> State {
        input
            .as_ref()
            .map_or_else(State::default, |input| self.nodes[input.node][&input.output].clone())
    }

    fn output(&self, input: &Option<Ref>) -> Option<llb::Output> {
        self.state(input).output
    }

    fn add(&mut self, node: &Node) -> Result<()> {
        let meta = &node.meta;
        let own = meta.platform.as_ref().map(Platform::to_llb);
        let normal = own.as_ref().map(llb::Platform::normalized);
        let platform = own.unwrap_or_else(|| self.platform.clone());
        let op: llb::Op = match &node.op {
            Op::Image(op) => op.to_llb(platform)?.into(),
            Op::Local(op) => op.to_llb(self.unique_id(meta)).into(),
            Op::Git(op) => op.to_llb()?.into(),
            Op::Http(op) => op.to_llb()?.into(),
            Op::OciLayout(op) => op.to_llb(platform).into(),
            Op::Blob(op) => op.to_llb()?.into(),
            Op::Exec(op) => return self.add_exec(op, meta),
            Op::File(op) => {
                let state = self.state(&op.chain.base);
                return self.add_one(op.to_llb(self), meta, state.platform);
            }
            Op::Merge(op) => {
                let mut inputs: Vec<State> = op.inputs.iter().map(|input| self.state(input)).collect();
                inputs.retain(|input| input.output.is_some());
                return match inputs.as_slice() {
                    [] | [_] => self.hand_on(inputs.pop().unwrap_or_default()),
                    [first, ..] => {
                        let merge = llb::MergeOp::new(inputs.iter().filter_map(|input| input.output));
                        self.add_one(merge, meta, first.platform.clone())
                    }
                };
            }
            Op::Diff(op) => {
                let (lower, upper) = (self.state(&op.lower), self.state(&op.upper));
                if lower.output.is_none() {
                    return self.hand_on(upper);
                }
                let diff = llb::DiffOp { lower: lower.output, upper: upper.output };
                return self.add_one(diff, meta, lower.platform);
            }
            Op::Passthrough(op) => return self.add_passthrough(op, meta),
            Op::Requires(op) => {
                let state = self.state(&op.input);
                let input = state.output.ok_or("scratch requires nothing")?;
                if op.deps.is_empty() {
                    return self.hand_on(state);
                }
                let deps = op.deps.iter().filter_map(|dep| self.output(dep));
                let requires = llb::PassthroughOp::requiring(&op.id, input, deps);
                return self.add_one(requires, meta, state.platform);
            }
            Op::Build(op) => {
                let state = self.state(&op.input);
                let input = state.output.ok_or("there is no build in scratch")?;
                let build =
                    llb::BuildOp { filename: op.filename.clone(), ..llb::BuildOp::new(input, platform) };
                return self.add_one(build, meta, state.platform);
            }
        };
        self.add_one(op, meta, normal)
    }

    fn add_passthrough(&mut self, op: &Passthrough, meta: &Meta) -> Result<()> {
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for input in &op.inputs {
            let Some(output) = self.output(&input.input) else { continue };
            if input.output {
                outputs.push(u32::try_from(inputs.len())?);
            }
            inputs.push(output);
        }
        let count = outputs.len();
        let id = self.add_op(llb::PassthroughOp { id: op.id.clone(), inputs, outputs }, meta)?;
        let state = |index| State { output: Some(id.output(index)), platform: None };
        self.nodes.push((0..count).zip((0..).map(state)).collect());
        Ok(())
    }

    /// Adds an op whose only output has this platform.
    fn add_one(
        &mut self,
        op: impl Into<llb::Op>,
        meta: &Meta,
        platform: Option<llb::Platform>,
    ) -> Result<()> {
        let id = self.add_op(op, meta)?;
        self.hand_on(State { output: Some(id.root()), platform })
    }

    fn hand_on(&mut self, state: State) -> Result<()> {
        self.nodes.push(BTreeMap::from([(0, state)]));
        Ok(())
    }

    fn add_op(&mut self, op: impl Into<llb::Op>, meta: &Meta) -> Result<llb::OpId> {
        let op = op.into().on_workers(self.build.workers.iter().chain(&meta.workers));
        let mut metadata = meta.to_llb();
        if self.build.caps && matches!(op.kind, llb::OpKind::Exec(_)) {
            metadata.caps.insert(llb::caps::EXEC_META_SETS_DEFAULT_PATH.to_owned());
        }
        let id = self.graph.add(op, metadata)?;
        for location in &meta.locations {
            let ranges = location.ranges.iter().map(Range::to_llb).collect();
            self.graph.locate(id, self.files[location.file], ranges)?;
        }
        Ok(id)
    }

    fn unique_id(&self, meta: &Meta) -> String {
        let own = (!meta.unique_id.is_empty()).then_some(&meta.unique_id);
        own.unwrap_or(&self.build.unique_id).clone()
    }
}

impl Meta {
    fn to_llb(&self) -> llb::Metadata {
        let mut metadata = llb::Metadata {
            ignore_cache: self.ignore_cache,
            description: self.description.iter().cloned().collect(),
            export_cache: self.export_cache.as_ref().map(|export| matches!(export, ExportCache::With)),
            progress_group: self.progress_group.as_ref().map(|group| llb::ProgressGroup {
                id: group.id.clone(),
                name: group.name.clone(),
                weak: group.weak,
            }),
            linux_resources: self.linux_resources.as_ref().map(|limits| llb::LinuxResources {
                memory: limits.memory,
                memory_swap: limits.memory_swap,
                cpu_shares: limits.cpu_shares,
                cpu_period: limits.cpu_period,
                cpu_quota: limits.cpu_quota,
                cpuset_cpus: limits.cpuset_cpus.clone(),
                cpuset_mems: limits.cpuset_mems.clone(),
            }),
            ..llb::Metadata::default()
        };
        if !self.custom_name.is_empty() {
            metadata.merge(llb::Metadata::named(&self.custom_name));
        }
        metadata
    }
}

impl Platform {
    fn to_llb(&self) -> llb::Platform {
        llb::Platform {
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            variant: self.variant.clone(),
            os_version: self.os_version.clone(),
            os_features: self.os_features.clone(),
        }
    }
}

impl Range {
    fn to_llb(&self) -> llb::Range {
        let position = |at: &Position| llb::Position { line: at.line, character: at.character };
        llb::Range { start: position(&self.start), end: position(&self.end) }
    }
}
