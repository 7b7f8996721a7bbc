//! The graph: ops with their inputs before them, each one there once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::definition::EncodedOp;
use crate::index::DigestIndex;
use crate::source_map::{FileId, Location, Range, SourceFile, SourceMap};
use crate::{CapSet, Definition, Digest, Metadata, Op, OpError, OpId, Output, caps, encode, print};

/// An arena of ops.
///
/// An op is validated and encoded when it is added; its inputs are there already, so its digest is known at
/// once. Nothing here recurses, so the depth of a graph is limited by memory alone.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    vertices: Vec<Vertex>,
    by_digest: DigestIndex,
    files: Vec<SourceFile>,
}

#[derive(Clone, Debug)]
struct Vertex {
    op: EncodedOp,
    /// In the order in which a definition lists them; with repetitions.
    inputs: Vec<OpId>,
    outputs: u32,
    /// Shared with the definitions made of it.
    metadata: Arc<Metadata>,
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
        let mut body = op.body()?;
        let mut digests = Vec::with_capacity(body.inputs.len());
        let name = || print::name(Some(&body.op));
        for &input in &body.inputs {
            let digest = self.output_digest(input);
            digests
                .push(digest.map_err(|problem| OpError::Input { op: name(), problem: Box::new(problem) })?);
        }
        if let Some(cap) = caps::REFUSED.into_iter().find(|cap| metadata.caps.contains(cap)) {
            return Err(OpError::UnknownCap { op: name(), cap: cap.to_owned() });
        }
        metadata.caps.extend(body.caps.iter().copied());
        if op.is_exec() && metadata.linux_resources.is_some() {
            metadata.caps.insert(caps::EXEC_META_LINUX_RESOURCES);
        }
        let outputs = body.outputs;
        let inputs = match body.visits.take() {
            Some(visits) => visits,
            None => body.inputs.iter().map(|input| input.op).collect(),
        };
        let op = EncodedOp::new(encode::op(body, &digests, &op.worker_filter));
        self.insert(op, inputs, outputs, metadata)
    }

    /// Adds an op that is encoded already, or finds it and merges its metadata.
    pub(crate) fn insert(
        &mut self,
        op: EncodedOp,
        inputs: Vec<OpId>,
        outputs: u32,
        metadata: Metadata,
    ) -> Result<OpId, OpError> {
        if let Some(id) = self.find(op.digest) {
            Arc::make_mut(&mut self.vertex_mut(id)?.metadata).merge(metadata);
            return Ok(id);
        }
        // The last number is not given away, so that there is one more than any position.
        let id = u32::try_from(self.vertices.len()).ok().filter(|&id| id < u32::MAX);
        let id = OpId(id.ok_or(OpError::TooManyOps)?);
        let metadata = Arc::new(metadata);
        self.vertices
            .push(Vertex { op, inputs, outputs, metadata, locations: Vec::new() });
        let vertices = &self.vertices;
        self.by_digest.push(|position| vertices[position as usize].op.digest);
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
        self.vertex(op).map(|vertex| vertex.metadata.as_ref())
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
        let mut metadata_by_digest = Vec::new();
        let mut terminal =
            Metadata { caps: CapSet::from_iter([caps::CONSTRAINTS, caps::PLATFORM]), ..Metadata::default() };
        for id in self.post_order(target.op) {
            let vertex = self.vertex(id)?;
            let metadata = &vertex.metadata;
            for (used, cap) in [
                (metadata.ignore_cache, caps::META_IGNORE_CACHE),
                (!metadata.description.is_empty(), caps::META_DESCRIPTION),
                (metadata.export_cache.is_some(), caps::META_EXPORT_CACHE),
            ] {
                if used {
                    terminal.caps.insert(cap);
                }
            }
            self.add_locations(vertex, &mut definition.source, &mut files);
            metadata_by_digest.push((vertex.op.digest, metadata.clone()));
            definition.ops.push(vertex.op.clone());
        }
        definition.head = Some((target_digest, target.index));
        let op = EncodedOp::new(encode::terminal(target_digest, target.index));
        metadata_by_digest.push((op.digest, Arc::new(terminal)));
        definition.metadata = metadata_by_digest.into_iter().collect();
        definition.ops.push(op);
        Ok(definition)
    }

    /// The op of this digest.
    pub(crate) fn find(&self, digest: Digest) -> Option<OpId> {
        let digest_of = |position: u32| self.vertices[position as usize].op.digest;
        self.by_digest.find(digest, digest_of).map(OpId)
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

    /// Whether this many ops can be inserted.
    pub(crate) fn check_room(&self, ops: usize) -> Result<(), OpError> {
        match self.vertices.len().checked_add(ops).map(u32::try_from) {
            Some(Ok(_)) => Ok(()),
            _ => Err(OpError::TooManyOps),
        }
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
        self.vertices
            .get(op.0 as usize)
            .ok_or(OpError::UnknownOp { op: op.0, ops: self.vertices.len() })
    }

    fn vertex_mut(&mut self, op: OpId) -> Result<&mut Vertex, OpError> {
        let ops = self.vertices.len();
        self.vertices.get_mut(op.0 as usize).ok_or(OpError::UnknownOp { op: op.0, ops })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CopyAction, ExecOp, FileOp, ImageSource, LinuxResources, MergeOp, Mount, Platform};

    fn platform() -> Platform {
        Platform::new("linux", "amd64")
    }

    fn image(name: &str) -> ImageSource {
        ImageSource::new(name.parse().unwrap(), platform())
    }

    fn exec(base: Option<Output>, arg: &str) -> ExecOp {
        ExecOp::new(base, [arg], platform())
    }

    fn plain(graph: &mut Graph, op: impl Into<Op>) -> OpId {
        graph.add(op, Metadata::default()).unwrap()
    }

    #[test]
    fn an_equal_op_is_there_once_and_its_metadata_is_merged() {
        let mut graph = Graph::new();
        let first = graph.add(image("a"), Metadata::named("first").described("k", "1")).unwrap();
        let again = Metadata { ignore_cache: true, ..Metadata::named("again") };
        assert_eq!(graph.add(image("docker.io/library/a:latest"), again), Ok(first));
        let other = plain(&mut graph, image("b"));
        assert_ne!(other, first);
        assert_eq!(graph.len(), 2);

        let metadata = graph.metadata(first).unwrap();
        assert_eq!(metadata.custom_name(), Some("again"));
        assert_eq!(metadata.description["k"], "1");
        assert!(metadata.ignore_cache);
        assert!(metadata.caps.contains(caps::SOURCE_IMAGE));
        assert_eq!(graph.metadata(other).unwrap().custom_name(), None);
    }

    #[test]
    fn metadata_and_locations_do_not_change_the_digest() {
        let (mut one, mut two) = (Graph::new(), Graph::new());
        let in_one = plain(&mut one, image("a"));
        let in_two = two.add(image("a"), Metadata::named("name")).unwrap();
        let file = two.add_file(SourceFile::default());
        two.locate(in_two, file, Vec::new()).unwrap();
        assert_eq!(one.digest(in_one), two.digest(in_two));
    }

    #[test]
    fn worker_filters_change_the_digest() {
        let mut graph = Graph::new();
        let anywhere = plain(&mut graph, image("a"));
        let somewhere = plain(&mut graph, Op::from(image("a")).on_workers(["label==1"]));
        assert_ne!(graph.digest(anywhere), graph.digest(somewhere));
    }

    #[test]
    fn limits_need_a_capability_of_execs_alone() {
        let mut graph = Graph::new();
        let limits = Metadata { linux_resources: Some(LinuxResources::default()), ..Metadata::default() };
        let base = graph.add(image("a"), limits.clone()).unwrap();
        let run = graph.add(exec(Some(base.root()), "x"), limits).unwrap();
        let has = |op| graph.metadata(op).unwrap().caps.contains(caps::EXEC_META_LINUX_RESOURCES);
        assert_eq!((has(base), has(run)), (false, true));
    }

    #[test]
    fn what_another_graph_has_is_refused() {
        let mut graph = Graph::new();
        let base = plain(&mut graph, image("a"));
        let stranger = OpId(7);
        let unknown = OpError::UnknownOp { op: 7, ops: 1 };
        let error = OpError::Input { op: "exec x".to_owned(), problem: Box::new(unknown.clone()) };
        assert_eq!(graph.add(exec(Some(stranger.root()), "x"), Metadata::default()), Err(error));
        assert_eq!(graph.digest(stranger), Err(unknown.clone()));
        assert_eq!(graph.metadata(stranger), Err(unknown.clone()));
        assert_eq!(graph.definition(Some(stranger.root())), Err(unknown.clone()));
        let file = graph.add_file(SourceFile::default());
        assert_eq!(graph.locate(stranger, file, Vec::new()), Err(unknown));
        let unknown = OpError::UnknownFile { file: 1, files: 1 };
        assert_eq!(graph.locate(base, FileId(1), Vec::new()), Err(unknown));
        assert_eq!(graph.len(), 1);
    }

    #[test]
    fn capabilities_that_fail_every_build_are_refused() {
        let mut graph = Graph::new();
        for cap in caps::REFUSED {
            let metadata = Metadata { caps: CapSet::from_iter([cap]), ..Metadata::default() };
            let error = graph.add(exec(None, "x"), metadata).unwrap_err().to_string();
            assert_eq!(error, format!("\"exec x\" needs the capability {cap:?}, which no daemon grants"));
        }
    }

    #[test]
    fn outputs_that_do_not_exist_are_refused() {
        let mut graph = Graph::new();
        let base = plain(&mut graph, image("a"));
        let error = OpError::UnknownOutput { op: 0, index: 1, outputs: 1 };
        assert_eq!(graph.definition(Some(base.output(1))), Err(error));

        let mut op = exec(Some(base.root()), "x");
        op.mounts[0].readonly = true;
        let none = plain(&mut graph, op.clone());
        let error = OpError::UnknownOutput { op: 1, index: 0, outputs: 0 };
        assert_eq!(graph.definition(Some(none.root())), Err(error));

        let one = plain(&mut graph, op.with_mount(Mount::bind("/out", None)));
        assert!(graph.definition(Some(one.root())).is_ok());
    }

    #[test]
    fn a_definition_has_what_its_target_needs() {
        let mut graph = Graph::new();
        let base = plain(&mut graph, image("a")).root();
        let left = plain(&mut graph, exec(Some(base), "left")).root();
        let aside = graph.add(exec(Some(base), "aside"), Metadata::named("aside")).unwrap();
        let right = plain(&mut graph, exec(Some(base), "right")).root();
        let both = plain(&mut graph, MergeOp::new([right, left]));

        let definition = graph.definition(Some(both.root())).unwrap();
        let digests: Vec<Digest> = definition.digests().collect();
        let expected = [base.op, right.op, left.op, both].map(|op| graph.digest(op).unwrap());
        assert_eq!(digests, expected, "inputs first, in the order of the op");
        assert_eq!(definition.head(), Some((expected[3], 0)));
        assert!(!definition.metadata().contains_key(&graph.digest(aside).unwrap()));
        let terminal = &definition.metadata()[&definition.terminal().unwrap().digest];
        assert_eq!(Vec::from_iter(terminal.caps.iter()), ["constraints", "platform"]);
        assert_eq!(graph.definition(None), Ok(Definition::default()));
    }

    #[test]
    fn the_terminal_op_needs_what_any_metadata_needs() {
        let check = |metadata: Metadata, cap: &str| {
            let mut graph = Graph::new();
            let base = graph.add(image("a"), metadata).unwrap();
            let top = plain(&mut graph, exec(Some(base.root()), "x"));
            let definition = graph.definition(Some(top.root())).unwrap();
            let terminal = &definition.metadata()[&definition.terminal().unwrap().digest];
            assert_eq!(Vec::from_iter(terminal.caps.iter()), ["constraints", cap, "platform"]);
        };
        check(Metadata::named("x"), "meta.description");
        check(Metadata { ignore_cache: true, ..Metadata::default() }, "meta.ignorecache");
        check(Metadata { export_cache: Some(false), ..Metadata::default() }, "meta.exportcache");
    }

    #[test]
    fn locations_are_united_and_their_files_numbered_by_first_use() {
        let mut graph = Graph::new();
        let file = |name: &str| SourceFile { filename: name.to_owned(), ..SourceFile::default() };
        let unused = graph.add_file(file("unused"));
        let late = graph.add_file(file("late"));
        let early = graph.add_file(file("early"));
        assert_eq!(graph.add_file(file("late")), late);

        let base = plain(&mut graph, image("a"));
        let top = plain(&mut graph, exec(Some(base.root()), "x"));
        let aside = plain(&mut graph, image("b"));
        graph.locate(aside, unused, Vec::new()).unwrap();
        graph.locate(top, late, vec![Range::lines(1, 1)]).unwrap();
        graph.locate(top, late, vec![Range::lines(1, 1)]).unwrap();
        graph.locate(top, early, vec![Range::lines(2, 3)]).unwrap();
        graph.locate(base, early, vec![Range::lines(4, 4)]).unwrap();

        let definition = graph.definition(Some(top.root())).unwrap();
        let names: Vec<&str> = definition.source().files.iter().map(|file| file.filename.as_str()).collect();
        assert_eq!(names, ["early", "late"]);
        let at = |op: OpId| &definition.source().locations[&graph.digest(op).unwrap()];
        let location = |file, first, last| Location { file, ranges: vec![Range::lines(first, last)] };
        assert_eq!(at(base), &[location(0, 4, 4)]);
        assert_eq!(at(top), &[location(1, 1, 1), location(0, 2, 3)]);
    }

    /// Builds, orders, encodes, decodes, prints, embeds and drops a graph of a depth that would overflow any recursion.
    #[test]
    fn depth_needs_no_stack() {
        let deep = || {
            let mut graph = Graph::new();
            let mut top = plain(&mut graph, image("a")).root();
            for step in 0..20_000 {
                top = plain(&mut graph, exec(Some(top), &step.to_string())).root();
            }
            let actions = (0..5_000).map(|step| CopyAction::new(top, "/a", format!("/{step}")));
            let top = plain(&mut graph, FileOp::chain(Some(top), actions)).root();
            let definition = graph.definition(Some(top)).unwrap();
            drop(graph);
            assert_eq!(definition.digests().len(), 20_002);
            assert_eq!(Definition::decode(&definition.encode()).as_ref(), Ok(&definition));
            assert_eq!(definition.to_string().lines().filter(|line| line.starts_with('#')).count(), 20_002);
            let mut graph = Graph::new();
            let embedded = graph.embed(&definition).unwrap();
            assert_eq!(graph.definition(embedded), Ok(definition));
        };
        std::thread::Builder::new()
            .stack_size(256 * 1024)
            .spawn(deep)
            .unwrap()
            .join()
            .unwrap();
    }
}
