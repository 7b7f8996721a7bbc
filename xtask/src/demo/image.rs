//! An image as the registry serves it: its config, its layers, its size.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use stagewright::stagewright_plan::config::ImageConfig;
use stagewright_tests::{Descriptor, Registry, digest_of};

use super::unpack;
use crate::tools::hex;

/// An image in the registry.
pub(super) struct Image<'a> {
    registry: &'a Registry,
    repository: String,
    /// The digest of its manifest.
    pub(super) digest: String,
    pub(super) config: ImageConfig,
    layers: Vec<Descriptor>,
}

impl<'a> Image<'a> {
    /// Asks for an image by its tag.
    pub(super) fn find(registry: &'a Registry, repository: &str, tag: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Manifest {
            config: Descriptor,
            layers: Vec<Descriptor>,
        }

        let found = registry.manifest(repository, tag)?;
        let found = found.with_context(|| format!("the registry has no {repository}:{tag}"))?;
        let manifest: Manifest = serde_json::from_slice(&found.bytes).with_context(|| {
            format!("{repository}:{tag} is {}, and not the manifest of one image", found.media_type)
        })?;
        let mut config = Vec::new();
        registry.blob(repository, &manifest.config.digest)?.read_to_end(&mut config)?;
        same_digest(&manifest.config.digest, &digest_of(&config))?;
        let config = serde_json::from_slice(&config)
            .with_context(|| format!("{repository}:{tag} has a config that does not read"))?;
        let repository = repository.to_owned();
        Ok(Self { registry, repository, digest: found.digest, config, layers: manifest.layers })
    }

    /// The bytes of its layers, compressed: what is stored and pulled.
    pub(super) fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }

    /// The bytes of those layers that another image does not have.
    pub(super) fn size_without(&self, other: &Image<'_>) -> u64 {
        let theirs: BTreeSet<&str> = other.layers.iter().map(|layer| layer.digest.as_str()).collect();
        let own = self.layers.iter().filter(|layer| !theirs.contains(layer.digest.as_str()));
        own.map(|layer| layer.size).sum()
    }

    /// Pulls every layer into an empty directory, checking its digest.
    pub(super) fn unpack(&self, root: &Path) -> Result<()> {
        for layer in &self.layers {
            let context = || format!("layer {} of {}", layer.digest, self.repository);
            let blob =
                Hashing { inner: self.registry.blob(&self.repository, &layer.digest)?, hash: Sha256::new() };
            let mut blob = match layer.media_type.as_str() {
                kind if kind.ends_with("gzip") => {
                    let mut tar = MultiGzDecoder::new(blob);
                    unpack::lay(&mut tar, root).with_context(context)?;
                    tar.into_inner()
                }
                kind if kind.ends_with("tar") => {
                    let mut tar = blob;
                    unpack::lay(&mut tar, root).with_context(context)?;
                    tar
                }
                kind => bail!("{}: {kind} is neither a tar nor one by gzip", context()),
            };
            // Bytes after the archive's end belong to the blob.
            io::copy(&mut blob, &mut io::sink())?;
            let found = format!("sha256:{}", hex(&blob.hash.finalize()));
            same_digest(&layer.digest, &found).with_context(context)?;
        }
        Ok(())
    }
}

fn same_digest(wanted: &str, found: &str) -> Result<()> {
    if wanted != found {
        bail!("the registry served content with the digest {found}, not {wanted}");
    }
    Ok(())
}

/// A reader that hashes what passes through it.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hash.update(&buffer[..length]);
        Ok(length)
    }
}
