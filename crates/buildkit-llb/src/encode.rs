//! Ops as bytes, exactly as the reference Go client writes them, since those bytes are an op's identity.
//!
//! Go's protobuf writes the members of a oneof after all other fields of their message. In `Op` that puts
//! what is done behind platform and constraints, whose numbers are higher; it makes no difference in any
//! other message of BuildKit v0.34 solver/pb/ops.proto. Maps come as sorted entries already.

use buildkit_proto::{Message as _, pb};
use bytes::Bytes;

use crate::op::Body;
use crate::{Digest, Platform};

/// The bytes of an op, whose inputs have these digests. Constraints are present even if they are empty.
pub(crate) fn op(body: Body, digests: &[Digest], worker_filter: &[String]) -> Bytes {
    let inputs = body.inputs.iter().zip(digests);
    let envelope = pb::Op {
        inputs: inputs.map(|(input, digest)| wire_input(*digest, input.index)).collect(),
        op: None,
        platform: body.platform.as_ref().map(Platform::to_pb),
        constraints: Some(pb::WorkerConstraints { filter: worker_filter.to_vec() }),
    };
    let what = pb::Op { op: Some(body.op), ..pb::Op::default() };
    let mut bytes = Vec::with_capacity(envelope.encoded_len() + what.encoded_len());
    bytes.extend(envelope.encode_to_vec());
    bytes.extend(what.encode_to_vec());
    bytes.into()
}

/// The bytes of the op that ends a definition: one input and nothing else.
pub(crate) fn terminal(digest: Digest, index: u32) -> Bytes {
    let op = pb::Op { inputs: vec![wire_input(digest, index)], ..pb::Op::default() };
    op.encode_to_vec().into()
}

fn wire_input(digest: Digest, index: u32) -> pb::Input {
    pb::Input { digest: digest.to_string(), index: index.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the fields of a message, in the order in which they are written.
    fn fields(mut bytes: &[u8]) -> Vec<u8> {
        let mut fields = Vec::new();
        while let [tag, length, rest @ ..] = bytes {
            assert_eq!(tag & 7, 2, "all fields here are messages, with lengths below 128");
            fields.push(tag >> 3);
            bytes = &rest[usize::from(*length)..];
        }
        fields
    }

    #[test]
    fn what_is_done_comes_last() {
        let body = Body {
            inputs: vec![crate::OpId(0).root(), crate::OpId(1).output(3)],
            visits: None,
            platform: Some(Platform::new("linux", "amd64")),
            op: pb::op::Op::Merge(pb::MergeOp::default()),
            outputs: 1,
            caps: Vec::new(),
        };
        let bytes = op(body, &[Digest::of(b"0"), Digest::of(b"1")], &[]);
        assert_eq!(fields(&bytes), [1, 1, 10, 11, 6]);

        let message = pb::Op::decode(bytes).unwrap();
        assert_eq!(message.inputs[1], wire_input(Digest::of(b"1"), 3));
        assert_eq!(message.constraints, Some(pb::WorkerConstraints::default()));
    }

    #[test]
    fn the_terminal_op_is_its_input_alone() {
        assert_eq!(fields(&terminal(Digest::of(b""), 2)), [1]);
    }
}
