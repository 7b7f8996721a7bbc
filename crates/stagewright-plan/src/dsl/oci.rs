//! Keys of labels and annotations that registries and tools know: `image.label(oci::VERSION, version)`.
//!
//! Source: OCI image-spec v1.1 `annotations.md`.

/// When the image was built, as in RFC 3339.
pub const CREATED: &str = "org.opencontainers.image.created";
/// Who is responsible for the image.
pub const AUTHORS: &str = "org.opencontainers.image.authors";
/// Where to find more about it.
pub const URL: &str = "org.opencontainers.image.url";
/// Where its documentation is.
pub const DOCUMENTATION: &str = "org.opencontainers.image.documentation";
/// Where its sources are.
pub const SOURCE: &str = "org.opencontainers.image.source";
/// The version of what is packaged, as in semantic versioning.
pub const VERSION: &str = "org.opencontainers.image.version";
/// The revision of its sources, such as a commit.
pub const REVISION: &str = "org.opencontainers.image.revision";
/// Who distributes it.
pub const VENDOR: &str = "org.opencontainers.image.vendor";
/// The licenses of what is in it, as an SPDX expression.
pub const LICENSES: &str = "org.opencontainers.image.licenses";
/// What the image is called in a layout.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// What it is called by people.
pub const TITLE: &str = "org.opencontainers.image.title";
/// What is in it, in a sentence or two.
pub const DESCRIPTION: &str = "org.opencontainers.image.description";
/// The digest of the image that it starts from.
pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
/// The name of the image that it starts from.
pub const BASE_NAME: &str = "org.opencontainers.image.base.name";
