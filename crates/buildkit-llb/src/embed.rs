//! Definitions of others as part of a graph.
//!
//! As BuildKit v0.34 client/llb/definition.go does it: bytes are taken as they are, canonical or not, since their digest
//! is what the other side knows them by.

use buildkit_proto::{Message as _, pb};

use crate::graph::Graph;
use crate::source_map::FileId;
use crate::{Definition, Digest, OpError, OpId, Output};

impl Graph {
    /// Adds all ops of a definition with what is said about them, and gives what it is of: `None` for scratch.
    ///
    /// Ops are kept byte for byte, and can be inputs of other ops. Those that are there already are not added
    /// again: their metadata is merged, as by [`Graph::add`]. An op's inputs are listed in the order of its bytes.
    pub fn embed(&mut self, definition: &Definition) -> Result<Option<Output>, OpError> {
        let Some((head, index)) = definition.head() else {
            return Ok(None);
        };
        let files: Vec<FileId> = definition
            .source()
            .files
            .iter()
            .map(|file| self.add_file(file.clone()))
            .collect();
        for position in order(definition)? {
            let op = &definition.ops()[position];
            let message = message_of(definition, position)?;
            let mut inputs = Vec::with_capacity(message.inputs.len());
            for input in &message.inputs {
                inputs.push(self.embedded(&input.digest)?);
            }
            let metadata = definition.metadata().get(&op.digest).map(|metadata| metadata.as_ref().clone());
            let outputs = outputs_of(&message);
            let id = self.insert(op.clone(), inputs, outputs, metadata.unwrap_or_default())?;
            for location in definition.source().locations.get(&op.digest).into_iter().flatten() {
                self.locate(id, files[location.file], location.ranges.clone())?;
            }
        }
        Ok(Some(self.embedded(&head.to_string())?.output(index)))
    }

    /// The op of this digest, which has been added before.
    fn embedded(&self, digest: &str) -> Result<OpId, OpError> {
        let known = digest.parse::<Digest>().ok().and_then(|digest| self.find(digest));
        known.ok_or_else(|| OpError::NotEmbedded { digest: digest.to_owned() })
    }
}

/// The positions of all ops but the terminal one, inputs first, whatever the definition's own order is.
fn order(definition: &Definition) -> Result<Vec<usize>, OpError> {
    let count = definition.digests().len();
    let positions = crate::definition::Positions::new(definition.ops());
    let mut inputs = Vec::with_capacity(count);
    for position in 0..count {
        let message = message_of(definition, position)?;
        let digests = message.inputs.iter().filter_map(|input| input.digest.parse().ok());
        inputs.push(digests.filter_map(|digest: Digest| positions.get(&digest)).collect::<Vec<_>>());
    }
    let mut order = Vec::with_capacity(count);
    let mut entered = vec![false; count];
    for start in 0..count {
        // Each op with the number of its inputs that are done. No op can be its own input: that would be in its digest.
        let mut path = Vec::new();
        if !std::mem::replace(&mut entered[start], true) {
            path.push((start, 0));
        }
        while let Some((position, done)) = path.last_mut() {
            let Some(&input) = inputs[*position].get(*done) else {
                order.push(*position);
                path.pop();
                continue;
            };
            *done += 1;
            if input < count && !std::mem::replace(&mut entered[input], true) {
                path.push((input, 0));
            }
        }
    }
    Ok(order)
}

fn message_of(definition: &Definition, position: usize) -> Result<pb::Op, OpError> {
    let op = &definition.ops()[position];
    // It was decoded when the definition was, or encoded here.
    pb::Op::decode(op.bytes.clone()).map_err(|_| OpError::NotEmbedded { digest: op.digest.to_string() })
}

/// How many outputs an op has. Whoever made it may use one that is not there, as long as it is scratch.
fn outputs_of(message: &pb::Op) -> u32 {
    let highest = match &message.op {
        Some(pb::op::Op::Exec(exec)) => exec.mounts.iter().map(|mount| mount.output).max(),
        Some(pb::op::Op::File(file)) => file.actions.iter().map(|action| action.output).max(),
        Some(pb::op::Op::Passthrough(passthrough)) => {
            i64::try_from(passthrough.outputs.len()).ok().map(|n| n - 1)
        }
        _ => Some(0),
    };
    highest.and_then(|index| u32::try_from(index + 1).ok()).unwrap_or_default()
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
}
