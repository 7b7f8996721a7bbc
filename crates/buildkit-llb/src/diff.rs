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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpId;

    #[test]
    fn scratch_on_one_side_has_no_input() {
        let input = Some(OpId(0).root());
        for (lower, upper, expected) in
            [(input, input, (0, 1)), (input, None, (0, -1)), (None, input, (-1, 0))]
        {
            let body = DiffOp { lower, upper }.body().unwrap();
            let pb::op::Op::Diff(diff) = body.op else { panic!("a diff op") };
            let indices = (diff.lower.unwrap().input, diff.upper.unwrap().input);
            assert_eq!(indices, expected);
            assert_eq!(body.inputs.len(), lower.iter().chain(&upper).count());
        }
        assert_eq!(DiffOp::default().body().err(), Some(OpError::DiffOfNothing));
    }
}
