//! Forms in which an image goes out, and the attributes of each.

/// Forms in which an image goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutputKind {
    /// An image in the daemon's own store, or in a registry.
    Image,
    /// The filesystem, as a tar file here.
    Tar,
    /// The image in the OCI layout, as a tar file here.
    Oci,
    /// The image as `docker load` takes it, as a tar file here.
    Docker,
    /// The filesystem, as a directory here.
    Local,
    /// Nothing goes out: the image stays in the daemon's cache.
    CacheOnly,
}

impl OutputKind {
    /// BuildKit's name of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Tar => "tar",
            Self::Oci => "oci",
            Self::Docker => "docker",
            Self::Local => "local",
            Self::CacheOnly => "cacheonly",
        }
    }

    /// The attributes that it takes, those of annotations left out (BuildKit v0.34 exporter/containerimage/exptypes/keys.go).
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Image => &IMAGE_KEYS,
            // What only a daemon's store or a registry knows comes last.
            Self::Oci | Self::Docker => &IMAGE_KEYS[..ARCHIVE_KEYS],
            Self::Tar => &["attestation-prefix", "platform-split", "source-date-epoch"],
            Self::Local => &[
                "mode",
                "setuid",
                "devices",
                "xattrs",
                "attestation-prefix",
                "platform-split",
                "source-date-epoch",
            ],
            Self::CacheOnly => &[],
        }
    }

    pub(in crate::builder) fn takes(self, key: &str) -> bool {
        self.keys().contains(&key) || (self.is_named() && key.starts_with("annotation"))
    }

    /// Whether it has a name: only an image has, not a filesystem.
    pub(in crate::builder) fn is_named(self) -> bool {
        matches!(self, Self::Image | Self::Oci | Self::Docker)
    }
}

/// What the exporters of images take.
const IMAGE_KEYS: [&str; 20] = [
    "name",
    "compression",
    "compression-level",
    "force-compression",
    "oci-mediatypes",
    "oci-artifact",
    "attestation-inline",
    "prefer-nondist-layers",
    "rewrite-timestamp",
    "source-date-epoch",
    "tar",
    "push",
    "push-by-digest",
    "registry.insecure",
    "store",
    "unpack",
    "name-canonical",
    "dangling-name-prefix",
    "danging-name-empty-only",
    "unsafe-internal-store-allow-incomplete",
];

/// How many of them those of archives take.
const ARCHIVE_KEYS: usize = 11;
