//! Real parts that tests and tasks share: the fixtures' addresses, a client of the loopback registry,
//! OCI archives, and small helpers.

mod archive;
mod environment;
mod files;
mod hex;
mod process;
mod registry;

pub use archive::{Archive, ArchiveError, Descriptor};
pub use environment::{BUILDKIT_HOST, Environment, REGISTRY};
pub use files::names;
pub use hex::{hex, unhex};
pub use process::signal;
pub use registry::{Manifest, Registry, RegistryError, digest_of};
