//! Filesystems laid over each other, without copying a file.

use buildkit_proto::pb;

use crate::op::{Body, wire_index};
use crate::{OpError, Output, caps};

/// The union of its inputs; where two have the same path, the later one's is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeOp {
    /// From the lowest to the uppermost; at least two. Scratch adds nothing: leave it out.
    pub inputs: Vec<Output>,
}

impl MergeOp {
    /// The union of these, from the lowest to the uppermost.
    #[must_use]
    pub fn new(inputs: impl IntoIterator<Item = Output>) -> Self {
        Self { inputs: inputs.into_iter().collect() }
    }

    pub(crate) fn body(&self) -> Result<Body, OpError> {
        let count = self.inputs.len();
        if count < 2 {
            return Err(OpError::MergeTooSmall { inputs: count });
        }
        let inputs = (0..count).map(|index| pb::MergeInput { input: wire_index(Some(index)) });
        Ok(Body {
            inputs: self.inputs.clone(),
            visits: None,
            platform: None,
            op: pb::op::Op::Merge(pb::MergeOp { inputs: inputs.collect() }),
            outputs: 1,
            caps: vec![caps::MERGE_OP],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpId;

    #[test]
    fn fewer_than_two_inputs_are_refused() {
        for inputs in 0..2 {
            let op = MergeOp::new(vec![OpId(0).root(); inputs]);
            assert_eq!(op.body().err(), Some(OpError::MergeTooSmall { inputs }));
        }
        assert!(MergeOp::new([OpId(0).root(); 2]).body().is_ok());
    }
}
