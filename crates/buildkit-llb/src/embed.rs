//! Definitions of others as part of a graph.
//!
//! As BuildKit v0.34 client/llb/definition.go does it: bytes are taken as they are, canonical or not, since their digest
//! is what the other side knows them by.

use buildkit_proto::{Message as _, pb};

use crate::definition::{EncodedOp, Positions};
use crate::graph::Graph;
use crate::source_map::FileId;
use crate::{Definition, Digest, OpError, OpId, Output};

impl Graph {
    /// Adds all ops of a definition with what is said about them, and gives what it is of: `None` for scratch.
    ///
    /// Ops are kept byte for byte, and can be inputs of other ops. Those that are there already are not added
    /// again: their metadata is merged, as by [`Graph::add`]. An op's inputs are listed in the order of its bytes.
    /// An error changes nothing.
    pub fn embed(&mut self, definition: &Definition) -> Result<Option<Output>, OpError> {
        let Some((head, index)) = definition.head() else {
            return Ok(None);
        };
        let shapes = shapes(definition)?;
        self.check_room(definition.digests().filter(|&digest| self.find(digest).is_none()).count())?;
        let files = definition.source().files.iter();
        let files: Vec<FileId> = files.map(|file| self.add_file(file.clone())).collect();
        for position in order(&shapes) {
            let (op, shape) = (&definition.ops()[position], &shapes[position]);
            let inputs = shape.inputs.iter().map(|&input| self.embedded(definition.ops()[input].digest));
            let inputs = inputs.collect::<Result<_, _>>()?;
            let metadata = definition.metadata().get(&op.digest).map(|metadata| metadata.as_ref().clone());
            let id = self.insert(op.clone(), inputs, shape.outputs, metadata.unwrap_or_default())?;
            for location in definition.source().locations.get(&op.digest).into_iter().flatten() {
                self.locate(id, files[location.file], location.ranges.clone())?;
            }
        }
        Ok(Some(self.embedded(head)?.output(index)))
    }

    /// The op of this digest, which has been added before.
    fn embedded(&self, digest: Digest) -> Result<OpId, OpError> {
        self.find(digest)
            .ok_or_else(|| OpError::NotEmbedded { digest: digest.to_string() })
    }
}

/// What a graph knows of an op beside its bytes.
struct Shape {
    /// The positions of its inputs in the definition.
    inputs: Vec<usize>,
    outputs: u32,
}

/// The shapes of all ops but the terminal one, which none of them can have as input, nor be it.
fn shapes(definition: &Definition) -> Result<Vec<Shape>, OpError> {
    let count = definition.digests().len();
    let positions = Positions::new(definition.ops());
    let position_of = |digest: &str| {
        let position = digest.parse().ok().and_then(|digest| positions.get(&digest));
        let found = position.filter(|&position| position < count);
        found.ok_or_else(|| OpError::NotEmbedded { digest: digest.to_owned() })
    };
    let shape = |op: &EncodedOp| {
        // It was decoded when the definition was, or encoded here.
        let message = pb::Op::decode(op.bytes.clone());
        let message = message.map_err(|_| OpError::NotEmbedded { digest: op.digest.to_string() })?;
        let inputs = message.inputs.iter().map(|input| position_of(&input.digest));
        Ok(Shape { inputs: inputs.collect::<Result<_, _>>()?, outputs: outputs_of(&message) })
    };
    definition.ops()[..count].iter().map(shape).collect()
}

/// The positions of all ops, inputs first, whatever the definition's own order is.
fn order(shapes: &[Shape]) -> Vec<usize> {
    let mut order = Vec::with_capacity(shapes.len());
    let mut entered = vec![false; shapes.len()];
    for start in 0..shapes.len() {
        // Each op with the number of its inputs that are done. No op can be its own input: that would be in its digest.
        let mut path = Vec::new();
        if !std::mem::replace(&mut entered[start], true) {
            path.push((start, 0));
        }
        while let Some((position, done)) = path.last_mut() {
            let Some(&input) = shapes[*position].inputs.get(*done) else {
                order.push(*position);
                path.pop();
                continue;
            };
            *done += 1;
            if !std::mem::replace(&mut entered[input], true) {
                path.push((input, 0));
            }
        }
    }
    order
}

/// How many outputs an op has. Whoever made it may use one that is not there, as long as it is scratch.
fn outputs_of(message: &pb::Op) -> u32 {
    let highest = match &message.op {
        Some(pb::op::Op::Exec(exec)) => exec.mounts.iter().map(|mount| mount.output).max(),
        Some(pb::op::Op::File(file)) => file.actions.iter().map(|action| action.output).max(),
        Some(pb::op::Op::Passthrough(passthrough)) => {
            return u32::try_from(passthrough.outputs.len()).unwrap_or(u32::MAX);
        }
        _ => Some(0),
    };
    // Numbers that leave no room for one more were refused when the definition was read.
    let highest = highest.and_then(|index| u32::try_from(index).ok());
    highest.map_or(0, |index| index.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ExecOp, FileOp, ImageSource, Metadata, MkdirAction, Mount, Platform, Range, SourceFile};

    fn platform() -> Platform {
        Platform::new("linux", "amd64")
    }

    /// A definition with two outputs, metadata and a location.
    fn other() -> (Definition, Definition) {
        let mut graph = Graph::new();
        let image = ImageSource::new("busybox".parse().unwrap(), platform());
        let image = graph.add(image, Metadata::named("base")).unwrap();
        let exec = ExecOp::new(Some(image.root()), ["x"], platform()).with_mount(Mount::bind("/out", None));
        let exec = graph.add(exec, Metadata { ignore_cache: true, ..Metadata::default() }).unwrap();
        let file = graph.add_file(SourceFile { filename: "f".to_owned(), ..SourceFile::default() });
        graph.locate(exec, file, vec![Range::lines(1, 2)]).unwrap();
        let definition = |output| graph.definition(Some(output)).unwrap();
        (definition(exec.root()), definition(exec.output(1)))
    }

    #[test]
    fn a_definition_comes_out_as_it_went_in() {
        let (root, out) = other();
        let mut graph = Graph::new();
        let embedded = graph.embed(&root).unwrap();
        assert_eq!(graph.definition(embedded), Ok(root));
        let again = graph.embed(&out).unwrap();
        assert_eq!(graph.definition(again), Ok(out));
        assert_eq!(graph.len(), 2, "equal ops are there once");
        assert_eq!(graph.embed(&Definition::default()), Ok(None));
    }

    #[test]
    fn bytes_that_are_not_canonical_stay() {
        let (root, _) = other();
        let mut message = root.to_pb();
        message.def.truncate(1);
        message.metadata.clear();
        // The fields of the first op in another order, and the terminal op for it.
        let op = pb::Op::decode(message.def[0].clone()).unwrap();
        let what = pb::Op { op: op.op.clone(), ..pb::Op::default() }.encode_to_vec();
        let rest = pb::Op { op: None, ..op }.encode_to_vec();
        let bytes: Vec<u8> = what.into_iter().chain(rest).collect();
        let digest = Digest::of(&bytes);
        let input = pb::Input { digest: digest.to_string(), index: 0 };
        let terminal = pb::Op { inputs: vec![input], ..pb::Op::default() }.encode_to_vec();
        message.def = vec![bytes.into(), terminal.into()];
        message.source = None;
        let definition = Definition::from_pb(message).unwrap();
        assert_ne!(root.ops()[0].digest, digest);

        let mut graph = Graph::new();
        let base = graph.embed(&definition).unwrap();
        let file = FileOp::chain(base, [MkdirAction::new("/d", 0o755)]);
        let file = graph.add(file, Metadata::default()).unwrap();
        let after = graph.definition(Some(file.root())).unwrap();
        assert_eq!(after.ops()[0], definition.ops()[0]);
    }

    #[test]
    fn ops_can_be_listed_in_any_order() {
        let (root, _) = other();
        let mut message = root.to_pb();
        message.def.swap(0, 1);
        let swapped = Definition::from_pb(message).unwrap();
        let mut graph = Graph::new();
        let embedded = graph.embed(&swapped).unwrap();
        assert_eq!(graph.definition(embedded), Ok(root), "inputs first again");
    }

    #[test]
    fn an_error_changes_nothing() {
        let (root, _) = other();
        let mut message = root.to_pb();
        // Nothing that is done is of this op, whose input is the terminal one.
        let terminal = message.def.pop().unwrap();
        let input = pb::Input { digest: Digest::of(&terminal).to_string(), index: 0 };
        let merge = pb::MergeOp { inputs: vec![pb::MergeInput { input: 0 }] };
        let op =
            pb::Op { inputs: vec![input.clone()], op: Some(pb::op::Op::Merge(merge)), ..pb::Op::default() };
        message.def.extend([op.encode_to_vec().into(), terminal]);
        let definition = Definition::from_pb(message).unwrap();
        let mut graph = Graph::new();
        assert_eq!(graph.embed(&definition), Err(OpError::NotEmbedded { digest: input.digest }));
        assert!(graph.is_empty());
        assert_eq!(graph.add_file(SourceFile::default()), FileId(0), "no file is there either");
    }

    #[test]
    fn the_highest_output_is_counted() {
        let embedded = |output| {
            let mount = pb::Mount { dest: "/".to_owned(), input: -1, output, ..pb::Mount::default() };
            let meta = pb::Meta { args: vec!["x".to_owned()], ..pb::Meta::default() };
            let exec = pb::ExecOp { meta: Some(meta), mounts: vec![mount], ..pb::ExecOp::default() };
            let op = pb::Op { op: Some(pb::op::Op::Exec(exec)), ..pb::Op::default() }.encode_to_vec();
            let input = pb::Input { digest: Digest::of(&op).to_string(), index: output };
            let terminal = pb::Op { inputs: vec![input], ..pb::Op::default() }.encode_to_vec();
            let def = vec![op.into(), terminal.into()];
            let definition = Definition::from_pb(pb::Definition { def, ..pb::Definition::default() });
            let mut graph = Graph::new();
            let embedded = graph.embed(&definition.ok()?).unwrap();
            Some(graph.definition(embedded).unwrap().head()?.1)
        };
        let last = i64::from(u32::MAX) - 1;
        assert_eq!(embedded(last), Some(u32::MAX - 1));
        assert_eq!(embedded(last + 1), None);
        assert_eq!(embedded(i64::MAX), None);
    }
}
