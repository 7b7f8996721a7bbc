//! Sources: ops without inputs, which bring files into a graph. One file each.

mod blob;
mod fetched;
mod git;
mod git_url;
mod http;
mod image;
mod local;
mod oci;
mod url;

use buildkit_proto::pb;

pub use blob::{BlobSource, BlobStore};
pub use fetched::FetchedFile;
pub use git::{GitBundle, GitMtime, GitSecret, GitSignature, GitSource};
pub use git_url::{GitUrl, GitUrlError};
pub use http::{HttpSource, PgpSignature};
pub use image::{ImageSource, RecordType, ResolveMode};
pub use local::{LocalDiffer, LocalIdentity, LocalSource};
pub use oci::OciLayoutSource;
pub use url::UrlProblem;
pub(crate) use url::without_userinfo;

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

#[cfg(test)]
mod tests {
    use super::*;

    /// The attributes of a source, as they are on the wire.
    pub(super) fn attrs(body: Body) -> Vec<String> {
        let pb::op::Op::Source(source) = body.op else { panic!("a source op") };
        let attrs = source.attrs.into_iter();
        attrs.map(|attr| format!("{}={}", attr.key(), attr.value())).collect()
    }
}
