//! The graph: ops with their inputs before them, each one there once.

use std::collections::{BTreeMap, BTreeSet};

use crate::definition::EncodedOp;
use crate::source_map::{FileId, Location, Range, SourceFile, SourceMap};
use crate::{Definition, Digest, Metadata, Op, OpError, OpId, Output, caps, encode};

/// An arena of ops.
///
/// An op is validated and encoded when it is added; its inputs are there already, so its digest is known at
/// once. Nothing here recurses, so the depth of a graph is limited by memory alone.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    vertices: Vec<Vertex>,
    by_digest: BTreeMap<Digest, OpId>,
    files: Vec<SourceFile>,
}

#[derive(Clone, Debug)]
struct Vertex {
    op: EncodedOp,
    /// In the order in which a definition lists them; with repetitions.
    inputs: Vec<OpId>,
    outputs: u32,
    metadata: Metadata,
    locations: Vec<(FileId, Vec<Range>)>,
}

impl Graph {
    /// A graph without ops.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an op, and what is said about it.
    ///
    /// An op that is there already is not added again: its metadata is merged by [`Metadata::merge`], and its
    /// id given back. Gives an error for an op that a daemon would refuse, and then changes nothing.
    pub fn add(&mut self, op: impl Into<Op>, mut metadata: Metadata) -> Result<OpId, OpError> {
        let op = op.into();
        let body = op.body()?;
        let mut digests = Vec::with_capacity(body.inputs.len());
        for &input in &body.inputs {
            digests.push(self.output_digest(input)?);
        }
        metadata.caps.extend(body.caps.iter().map(|&cap| cap.to_owned()));
        if op.is_exec() && metadata.linux_resources.is_some() {
            metadata.caps.insert(caps::EXEC_META_LINUX_RESOURCES.to_owned());
        }
        let op = EncodedOp::new(encode::op(&body, &digests, &op.worker_filter));
        if let Some(&id) = self.by_digest.get(&op.digest) {
            self.vertex_mut(id)?.metadata.merge(metadata);
            return Ok(id);
        }
        let id = OpId(u32::try_from(self.vertices.len()).map_err(|_| OpError::TooManyOps)?);
        self.by_digest.insert(op.digest, id);
        self.vertices.push(Vertex {
            op,
            inputs: body.visits.unwrap_or_else(|| body.inputs.iter().map(|input| input.op).collect()),
            outputs: body.outputs,
            metadata,
            locations: Vec::new(),
        });
        Ok(id)
    }

    /// Adds a file in which ops are written; an equal one that is there already is used instead.
    pub fn add_file(&mut self, file: SourceFile) -> FileId {
        let known = self.files.iter().position(|known| *known == file);
        FileId(known.unwrap_or_else(|| {
            self.files.push(file);
            self.files.len() - 1
        }))
    }

    /// Says where an op is written. An op can be written in several places.
    pub fn locate(&mut self, op: OpId, file: FileId, ranges: Vec<Range>) -> Result<(), OpError> {
        if file.0 >= self.files.len() {
            return Err(OpError::UnknownFile { file: file.0, files: self.files.len() });
        }
        let locations = &mut self.vertex_mut(op)?.locations;
        let location = (file, ranges);
        if !locations.contains(&location) {
            locations.push(location);
        }
        Ok(())
    }

    /// The digest of an op: its vertex in the daemon's status stream.
    pub fn digest(&self, op: OpId) -> Result<Digest, OpError> {
        self.vertex(op).map(|vertex| vertex.op.digest)
    }

    /// What is said about an op, its capabilities included.
    pub fn metadata(&self, op: OpId) -> Result<&Metadata, OpError> {
        self.vertex(op).map(|vertex| &vertex.metadata)
    }

    /// How many different ops there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.vertices.len()
    }

    /// Whether there is no op yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vertices.is_empty()
    }

    /// The definition of a filesystem: the ops that it depends on, and the op that names it.
    ///
    /// The definition of scratch, `None`, is empty. The order is that of the Go client: depth first, an op's
    /// inputs before it.
    pub fn definition(&self, target: Option<Output>) -> Result<Definition, OpError> {
        let Some(target) = target else {
            return Ok(Definition::default());
        };
        let target_digest = self.output_digest(target)?;
        let mut definition = Definition::default();
        let mut files: BTreeMap<FileId, usize> = BTreeMap::new();
        let mut terminal = Metadata {
            caps: BTreeSet::from([caps::CONSTRAINTS.to_owned(), caps::PLATFORM.to_owned()]),
            ..Metadata::default()
        };
        for id in self.post_order(target.op) {
            let vertex = self.vertex(id)?;
            let metadata = &vertex.metadata;
            for (used, cap) in [
                (metadata.ignore_cache, caps::META_IGNORE_CACHE),
                (!metadata.description.is_empty(), caps::META_DESCRIPTION),
                (metadata.export_cache.is_some(), caps::META_EXPORT_CACHE),
            ] {
                if used && !terminal.caps.contains(cap) {
                    terminal.caps.insert(cap.to_owned());
                }
            }
            self.add_locations(vertex, &mut definition.source, &mut files);
            definition.metadata.insert(vertex.op.digest, metadata.clone());
            definition.ops.push(vertex.op.clone());
        }
        definition.head = Some((target_digest, target.index));
        let op = EncodedOp::new(encode::terminal(target_digest, target.index));
        definition.metadata.insert(op.digest, terminal);
        definition.ops.push(op);
        Ok(definition)
    }

    /// The op and all that it depends on: inputs first, in the order in which each op lists them.
    fn post_order(&self, target: OpId) -> Vec<OpId> {
        let mut order = Vec::new();
        let mut entered = vec![false; self.vertices.len()];
        // Each op with the number of its inputs that are done.
        let mut path = vec![(target, 0)];
        entered[target.0 as usize] = true;
        while let Some((id, done)) = path.last_mut() {
            let Some(&input) = self.vertices[id.0 as usize].inputs.get(*done) else {
                order.push(*id);
                path.pop();
                continue;
            };
            *done += 1;
            if !std::mem::replace(&mut entered[input.0 as usize], true) {
                path.push((input, 0));
            }
        }
        order
    }

    /// Files are numbered in the order in which ops mention them first.
    fn add_locations(&self, vertex: &Vertex, source: &mut SourceMap, files: &mut BTreeMap<FileId, usize>) {
        if vertex.locations.is_empty() {
            return;
        }
        let mut locations = Vec::new();
        for (file, ranges) in &vertex.locations {
            let file = *files.entry(*file).or_insert_with(|| {
                source.files.push(self.files[file.0].clone());
                source.files.len() - 1
            });
            locations.push(Location { file, ranges: ranges.clone() });
        }
        source.locations.insert(vertex.op.digest, locations);
    }

    /// The digest of the op that an output is of, if there is such an output.
    fn output_digest(&self, output: Output) -> Result<Digest, OpError> {
        let vertex = self.vertex(output.op)?;
        if output.index >= vertex.outputs {
            let (index, outputs) = (output.index, vertex.outputs);
            return Err(OpError::UnknownOutput { op: output.op.0, index, outputs });
        }
        Ok(vertex.op.digest)
    }

    fn vertex(&self, op: OpId) -> Result<&Vertex, OpError> {
        self.vertices.get(op.0 as usize).ok_or(OpError::UnknownOp { op: op.0, ops: self.vertices.len() })
    }

    fn vertex_mut(&mut self, op: OpId) -> Result<&mut Vertex, OpError> {
        let ops = self.vertices.len();
        self.vertices.get_mut(op.0 as usize).ok_or(OpError::UnknownOp { op: op.0, ops })
    }
}
