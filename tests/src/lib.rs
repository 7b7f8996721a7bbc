//! Real parts that tests and tasks share: the fixtures' addresses, a client of the loopback registry,
//! OCI archives.

mod archive;
mod environment;
mod registry;

pub use archive::{Archive, ArchiveError, Descriptor};
pub use environment::{BUILDKIT_HOST, Environment, REGISTRY};
pub use registry::{Manifest, Registry, RegistryError, digest_of};
