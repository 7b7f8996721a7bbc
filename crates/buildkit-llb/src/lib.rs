//! BuildKit's LLB: ops, graph, canonical encoding.
//!
//! A build is a graph of ops: sources bring files in, execs run processes over them, file ops change them.
//! A [`Graph`] takes ops as plain values, checks them as a daemon would, and names each by the sha256 of its
//! bytes. Those bytes are exactly what the reference Go client would write, so equal steps are one vertex to a
//! daemon and share its cache, whoever describes them. A [`Definition`] is what a daemon is asked to solve.
//!
//! This crate knows nothing of files, networks, clocks or stages: what it makes depends on its arguments
//! alone, and it never recurses over a graph.
//!
//! ```
//! use buildkit_llb::{Definition, ExecOp, Graph, ImageSource, Metadata, Platform};
//!
//! let platform = Platform::new("linux", "amd64");
//! let mut graph = Graph::new();
//! let image = ImageSource::new("busybox".parse()?, platform.clone());
//! let image = graph.add(image, Metadata::default())?;
//! let hello = ExecOp::new(Some(image.root()), ["/bin/sh", "-c", "echo hi"], platform);
//! let hello = graph.add(hello, Metadata::named("say hi"))?;
//!
//! let definition = graph.definition(Some(hello.root()))?;
//! assert_eq!(definition.digests().len(), 2);
//! assert_eq!(
//!     graph.digest(hello)?.to_string(),
//!     "sha256:e240be7b1fcb83b6a0cb29c6db0d2fd215d5fa4718b45042009293498493229d",
//! );
//! assert_eq!(Definition::decode(&definition.encode())?, definition);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// The graph and what comes of it.
mod cap_set;
mod definition;
mod digest;
mod embed;
mod encode;
mod error;
mod graph;
mod index;
mod loadable;
mod metadata;
mod op;
mod print;
mod source_map;

// The ops, one file each.
mod build;
mod diff;
mod exec;
mod file;
mod merge;
mod mount;
mod passthrough;
mod source;

// What ops are made of.
pub mod caps;
pub mod go_json;
pub mod path;
mod platform;
mod reference;

pub use build::BuildOp;
pub use cap_set::CapSet;
pub use definition::{DecodeError, Definition, EncodedOp};
pub use diff::DiffOp;
pub use digest::{Digest, DigestError};
pub use error::OpError;
pub use exec::{Device, ExecOp, ExtraHost, Network, ProxyEnv, Security, Ulimit};
pub use file::{
    Action, CopyAction, CopyMode, FileAction, FileInput, FileOp, MkdirAction, MkfileAction, Owner, RmAction,
    SymlinkAction, UserId,
};
pub use graph::Graph;
pub use loadable::LoadProblem;
pub use merge::MergeOp;
pub use metadata::{LinuxResources, Metadata, ProgressGroup};
pub use mount::{CacheSharing, ContentCache, Mount, MountKind, SecretEnv, SecretMount, SshMount};
pub use op::{Op, OpId, OpKind, Output};
pub use passthrough::PassthroughOp;
pub use platform::{Platform, PlatformError};
pub use reference::{ImageRef, ImageRefError};
pub use source::{
    BlobSource, BlobStore, FetchedFile, GitBundle, GitMtime, GitSecret, GitSignature, GitSource, GitUrl,
    GitUrlError, HttpSource, ImageSource, LocalDiffer, LocalIdentity, LocalSource, OciLayoutSource,
    PgpSignature, RecordType, ResolveMode, UrlProblem,
};
pub use source_map::{FileId, Location, Position, Range, SourceFile, SourceMap};
