//! Real parts that tests and tasks share: the fixtures' addresses, a client of the loopback registry,
//! OCI archives, containers of images, docker buildx, Docker Engine, a git server, processes that speak in messages, and small helpers.

mod archive;
pub mod buildx;
pub mod container;
mod engine;
mod environment;
mod files;
mod git;
mod hex;
mod messages;
mod process;
mod program;
mod registry;

pub use archive::{Archive, ArchiveError, Descriptor};
pub use buildx::Buildx;
pub use engine::{Engine, Store};
pub use environment::{BUILDKIT_HOST, EDITOR, ENGINE, Environment, REGISTRY};
pub use files::names;
pub use git::GitServer;
pub use hex::{hex, unhex};
pub use messages::Messages;
pub use process::signal;
pub use program::copy_program;
pub use registry::{Manifest, Registry, RegistryError, digest_of};
