//! An image from a registry.
//!
//! Identifier and attributes as in BuildKit v0.34 solver/pb/attr.go and client/llb/source.go.

use std::collections::BTreeMap;

use crate::op::Body;
use crate::{Digest, ImageRef, Platform, caps};

/// The root filesystem of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSource {
    /// The image's name.
    pub reference: ImageRef,
    /// Which of the image's platforms.
    pub platform: Platform,
    /// Where the daemon looks for it.
    pub resolve_mode: ResolveMode,
    /// Take this many of its first layers only.
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

impl ImageSource {
    /// The image of this name for this platform.
    #[must_use]
    pub fn new(reference: ImageRef, platform: Platform) -> Self {
        Self { reference, platform, resolve_mode: ResolveMode::default(), layer_limit: None, checksum: None }
    }

    pub(crate) fn body(&self) -> Body {
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
        if let Some(limit) = self.layer_limit {
            attrs.insert("image.layerlimit", limit.to_string());
            caps.push(caps::SOURCE_IMAGE_LAYER_LIMIT);
        }
        if let Some(checksum) = self.checksum {
            attrs.insert("image.checksum", checksum.to_string());
            caps.push(caps::SOURCE_IMAGE_CHECKSUM);
        }
        let identifier = format!("docker-image://{}", self.reference);
        super::body(identifier, attrs, Some(self.platform.clone()), caps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_forced_pull_needs_a_capability() {
        let mut op = ImageSource::new("busybox".parse().unwrap(), Platform::new("linux", "amd64"));
        assert_eq!(op.body().caps, [caps::SOURCE_IMAGE]);
        op.resolve_mode = ResolveMode::PreferLocal;
        assert_eq!(op.body().caps, [caps::SOURCE_IMAGE]);
        op.resolve_mode = ResolveMode::Pull;
        assert_eq!(op.body().caps, [caps::SOURCE_IMAGE, caps::SOURCE_IMAGE_RESOLVE_MODE]);
    }
}
