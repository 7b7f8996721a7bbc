//! An image from a registry.
//!
//! Identifier and attributes as in BuildKit v0.34 solver/pb/attr.go and client/llb/source.go.

use std::collections::BTreeMap;

use crate::op::Body;
use crate::{Digest, ImageRef, OpError, Platform, caps};

/// The root filesystem of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSource {
    /// The image's name.
    pub image: ImageRef,
    /// Which of the image's platforms.
    pub platform: Platform,
    /// Where the daemon looks for it.
    pub resolve_mode: ResolveMode,
    /// What the daemon's list of what takes space calls it; `None` leaves it to the daemon, which calls it regular.
    pub record_type: Option<RecordType>,
    /// Take this many of its first layers only; at least one.
    pub layer_limit: Option<u32>,
    /// Refuse any other manifest.
    pub checksum: Option<Digest>,
}

/// Where the daemon looks for an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResolveMode {
    /// As the daemon is configured.
    #[default]
    Default,
    /// Always in the registry.
    Pull,
    /// In the daemon's own store first.
    PreferLocal,
}

/// What the daemon's list of what takes space calls an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordType {
    /// Part of how the build works, of no use to people.
    Internal,
    /// A frontend.
    Frontend,
    /// Any other image.
    Regular,
}

impl ImageSource {
    /// The image of this name for this platform.
    #[must_use]
    pub fn new(image: ImageRef, platform: Platform) -> Self {
        Self {
            image,
            platform,
            resolve_mode: ResolveMode::default(),
            record_type: None,
            layer_limit: None,
            checksum: None,
        }
    }

    pub(crate) fn body(&self) -> Result<Body, OpError> {
        let identifier = format!("docker-image://{}", self.image);
        if self.layer_limit == Some(0) {
            return Err(OpError::NoLayers { identifier });
        }
        let mut attrs = BTreeMap::new();
        let mut caps = vec![caps::SOURCE_IMAGE];
        match self.resolve_mode {
            ResolveMode::Default => {}
            ResolveMode::Pull => {
                attrs.insert("image.resolvemode", "pull".to_owned());
                caps.push(caps::SOURCE_IMAGE_RESOLVE_MODE);
            }
            ResolveMode::PreferLocal => {
                attrs.insert("image.resolvemode", "local".to_owned());
            }
        }
        if let Some(record_type) = self.record_type {
            let record_type = match record_type {
                RecordType::Internal => "internal",
                RecordType::Frontend => "frontend",
                RecordType::Regular => "regular",
            };
            attrs.insert("image.recordtype", record_type.to_owned());
        }
        if let Some(limit) = self.layer_limit {
            attrs.insert("image.layerlimit", limit.to_string());
            caps.push(caps::SOURCE_IMAGE_LAYER_LIMIT);
        }
        if let Some(checksum) = self.checksum {
            attrs.insert("image.checksum", checksum.to_string());
            caps.push(caps::SOURCE_IMAGE_CHECKSUM);
        }
        Ok(super::body(identifier, attrs, Some(self.platform.clone()), caps))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::attrs;
    use super::*;

    fn busybox() -> ImageSource {
        ImageSource::new("busybox".parse().unwrap(), Platform::new("linux", "amd64"))
    }

    #[test]
    fn only_a_forced_pull_needs_a_capability() {
        let mut op = busybox();
        let caps = |op: &ImageSource| op.body().unwrap().caps;
        assert_eq!(caps(&op), [caps::SOURCE_IMAGE]);
        op.resolve_mode = ResolveMode::PreferLocal;
        op.record_type = Some(RecordType::Internal);
        assert_eq!(caps(&op), [caps::SOURCE_IMAGE]);
        assert_eq!(attrs(op.body().unwrap()), ["image.recordtype=internal", "image.resolvemode=local"]);
        op.resolve_mode = ResolveMode::Pull;
        assert_eq!(caps(&op), [caps::SOURCE_IMAGE, caps::SOURCE_IMAGE_RESOLVE_MODE]);
    }

    #[test]
    fn an_image_without_layers_is_refused() {
        let op = ImageSource { layer_limit: Some(0), ..busybox() };
        let identifier = "docker-image://docker.io/library/busybox:latest".to_owned();
        assert_eq!(op.body().err(), Some(OpError::NoLayers { identifier }));
    }
}
