//! What one filesystem has and another has not.

use buildkit_proto::pb;

use crate::op::{Body, wire_index};
use crate::{OpError, Output, caps};

/// The changes that lead from the lower filesystem to the upper one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiffOp {
    /// Before; `None` for scratch.
    pub lower: Option<Output>,
    /// After; `None` for scratch.
    pub upper: Option<Output>,
}

impl DiffOp {
    pub(crate) fn body(&self) -> Result<Body, OpError> {
        if self.lower.is_none() && self.upper.is_none() {
            return Err(OpError::DiffOfNothing);
        }
        let upper_index = usize::from(self.lower.is_some());
        let op = pb::DiffOp {
            lower: Some(pb::LowerDiffInput { input: wire_index(self.lower.map(|_| 0)) }),
            upper: Some(pb::UpperDiffInput { input: wire_index(self.upper.map(|_| upper_index)) }),
        };
        Ok(Body {
            inputs: self.lower.into_iter().chain(self.upper).collect(),
            visits: None,
            platform: None,
            op: pb::op::Op::Diff(op),
            outputs: 1,
            caps: vec![caps::DIFF_OP],
        })
    }
}
