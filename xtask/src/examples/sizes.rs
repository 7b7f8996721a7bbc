//! How large an image of the registry is, and what of it another one does not have.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use stagewright_tests::container::Image;
use stagewright_tests::{Descriptor, Registry};

use crate::pushed::decompressed;

/// Bytes of all layers of an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Size {
    /// As they are stored, pushed and pulled.
    pub(crate) compressed: u64,
    /// As archives of files.
    pub(crate) unpacked: u64,
}

/// Looks at images; a layer that several have is read once.
pub(crate) struct Sizes {
    registry: Registry,
    unpacked: BTreeMap<String, u64>,
}

impl Sizes {
    pub(crate) fn new(registry: Registry) -> Self {
        Self { registry, unpacked: BTreeMap::new() }
    }

    /// An image by its tag, and its size.
    pub(crate) fn find(&mut self, repository: &str, tag: &str) -> Result<(Image, Size)> {
        let image = Image::find(&self.registry, repository, tag)?;
        let mut size = Size { compressed: image.size(), unpacked: 0 };
        for layer in &image.layers {
            size.unpacked += self.unpacked(repository, layer)?;
        }
        Ok((image, size))
    }

    fn unpacked(&mut self, repository: &str, layer: &Descriptor) -> Result<u64> {
        if let Some(known) = self.unpacked.get(&layer.digest) {
            return Ok(*known);
        }
        let blob = self.registry.blob(repository, &layer.digest)?;
        let read =
            decompressed(&layer.media_type, blob).and_then(|mut tar| io::copy(&mut tar, &mut io::sink()));
        let bytes = read.with_context(|| format!("cannot read the layer {}", layer.digest))?;
        self.unpacked.insert(layer.digest.clone(), bytes);
        Ok(bytes)
    }
}

/// The layers of one image that another one does not have: how many, and their bytes.
pub(super) fn added(layers: &[Descriptor], without: &[Descriptor]) -> (usize, u64) {
    let others: BTreeSet<&str> = without.iter().map(|layer| layer.digest.as_str()).collect();
    let more = layers.iter().filter(|layer| !others.contains(layer.digest.as_str()));
    more.fold((0, 0), |(count, bytes), layer| (count + 1, bytes + layer.size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_compared_by_their_digests() {
        let layer = |digest: &str, size: u64| Descriptor {
            media_type: "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
            digest: digest.to_owned(),
            size,
        };
        let layers = [layer("sha256:a", 500), layer("sha256:b", 7)];
        assert_eq!(added(&layers, &layers[..1]), (1, 7));
        assert_eq!(added(&layers[..1], &layers), (0, 0));
    }
}
