//! Definitions of any make: decoded, printed, encoded.

use buildkit_llb::{Definition, Digest};
use buildkit_proto::{Message, pb};

/// Decodes bytes as a definition, prints it in every form and encodes it; the same must come back.
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
