//! A build within a build.
//!
//! Wire form as in BuildKit v0.34 client/llb/llbbuild.

use buildkit_proto::pb;

use crate::op::{Body, wire_index};
use crate::{Output, Platform, caps};

/// The input under which the only builder there is looks for its definition.
const DEFINITION: &str = "buildkit.llb.definition";

/// Runs the definition that a file holds, which earlier ops can have written. Its result is the op's only output.
///
/// The file is what [`Definition::encode`](crate::Definition::encode) gives, of at most 16 MiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOp {
    /// The filesystem with the file.
    pub input: Output,
    /// The file's path there; empty for `buildkit.llb.definition`.
    pub filename: String,
    /// Of the op itself; the ops of the definition have their own.
    pub platform: Platform,
}

impl BuildOp {
    /// The definition in the file `buildkit.llb.definition` of this filesystem.
    #[must_use]
    pub fn new(input: Output, platform: Platform) -> Self {
        Self { input, filename: String::new(), platform }
    }

    pub(crate) fn body(&self) -> Body {
        let input = pb::BuildInput { input: wire_index(Some(0)) };
        let filename = (!self.filename.is_empty()).then(|| pb::build_op::AttrsEntry {
            key: Some("llbbuild.filename".to_owned()),
            value: Some(self.filename.clone()),
        });
        let op = pb::BuildOp {
            // The only builder.
            builder: -1,
            inputs: vec![pb::build_op::InputsEntry { key: Some(DEFINITION.to_owned()), value: Some(input) }],
            attrs: filename.into_iter().collect(),
            ..pb::BuildOp::default()
        };
        Body {
            inputs: vec![self.input],
            visits: None,
            platform: Some(self.platform.clone()),
            op: pb::op::Op::Build(op),
            outputs: 1,
            caps: vec![caps::SOURCE_BUILD_OP_LLB_FILE_NAME],
        }
    }
}
