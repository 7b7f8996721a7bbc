//! Sources: ops without inputs, which bring files into a graph. One file each.

mod image;
mod local;

use buildkit_proto::pb;

pub use image::{ImageSource, ResolveMode};
pub use local::{LocalIdentity, LocalSource};

use crate::Platform;
use crate::op::Body;

/// The body of a source: an identifier whose scheme says its kind, and attributes sorted by name.
fn body(
    identifier: String,
    attrs: std::collections::BTreeMap<&'static str, String>,
    platform: Option<Platform>,
    caps: Vec<&'static str>,
) -> Body {
    let attrs = attrs
        .into_iter()
        .map(|(key, value)| pb::source_op::AttrsEntry { key: Some(key.to_owned()), value: Some(value) });
    let op = pb::op::Op::Source(pb::SourceOp { identifier, attrs: attrs.collect() });
    Body { inputs: Vec::new(), visits: None, platform, op, outputs: 1, caps }
}
