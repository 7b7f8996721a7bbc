//! One operation, whatever its kind, and the edges between operations.

use std::collections::BTreeMap;

use buildkit_proto::pb;

use crate::{
    BlobSource, BuildOp, DiffOp, ExecOp, FileOp, GitSource, HttpSource, ImageSource, LocalSource, MergeOp,
    OciLayoutSource, OpError, PassthroughOp, Platform,
};

/// An op in a [`Graph`](crate::Graph), by its position there. It means nothing to another graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub(crate) u32);

impl OpId {
    /// One of the op's filesystems.
    #[must_use]
    pub fn output(self, index: u32) -> Output {
        Output { op: self, index }
    }

    /// The op's first filesystem, the only one of most.
    #[must_use]
    pub fn root(self) -> Output {
        self.output(0)
    }
}

/// One filesystem that an op makes; an empty one, scratch, is `None` where an `Option` of this is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Output {
    /// The op.
    pub op: OpId,
    /// Which of its outputs, from zero.
    pub index: u32,
}

/// What is done, and which workers may do it. Made from any kind of op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// What is done.
    pub kind: OpKind,
    /// Worker filters in containerd's syntax, all of which must match; part of the digest.
    pub worker_filter: Vec<String>,
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// Takes an image from a registry.
    Image(ImageSource),
    /// Takes files from the client.
    Local(LocalSource),
    /// Takes files from a git repository.
    Git(Box<GitSource>),
    /// Takes a file from a web server.
    Http(Box<HttpSource>),
    /// Takes an image from an OCI layout of the client.
    OciLayout(OciLayoutSource),
    /// Takes a file from a registry or an OCI layout.
    Blob(BlobSource),
    /// Runs a process.
    Exec(Box<ExecOp>),
    /// Changes files.
    File(FileOp),
    /// Lays filesystems over each other.
    Merge(MergeOp),
    /// Takes the difference of two filesystems.
    Diff(DiffOp),
    /// Runs a build that an earlier op wrote.
    Build(BuildOp),
    /// Waits for more than it hands on.
    Passthrough(PassthroughOp),
}

impl Op {
    /// The same for workers that match these filters only.
    #[must_use]
    pub fn on_workers<S: Into<String>>(mut self, filter: impl IntoIterator<Item = S>) -> Self {
        self.worker_filter.extend(filter.into_iter().map(Into::into));
        self
    }

    pub(crate) fn is_exec(&self) -> bool {
        matches!(self.kind, OpKind::Exec(_))
    }

    pub(crate) fn body(&self) -> Result<Body, OpError> {
        match &self.kind {
            OpKind::Image(op) => op.body(),
            OpKind::Local(op) => op.body(),
            OpKind::Git(op) => op.body(),
            OpKind::Http(op) => op.body(),
            OpKind::OciLayout(op) => op.body(),
            OpKind::Blob(op) => op.body(),
            OpKind::Exec(op) => op.body(),
            OpKind::File(op) => op.body(),
            OpKind::Merge(op) => op.body(),
            OpKind::Diff(op) => op.body(),
            OpKind::Build(op) => Ok(op.body()),
            OpKind::Passthrough(op) => op.body(),
        }
    }
}

macro_rules! from_kinds {
    ($($op:ident => $kind:ident,)*) => {
        $(impl From<$op> for Op {
            fn from(op: $op) -> Self {
                // Some kinds are boxed, and a box comes from its content as well as from itself.
                Self { kind: OpKind::$kind(op.into()), worker_filter: Vec::new() }
            }
        })*
    };
}

from_kinds! {
    ImageSource => Image,
    LocalSource => Local,
    GitSource => Git,
    HttpSource => Http,
    OciLayoutSource => OciLayout,
    BlobSource => Blob,
    ExecOp => Exec,
    FileOp => File,
    MergeOp => Merge,
    DiffOp => Diff,
    BuildOp => Build,
    PassthroughOp => Passthrough,
}

/// An op as it goes on the wire, before the digests of its inputs are filled in.
pub(crate) struct Body {
    /// The inputs in the order in which the op's indices mean them.
    pub(crate) inputs: Vec<Output>,
    /// The inputs in the order in which the definition lists them, where that is another one.
    pub(crate) visits: Option<Vec<OpId>>,
    pub(crate) platform: Option<Platform>,
    pub(crate) op: pb::op::Op,
    /// How many outputs others can use.
    pub(crate) outputs: u32,
    pub(crate) caps: Vec<&'static str>,
}

/// The inputs of an op, each there once, in the order in which they are met.
#[derive(Default)]
pub(crate) struct Inputs {
    list: Vec<Output>,
    /// Where each is, once there are more than are looked through.
    positions: BTreeMap<Output, usize>,
}

impl Inputs {
    /// Most ops have one input or two, some generated ones have thousands.
    const LOOKED_THROUGH: usize = 16;

    pub(crate) fn position(&self, input: Output) -> Option<usize> {
        if self.list.len() <= Self::LOOKED_THROUGH {
            return self.list.iter().position(|&known| known == input);
        }
        self.positions.get(&input).copied()
    }

    /// Finds an input, or adds it.
    pub(crate) fn index_of(&mut self, input: Output) -> usize {
        self.position(input).unwrap_or_else(|| {
            self.list.push(input);
            let (count, start) = (self.list.len(), self.positions.len());
            if count > Self::LOOKED_THROUGH {
                self.positions.extend(self.list[start..].iter().copied().zip(start..));
            }
            count - 1
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn into_list(self) -> Vec<Output> {
        self.list
    }
}

/// The index on the wire; -1 for scratch.
pub(crate) fn wire_index(index: Option<usize>) -> i64 {
    index.map_or(-1, |index| i64::try_from(index).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_there_once_however_many_there_are() {
        let mut inputs = Inputs::default();
        for round in 0..2 {
            for op in 0..100 {
                let index = inputs.index_of(OpId(op).root());
                assert_eq!(index, op as usize, "round {round}");
            }
        }
        assert_eq!(inputs.position(OpId(100).root()), None);
        assert_eq!(inputs.into_list().len(), 100);
    }
}
