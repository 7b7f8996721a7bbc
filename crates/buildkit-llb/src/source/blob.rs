//! A single blob of a registry or an OCI layout, as a file.
//!
//! Identifier and attributes as in BuildKit v0.34 client/llb/source.go `ImageBlob` and `OCILayoutBlob`, refusals as
//! in source/containerblob.

use std::collections::BTreeMap;

use super::FetchedFile;
use crate::op::Body;
use crate::{ImageRef, OpError, caps};

/// One file: a blob by its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobSource {
    /// A repository and a digest, without tag.
    pub image: ImageRef,
    /// Where the blob is.
    pub store: BlobStore,
    /// What the file is called, and whose it is.
    pub file: FetchedFile,
}

/// Where a blob is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlobStore {
    /// In the registry that its name says.
    #[default]
    Registry,
    /// In an OCI layout of the client.
    OciLayout {
        /// The session that serves it; empty for any of the build's.
        session: String,
        /// Its name in the session.
        store: String,
    },
}

impl BlobSource {
    /// The blob of this digest, in a registry.
    #[must_use]
    pub fn new(image: ImageRef) -> Self {
        Self { image, store: BlobStore::Registry, file: FetchedFile::default() }
    }

    pub(crate) fn body(&self) -> Result<Body, OpError> {
        let identifier = format!("{}://{}", self.store.scheme(), self.image);
        if self.image.digest().is_none() || self.image.tag().is_some() {
            return Err(OpError::BlobImage { identifier });
        }
        if matches!(&self.store, BlobStore::OciLayout { store, .. } if store.is_empty()) {
            return Err(OpError::BlobWithoutStore { identifier });
        }
        self.file.validate(&identifier)?;
        let mut attrs = BTreeMap::new();
        self.file.add_attrs(&mut attrs);
        self.store.add_attrs(&mut attrs);
        Ok(super::body(identifier, attrs, None, vec![caps::SOURCE_IMAGE_BLOB]))
    }
}

impl BlobStore {
    pub(super) fn scheme(&self) -> &'static str {
        match self {
            Self::Registry => "docker-image+blob",
            Self::OciLayout { .. } => "oci-layout+blob",
        }
    }

    pub(super) fn add_attrs(&self, attrs: &mut BTreeMap<&'static str, String>) {
        let Self::OciLayout { session, store } = self else { return };
        for (name, value) in [("oci.session", session), ("oci.store", store)] {
            if !value.is_empty() {
                attrs.insert(name, value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::attrs;
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn blob(name: &str) -> BlobSource {
        BlobSource::new(name.parse().unwrap())
    }

    #[test]
    fn both_stores_have_the_same_capability() {
        let mut op = blob(&format!("busybox@{DIGEST}"));
        assert!(attrs(op.body().unwrap()).is_empty());
        op.store = BlobStore::OciLayout { session: "id".to_owned(), store: "s".to_owned() };
        op.file = FetchedFile { name: "f".to_owned(), mode: 0o755, uid: 1, gid: 2 };
        let body = op.body().unwrap();
        assert_eq!(body.caps, [caps::SOURCE_IMAGE_BLOB]);
        let expected = [
            "http.filename=f",
            "http.gid=2",
            "http.perm=0755",
            "http.uid=1",
            "oci.session=id",
            "oci.store=s",
        ];
        assert_eq!(attrs(body), expected);
    }

    #[test]
    fn what_a_daemon_refuses_is_refused() {
        for name in ["busybox".to_owned(), format!("busybox:1@{DIGEST}")] {
            let error = blob(&name).body().err().expect("an error").to_string();
            assert!(error.ends_with("is not a repository and a digest, without tag"), "{error}");
        }
        let mut op = blob(&format!("a.io/b@{DIGEST}"));
        op.store = BlobStore::OciLayout { session: String::new(), store: String::new() };
        let error = op.body().err().expect("an error").to_string();
        assert_eq!(error, format!("source \"oci-layout+blob://a.io/b@{DIGEST}\" names no store"));
    }
}
