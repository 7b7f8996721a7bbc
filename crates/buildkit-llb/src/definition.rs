//! A definition: encoded ops in order, what is said about each, and where they were written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildkit_proto::{Message as _, pb};
use bytes::Bytes;

use crate::digest::DigestError;
use crate::loadable::{self, LoadProblem};
use crate::print::name;
use crate::source_map::{Location, Position, Range, SourceFile, SourceMap};
use crate::{Digest, Metadata};

/// What a daemon is asked to solve.
///
/// Made by [`Graph::definition`](crate::Graph::definition) or [`Definition::decode`]. One without ops stands
/// for scratch. Else the last op is the terminal one, which says what the result is and is not run. Displayed,
/// it is text with one paragraph per op.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    pub(crate) ops: Vec<EncodedOp>,
    pub(crate) metadata: BTreeMap<Digest, Arc<Metadata>>,
    pub(crate) source: SourceMap,
    /// What the terminal op names; `None` for scratch only.
    pub(crate) head: Option<(Digest, u32)>,
}

/// An op's bytes and their digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedOp {
    /// The sha256 of the bytes.
    pub digest: Digest,
    /// A message `pb.Op`.
    pub bytes: Bytes,
}

/// Why bytes are no definition that a daemon would load.
///
/// The rules are those of BuildKit v0.34 solver/llbsolver/vertex.go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The definition is no protobuf message.
    #[error("the definition is no message: {0}")]
    Message(#[source] buildkit_proto::DecodeError),
    /// An op is no protobuf message.
    #[error("op {op} of the definition is no message: {source}")]
    Op {
        /// Its position.
        op: usize,
        /// What is wrong with it.
        source: buildkit_proto::DecodeError,
    },
    /// An op twice.
    #[error("op {op} of the definition, {digest}, is there before")]
    Repeated {
        /// Its position.
        op: usize,
        /// Its digest.
        digest: Digest,
    },
    /// An input that names no op.
    #[error("an input of op {op}: {source}")]
    Input {
        /// The op's position.
        op: usize,
        /// What is wrong with it.
        source: DigestError,
    },
    /// An input that is not there.
    #[error("op {op} has an input that is not in the definition: {digest}")]
    MissingInput {
        /// The op's position.
        op: usize,
        /// What it refers to.
        digest: Digest,
    },
    /// An output number that cannot be.
    #[error("op {op} has an input with output {index}, which is no output number")]
    Output {
        /// The op's position.
        op: usize,
        /// The number.
        index: i64,
    },
    /// An op that a daemon does not take.
    #[error("op {op} of the definition, {name:?}, {problem}")]
    Unloadable {
        /// Its position.
        op: usize,
        /// What it would do.
        name: String,
        /// What is wrong with it.
        problem: LoadProblem,
    },
    /// A last op that is no terminal one.
    #[error(
        "the last op of the definition is no terminal op: it has {inputs} inputs instead of one and nothing else"
    )]
    Terminal {
        /// How many inputs it has.
        inputs: usize,
    },
    /// Metadata or locations under a key that names no op.
    #[error("a key of the definition: {0}")]
    Key(#[source] DigestError),
    /// A location in a file that is not there.
    #[error("op {digest} is located in file {file}, and there are {files}")]
    File {
        /// The op.
        digest: Digest,
        /// The file's number.
        file: i32,
        /// How many files there are.
        files: usize,
    },
}

impl EncodedOp {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { digest: Digest::of(&bytes), bytes }
    }
}

impl Definition {
    /// Whether this stands for an empty filesystem, which a daemon cannot solve.
    #[must_use]
    pub fn is_scratch(&self) -> bool {
        self.ops.is_empty()
    }

    /// All ops in order, the terminal one last.
    #[must_use]
    pub fn ops(&self) -> &[EncodedOp] {
        &self.ops
    }

    /// The digests of the ops that can run, in order: all but the terminal one's.
    pub fn digests(&self) -> impl DoubleEndedIterator<Item = Digest> + ExactSizeIterator {
        self.ops.iter().take(self.ops.len().saturating_sub(1)).map(|op| op.digest)
    }

    /// The terminal op.
    #[must_use]
    pub fn terminal(&self) -> Option<&EncodedOp> {
        self.ops.last()
    }

    /// What the terminal op names: an op and which of its outputs.
    #[must_use]
    pub fn head(&self) -> Option<(Digest, u32)> {
        self.head
    }

    /// What is said about each op, the terminal one included.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<Digest, Arc<Metadata>> {
        &self.metadata
    }

    /// Where the ops were written.
    #[must_use]
    pub fn source(&self) -> &SourceMap {
        &self.source
    }

    /// The capabilities that a daemon needs for any of the ops.
    #[must_use]
    pub fn caps(&self) -> BTreeSet<&str> {
        self.metadata.values().flat_map(|metadata| metadata.caps.iter()).collect()
    }

    /// The definition as a protobuf message, always the same bytes for an equal definition.
    ///
    /// This is what `buildctl build` reads from its standard input.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        if self.is_scratch() {
            return Vec::new();
        }
        let ops: usize = self.ops.iter().map(|op| op.bytes.len()).sum();
        let mut bytes = Vec::with_capacity(ops + self.ops.len() * 150);
        // A message is its fields one after the other, so one entry of a list is written at a time. A vector always
        // has room, which is all that could fail.
        let mut write = |part: pb::Definition| part.encode(&mut bytes).unwrap_or_default();
        for op in &self.ops {
            write(pb::Definition { def: vec![op.bytes.clone()], ..pb::Definition::default() });
        }
        for entry in self.metadata_entries() {
            write(pb::Definition { metadata: vec![entry], ..pb::Definition::default() });
        }
        write(pb::Definition { source: Some(self.source.to_pb()), ..pb::Definition::default() });
        bytes
    }

    /// Reads a definition, made by whomever. Ops are kept as they are, canonical or not.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::from_pb(pb::Definition::decode(bytes).map_err(DecodeError::Message)?)
    }

    /// The definition as a message of the wire.
    #[must_use]
    pub fn to_pb(&self) -> pb::Definition {
        if self.is_scratch() {
            return pb::Definition::default();
        }
        pb::Definition {
            def: self.ops.iter().map(|op| op.bytes.clone()).collect(),
            metadata: self.metadata_entries().collect(),
            source: Some(self.source.to_pb()),
        }
    }

    /// Digests are in the order of their texts.
    fn metadata_entries(&self) -> impl Iterator<Item = pb::definition::MetadataEntry> {
        self.metadata.iter().map(|(digest, metadata)| pb::definition::MetadataEntry {
            key: Some(digest.to_string()),
            value: Some(metadata.to_pb()),
        })
    }

    /// Reads a message of the wire, made by whomever. Ops are kept as they are, canonical or not.
    pub fn from_pb(definition: pb::Definition) -> Result<Self, DecodeError> {
        let ops: Vec<EncodedOp> = definition.def.into_iter().map(EncodedOp::new).collect();
        let mut metadata = BTreeMap::new();
        for entry in definition.metadata {
            let digest = entry.key.unwrap_or_default().parse().map_err(DecodeError::Key)?;
            metadata.insert(digest, Arc::new(Metadata::from_pb(entry.value.unwrap_or_default())));
        }
        let source = SourceMap::from_pb(definition.source.unwrap_or_default())?;
        let head = head_of(&ops)?;
        if ops.is_empty() {
            // Scratch, whatever is said beside: there is nothing that it could be said of.
            return Ok(Self::default());
        }
        Ok(Self { ops, metadata, source, head })
    }
}

/// Where in a definition each op is, by digest.
pub(crate) struct Positions(Vec<(Digest, usize)>);

impl Positions {
    pub(crate) fn new(ops: &[EncodedOp]) -> Self {
        let mut positions: Vec<_> = ops.iter().map(|op| op.digest).zip(0..).collect();
        positions.sort_unstable();
        Self(positions)
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<usize> {
        let found = self.0.binary_search_by_key(digest, |(digest, _)| *digest).ok()?;
        Some(self.0[found].1)
    }

    /// An op that is there before.
    fn repeated(&self) -> Option<(Digest, usize)> {
        let pairs = self.0.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        pairs.map(|pair| pair[1]).min_by_key(|(_, position)| *position)
    }
}

/// What the terminal op names. Checks on the way that all inputs are there, and that every op can be loaded.
fn head_of(ops: &[EncodedOp]) -> Result<Option<(Digest, u32)>, DecodeError> {
    let positions = Positions::new(ops);
    if let Some((digest, op)) = positions.repeated() {
        return Err(DecodeError::Repeated { op, digest });
    }
    let mut head = None;
    for (position, op) in ops.iter().enumerate() {
        let message =
            pb::Op::decode(op.bytes.clone()).map_err(|source| DecodeError::Op { op: position, source })?;
        let mut inputs = Vec::with_capacity(message.inputs.len());
        for input in &message.inputs {
            let digest = input
                .digest
                .parse()
                .map_err(|source| DecodeError::Input { op: position, source })?;
            if positions.get(&digest).is_none() {
                return Err(DecodeError::MissingInput { op: position, digest });
            }
            let index = u32::try_from(input.index)
                .map_err(|_| DecodeError::Output { op: position, index: input.index })?;
            inputs.push((digest, index));
        }
        if position + 1 == ops.len() {
            let (&[input], None) = (inputs.as_slice(), message.op) else {
                return Err(DecodeError::Terminal { inputs: inputs.len() });
            };
            head = Some(input);
        } else if let Err(problem) = loadable::check(&message) {
            return Err(DecodeError::Unloadable { op: position, name: name(message.op.as_ref()), problem });
        }
    }
    Ok(head)
}

impl SourceMap {
    fn to_pb(&self) -> pb::Source {
        let locations = self.locations.iter().map(|(digest, locations)| {
            let locations = locations.iter().map(Location::to_pb).collect();
            pb::source::LocationsEntry {
                key: Some(digest.to_string()),
                value: Some(pb::Locations { locations }),
            }
        });
        let infos = self.files.iter().map(|file| pb::SourceInfo {
            filename: file.filename.clone(),
            data: file.data.clone(),
            definition: file.definition.as_ref().map(Definition::to_pb),
            language: file.language.clone(),
        });
        pb::Source { locations: locations.collect(), infos: infos.collect() }
    }

    fn from_pb(source: pb::Source) -> Result<Self, DecodeError> {
        let mut files = Vec::with_capacity(source.infos.len());
        for info in source.infos {
            files.push(SourceFile {
                filename: info.filename,
                language: info.language,
                data: info.data,
                definition: info.definition.map(Definition::from_pb).transpose()?,
            });
        }
        let mut locations = BTreeMap::new();
        for entry in source.locations {
            let digest = entry.key.unwrap_or_default().parse().map_err(DecodeError::Key)?;
            let read = |location| Location::from_pb(location, digest, files.len());
            let found = entry.value.unwrap_or_default().locations.into_iter().map(read);
            locations.insert(digest, found.collect::<Result<_, _>>()?);
        }
        Ok(Self { files, locations })
    }
}

impl Location {
    fn to_pb(&self) -> pb::Location {
        let position = |at: Position| pb::Position { line: at.line, character: at.character };
        let ranges = self
            .ranges
            .iter()
            .map(|range| pb::Range { start: Some(position(range.start)), end: Some(position(range.end)) });
        pb::Location { source_index: i32::try_from(self.file).unwrap_or(i32::MAX), ranges: ranges.collect() }
    }

    fn from_pb(location: pb::Location, digest: Digest, files: usize) -> Result<Self, DecodeError> {
        let position = |at: Option<pb::Position>| {
            let at = at.unwrap_or_default();
            Position { line: at.line, character: at.character }
        };
        let file = usize::try_from(location.source_index).ok().filter(|&file| file < files);
        let file = file.ok_or(DecodeError::File { digest, file: location.source_index, files })?;
        let ranges = location.ranges.into_iter();
        let ranges = ranges.map(|range| Range { start: position(range.start), end: position(range.end) });
        Ok(Self { file, ranges: ranges.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ExecOp, Graph, ImageSource, LinuxResources, LocalIdentity, LocalSource, Platform, ProgressGroup,
    };

    /// A definition that has some of everything.
    fn full() -> Definition {
        let platform = Platform::new("linux", "amd64");
        let mut graph = Graph::new();
        let local = LocalSource::new("context", LocalIdentity::Unique(String::new()));
        let local = graph.add(local, Metadata::default()).unwrap();
        let image = ImageSource::new("busybox".parse().unwrap(), platform.clone());
        let image = graph.add(image, Metadata::default()).unwrap();
        let metadata = Metadata {
            ignore_cache: true,
            export_cache: Some(false),
            progress_group: Some(ProgressGroup { id: "g".to_owned(), ..ProgressGroup::default() }),
            linux_resources: Some(LinuxResources { memory: 1, ..LinuxResources::default() }),
            ..Metadata::named("name")
        };
        let mount = crate::Mount::bind("/src", Some(local.root()));
        let exec = ExecOp::new(Some(image.root()), ["x"], platform).with_mount(mount);
        let exec = graph.add(exec, metadata).unwrap();
        let file = graph.add_file(SourceFile {
            filename: "stages.rs".to_owned(),
            language: "Rust".to_owned(),
            data: Bytes::from_static(b"fn main() {}"),
            definition: Some(graph.definition(Some(local.root())).unwrap()),
        });
        graph.locate(exec, file, vec![Range::lines(1, 2), Range::default()]).unwrap();
        graph.definition(Some(exec.output(1))).unwrap()
    }

    /// The error that this change makes of a good definition.
    fn refused(change: impl FnOnce(&mut pb::Definition)) -> String {
        let mut message = full().to_pb();
        change(&mut message);
        Definition::from_pb(message).unwrap_err().to_string()
    }

    fn wire_op(inputs: Vec<pb::Input>) -> Bytes {
        pb::Op { inputs, ..pb::Op::default() }.encode_to_vec().into()
    }

    #[test]
    fn comes_back_from_its_bytes() {
        for definition in [full(), Definition::default()] {
            assert_eq!(Definition::decode(&definition.encode()).as_ref(), Ok(&definition));
            assert_eq!(definition.encode(), definition.to_pb().encode_to_vec());
        }
        assert!(Definition::default().encode().is_empty());
        assert_eq!(full().head().map(|(_, index)| index), Some(1));
        assert_eq!(full().digests().next_back(), full().head().map(|(digest, _)| digest));
    }

    #[test]
    fn asks_for_the_capabilities_of_all_its_ops() {
        let definition = full();
        let caps = definition.caps();
        for cap in ["source.local", "source.image", "exec.meta.base", "platform", "meta.exportcache"] {
            assert!(caps.contains(cap), "{cap}");
        }
    }

    #[test]
    fn what_a_daemon_would_not_load_is_refused() {
        let missing = Digest::of(b"missing");
        let input = |digest: Digest, index| pb::Input { digest: digest.to_string(), index };
        let first = full().ops[0].digest;
        for (error, expected) in [
            (
                refused(|def| def.def[0] = Bytes::from_static(&[0xff])),
                "op 0 of the definition is no message: ".to_owned(),
            ),
            (
                refused(|def| def.def[1] = def.def[0].clone()),
                format!("op 1 of the definition, {first}, is there before"),
            ),
            (
                refused(|def| def.def[1] = wire_op(vec![input(first, 0)])),
                "op 1 of the definition, \"nothing\", is of no kind that there is".to_owned(),
            ),
            (
                refused(|def| def.def[3] = wire_op(vec![input(missing, 0)])),
                format!("op 3 has an input that is not in the definition: {missing}"),
            ),
            (
                refused(|def| def.def[3] = wire_op(vec![input(first, -1)])),
                "op 3 has an input with output -1, which is no output number".to_owned(),
            ),
            (
                refused(|def| def.def[3] = wire_op(vec![pb::Input::default()])),
                "an input of op 3: digest \"\" is not sha256:".to_owned(),
            ),
            (
                refused(|def| def.def[3] = wire_op(vec![input(first, 0), input(first, 0)])),
                "the last op of the definition is no terminal op: it has 2 inputs".to_owned(),
            ),
            (
                refused(|def| def.def.truncate(1)),
                "the last op of the definition is no terminal op: it has 0 inputs".to_owned(),
            ),
            (
                refused(|def| def.metadata[0].key = Some("x".to_owned())),
                "a key of the definition: digest \"x\" is not sha256:".to_owned(),
            ),
            (
                refused(|def| def.source.as_mut().unwrap().infos.clear()),
                "is located in file 0, and there are 0".to_owned(),
            ),
        ] {
            assert!(error.contains(&expected), "{error}\nis not\n{expected}");
        }
    }

    #[test]
    fn what_is_said_of_no_op_is_not_kept() {
        let message = pb::Definition { def: Vec::new(), ..full().to_pb() };
        assert_eq!(Definition::from_pb(message), Ok(Definition::default()));
    }

    #[test]
    fn damaged_bytes_are_an_error_or_another_definition() {
        let bytes = full().encode();
        let check = |bytes: &[u8]| {
            if let Ok(definition) = Definition::decode(bytes) {
                let _ = definition.to_string();
                assert_eq!(Definition::decode(&definition.encode()), Ok(definition));
            }
        };
        for end in 0..bytes.len() {
            check(&bytes[..end]);
        }
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1 << (position % 8);
            check(&damaged);
        }
    }
}
