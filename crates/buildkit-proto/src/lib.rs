//! The wire of BuildKit v0.34: messages, and clients and servers behind the feature `services`.
//!
//! Everything here is generated from the files under `proto/` and committed, so that users need no `protoc`;
//! each module below is one package of the wire. What is written by hand is [`entries`] and its like: a map of
//! the wire is a list of entries here, for the reasons that `proto/README.md` gives. So is the `Debug` of the
//! messages that carry credentials, which does not show them. All `bytes` fields are [`bytes::Bytes`], and the
//! well-known types are those of `prost-types`.
//!
//! The services need a transport only of their users: a client takes any `tonic::client::GrpcService`.
//!
//! ```
//! use buildkit_proto::{Message, entries, into_map, pb};
//!
//! let source = pb::SourceOp {
//!     identifier: "git://example.com/app.git".into(),
//!     attrs: entries([("git.keepgitdir", "true"), ("git.fullurl", "")]),
//! };
//! let bytes = source.encode_to_vec();
//!
//! let back = pb::SourceOp::decode(bytes.as_slice())?;
//! assert_eq!(back.attrs[0].key(), "git.fullurl");
//! assert_eq!(into_map(back.attrs)["git.keepgitdir"], "true");
//! # Ok::<(), buildkit_proto::DecodeError>(())
//! ```

mod entries;
mod redact;

#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "written by `cargo xtask codegen`, not by hand"
)]
mod generated;

pub use entries::{MapEntry, entries, get, into_map};
pub use prost::{DecodeError, Message};

/// Ops, the definition that carries them, and their source map (`pb`).
pub use generated::pb;

/// The control API: solve, status, session, workers, history (`moby.buildkit.v1`).
pub use generated::moby::buildkit::v1 as control;
/// Workers and their rules of garbage collection (`moby.buildkit.v1.types`).
pub use generated::moby::buildkit::v1::types as worker;

/// Capabilities of a daemon (`moby.buildkit.v1.apicaps`).
pub use generated::moby::buildkit::v1::apicaps as caps;
/// The gateway API, which drives a build (`moby.buildkit.v1.frontend`).
pub use generated::moby::buildkit::v1::frontend as gateway;

/// Details of errors: vertex, source lines, op (`errdefs`).
pub use generated::errdefs;
/// The status of a call, with details (`google.rpc`).
pub use generated::google::rpc;
/// Stack traces of errors (`stack`).
pub use generated::stack;

/// Source policies (`moby.buildkit.v1.sourcepolicy`).
pub use generated::moby::buildkit::v1::sourcepolicy;
/// Session service for decisions about sources (`moby.buildkit.v1.sourcepolicy.policysession`).
pub use generated::moby::buildkit::v1::sourcepolicy::policysession;

/// Session service for secrets (`moby.buildkit.secrets.v1`).
pub use generated::moby::buildkit::secrets::v1 as secrets;
/// Session service for exporters chosen by the client (`moby.exporter.v1`).
pub use generated::moby::exporter::v1 as exporter;
/// Session service for credentials; on the wire one package with [`filesync`] (`moby.filesync.v1`).
pub use generated::moby::filesync::v1 as auth;
/// Session services for files; on the wire one package with [`auth`] (`moby.filesync.v1`).
pub use generated::moby::filesync::v1 as filesync;
/// Session service for ssh agents (`moby.sshforward.v1`).
pub use generated::moby::sshforward::v1 as ssh;
/// Session service for streams that the client offers (`moby.upload.v1`).
pub use generated::moby::upload::v1 as upload;

/// The content store (`containerd.services.content.v1`).
pub use generated::containerd::services::content::v1 as content;
/// The transfer of directories, and what is known of a file (`fsutil.types`).
pub use generated::fsutil::types as fsutil;
/// The health of a server (`grpc.health.v1`).
pub use generated::grpc::health::v1 as health;
