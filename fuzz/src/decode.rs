//! Definitions of any make: decoded, printed, encoded, embedded.

use buildkit_llb::{Definition, Digest, Graph, SourceFile};
use buildkit_proto::{Message, pb};

/// Decodes bytes as a definition, prints it in every form and encodes it; the same must come back. As part of a graph
/// it must stay what it is, or change nothing.
///
/// Digests hold a definition together, and no fuzzer guesses one. So the bytes are tried a second time with
/// their digests put right.
pub fn decode(data: &[u8]) {
    check(data);
    if let Ok(message) = pb::Definition::decode(data) {
        check(&repaired(message).encode_to_vec());
    }
}

fn check(data: &[u8]) {
    let Ok(definition) = Definition::decode(data) else { return };
    print(&definition);
    let bytes = definition.encode();
    let again = Definition::decode(&bytes).expect("what was encoded here is a definition");
    assert_eq!(again, definition);
    assert_eq!(again.encode(), bytes);
    embed(&definition);
}

/// A graph gives what is needed of a definition, in an order of its own: once done, that is done.
fn embed(definition: &Definition) {
    let mut graph = Graph::new();
    let Ok(output) = graph.embed(definition) else {
        assert!(graph.is_empty(), "an error changes nothing");
        let mut untouched = Graph::new();
        assert_eq!(graph.add_file(SourceFile::default()), untouched.add_file(SourceFile::default()));
        return;
    };
    assert_eq!(graph.len(), definition.digests().len());
    // What is wanted may be an output that its op does not have.
    let Ok(first) = graph.definition(output) else { return };
    assert_eq!(first.head(), definition.head());
    let mut graph = Graph::new();
    let output = graph.embed(&first).expect("what a graph gave can be embedded");
    assert_eq!(graph.definition(output).as_ref(), Ok(&first));
}

fn print(definition: &Definition) {
    assert!(!definition.to_string().is_empty());
    assert!(!definition.to_mermaid().is_empty());
    let json: serde_json::Value = serde_json::from_str(&definition.to_json()).expect("JSON");
    assert!(json.is_object() || json.is_array());
}

/// The definition with every reference to an op made a reference to one that is there.
fn repaired(mut message: pb::Definition) -> pb::Definition {
    let mut digests: Vec<String> = Vec::new();
    let mut ops = Vec::new();
    for bytes in message.def {
        let Ok(mut op) = pb::Op::decode(bytes) else { continue };
        for input in &mut op.inputs {
            let wanted = input.digest.bytes().last().map_or(0, usize::from);
            match digests.len() {
                0 => continue,
                known => input.digest.clone_from(&digests[wanted % known]),
            }
        }
        if digests.is_empty() {
            op.inputs.clear();
        }
        let bytes = op.encode_to_vec();
        let digest = Digest::of(&bytes).to_string();
        if !digests.contains(&digest) {
            digests.push(digest);
            ops.push(bytes.into());
        }
    }
    if let Some(last) = digests.last() {
        let input = pb::Input { digest: last.clone(), index: 0 };
        let bytes = pb::Op { inputs: vec![input], ..pb::Op::default() }.encode_to_vec();
        let digest = Digest::of(&bytes).to_string();
        if !digests.contains(&digest) {
            digests.push(digest);
            ops.push(bytes.into());
        }
    }
    message.def = ops;
    // Keys name the ops in their order; there may be more keys than ops.
    let name = |keys: Vec<&mut Option<String>>| {
        for (key, digest) in keys.into_iter().zip(&digests) {
            *key = Some(digest.clone());
        }
    };
    name(message.metadata.iter_mut().map(|entry| &mut entry.key).collect());
    if let Some(source) = &mut message.source {
        name(source.locations.iter_mut().map(|entry| &mut entry.key).collect());
    }
    message.metadata.truncate(digests.len());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An exec whose root is this output, which is the result.
    fn exec(output: i64) -> Vec<u8> {
        let mount = pb::Mount { dest: "/".to_owned(), input: -1, output, ..pb::Mount::default() };
        let meta = pb::Meta { args: vec!["x".to_owned()], ..pb::Meta::default() };
        let exec = pb::ExecOp { meta: Some(meta), mounts: vec![mount], ..pb::ExecOp::default() };
        let op = pb::Op { op: Some(pb::op::Op::Exec(exec)), ..pb::Op::default() };
        let message = pb::Definition { def: vec![op.encode_to_vec().into()], ..pb::Definition::default() };
        repaired(message).encode_to_vec()
    }

    #[test]
    fn no_output_number_is_too_high_to_be_embedded() {
        for output in [0, 7, i64::from(u32::MAX) - 1, i64::from(u32::MAX), i64::MAX, -1, i64::MIN] {
            let bytes = exec(output);
            assert_eq!(Definition::decode(&bytes).is_ok(), (-1..i64::from(u32::MAX)).contains(&output));
            decode(&bytes);
        }
    }
}
