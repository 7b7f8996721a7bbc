//! An image in an OCI layout of the client.
//!
//! Identifier and attributes as in BuildKit v0.34 client/llb/source.go `OCILayout`, refusals as in
//! source/containerimage. The Go client takes a checksum too, and writes nothing of it: the image's name has one.

use std::collections::BTreeMap;

use super::BlobStore;
use crate::op::Body;
use crate::reference::is_digest;
use crate::{OpError, Platform, caps};

/// The root filesystem of an image that the client has as an OCI layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciLayoutSource {
    /// `host/name@sha256:…`, with or without a tag; written as it is.
    pub image: String,
    /// Which of the image's platforms.
    pub platform: Platform,
    /// The session that serves the layout; empty for any of the build's.
    pub session: String,
    /// The layout's name in the session; empty for the image's name.
    pub store: String,
    /// Take this many of its first layers only.
    pub layer_limit: Option<u32>,
}

impl OciLayoutSource {
    /// The image of this name for this platform.
    #[must_use]
    pub fn new(image: impl Into<String>, platform: Platform) -> Self {
        Self {
            image: image.into(),
            platform,
            session: String::new(),
            store: String::new(),
            layer_limit: None,
        }
    }

    pub(crate) fn body(&self) -> Result<Body, OpError> {
        self.validate()?;
        Ok(self.encode())
    }

    fn encode(&self) -> Body {
        let mut attrs = BTreeMap::new();
        let store = BlobStore::OciLayout { session: self.session.clone(), store: self.store.clone() };
        store.add_attrs(&mut attrs);
        if let Some(limit) = self.layer_limit {
            attrs.insert("oci.layerlimit", limit.to_string());
        }
        let caps = vec![caps::SOURCE_OCI_LAYOUT];
        super::body(self.identifier(), attrs, Some(self.platform.clone()), caps)
    }

    fn identifier(&self) -> String {
        format!("oci-layout://{}", self.image)
    }

    fn validate(&self) -> Result<(), OpError> {
        if !is_layout_image(&self.image) {
            return Err(OpError::OciImage { identifier: self.identifier() });
        }
        if self.layer_limit == Some(0) {
            return Err(OpError::NoLayers { identifier: self.identifier() });
        }
        Ok(())
    }
}

/// A daemon reads it as a URL without scheme, whose path ends with `[:tag]@digest`.
fn is_layout_image(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':');
    text.split_once('@').is_some_and(|(name, digest)| {
        let host = name.split_once('/').map_or("", |(host, _)| host);
        !host.is_empty() && !name.contains("//") && name.chars().all(is_plain) && is_digest(digest)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::attrs;
    use super::*;
    use crate::{Digest, encode};

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn layout(image: &str) -> OciLayoutSource {
        OciLayoutSource::new(format!("{image}@{DIGEST}"), Platform::new("linux", "amd64"))
    }

    #[test]
    fn only_what_is_said_is_an_attribute() {
        let op = layout("a.io/b");
        assert!(attrs(op.body().unwrap()).is_empty());
        let op = OciLayoutSource { store: "s".to_owned(), layer_limit: Some(2), ..op };
        assert_eq!(attrs(op.body().unwrap()), ["oci.layerlimit=2", "oci.store=s"]);
    }

    /// The golden `oci` is one that the Go client writes and a daemon refuses.
    #[test]
    fn what_a_daemon_refuses_is_written_as_the_go_client_does() {
        let op = OciLayoutSource {
            session: "sess".to_owned(),
            store: "store".to_owned(),
            layer_limit: Some(0),
            ..layout("name")
        };
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/goldens.json")).unwrap();
        let cases = golden.as_array().unwrap();
        let case = cases.iter().find(|case| case["name"] == "oci").expect("the golden");
        let digest = Digest::of(&encode::op(op.encode(), &[], &[]));
        assert_eq!(case["ops"][0]["digest"], digest.to_string());
        assert_eq!(case["ops"][0]["caps"][0], op.encode().caps[0]);
    }

    #[test]
    fn what_a_daemon_refuses_is_refused() {
        for image in ["name", "", "/a", "a b/c", "oci://a/b"] {
            let error = layout(image).body().err().expect("an error").to_string();
            let expected = format!(
                "oci layout source \"oci-layout://{image}@{DIGEST}\" is not host/name@sha256:… and 64 digits, \
                 with or without a tag"
            );
            assert_eq!(error, expected);
        }
        let tagged = OciLayoutSource { image: "a/b:tag".to_owned(), ..layout("") };
        assert!(tagged.body().is_err(), "a digest is needed");
        let none = OciLayoutSource { layer_limit: Some(0), ..layout("a/b") };
        let error = none.body().err().expect("an error").to_string();
        assert_eq!(
            error,
            format!("source \"oci-layout://a/b@{DIGEST}\" has a limit of 0 layers: at least 1 is needed")
        );
    }
}
