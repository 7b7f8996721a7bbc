//! Some of its inputs, once all of them are there.

use buildkit_proto::pb;

use crate::op::{Body, wire_index};
use crate::{OpError, Output, caps};

/// Hands inputs on unchanged, but waits for all of them: what is not handed on is a condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassthroughOp {
    /// Says which passthrough this is; part of its digest.
    pub id: String,
    /// What must have succeeded.
    pub inputs: Vec<Output>,
    /// What is handed on: output `n` is the input at this position.
    pub outputs: Vec<u32>,
}

impl PassthroughOp {
    /// This filesystem, once the others are there too; it is the op's only output.
    #[must_use]
    pub fn requiring(id: impl Into<String>, input: Output, others: impl IntoIterator<Item = Output>) -> Self {
        let inputs = std::iter::once(input).chain(others).collect();
        Self { id: id.into(), inputs, outputs: vec![0] }
    }

    pub(crate) fn body(&self) -> Result<Body, OpError> {
        if self.id.is_empty() {
            return Err(OpError::PassthroughWithoutId);
        }
        if self.outputs.is_empty() {
            return Err(OpError::PassthroughWithoutOutputs { id: self.id.clone() });
        }
        let inputs = self.inputs.len();
        if let Some(&input) = self.outputs.iter().find(|&&input| input as usize >= inputs) {
            return Err(OpError::PassthroughInput { id: self.id.clone(), input, inputs });
        }
        let outputs = self.outputs.iter().map(|&input| wire_index(Some(input as usize))).collect();
        Ok(Body {
            inputs: self.inputs.clone(),
            visits: None,
            platform: None,
            op: pb::op::Op::Passthrough(pb::PassthroughOp { id: self.id.clone(), outputs }),
            outputs: u32::try_from(self.outputs.len()).unwrap_or(u32::MAX),
            caps: vec![caps::PASSTHROUGH_OP],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpId;

    #[test]
    fn what_hands_nothing_on_is_refused() {
        let op = PassthroughOp::requiring("gate", OpId(0).root(), [OpId(1).root()]);
        assert_eq!(op.body().unwrap().outputs, 1);
        let refused = |op: PassthroughOp| op.body().err().expect("an error");
        let id = || "gate".to_owned();

        let nameless = PassthroughOp { id: String::new(), ..op.clone() };
        assert_eq!(refused(nameless), OpError::PassthroughWithoutId);
        let empty = PassthroughOp { outputs: Vec::new(), ..op.clone() };
        assert_eq!(refused(empty), OpError::PassthroughWithoutOutputs { id: id() });
        let beyond = PassthroughOp { outputs: vec![1, 2], ..op };
        assert_eq!(refused(beyond), OpError::PassthroughInput { id: id(), input: 2, inputs: 2 });
        let without_inputs = PassthroughOp { id: id(), inputs: Vec::new(), outputs: vec![0] };
        assert_eq!(refused(without_inputs), OpError::PassthroughInput { id: id(), input: 0, inputs: 0 });
    }
}
