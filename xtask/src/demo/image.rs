//! An image as the registry serves it: its config, its layers, its size.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use stagewright::stagewright_plan::config::ImageConfig;
use stagewright_tests::{Descriptor, Registry, digest_of};

use super::unpack;
use crate::process;
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

    /// The bytes of the layers above the base.
    pub(super) fn size_above(&self, base: &Base) -> u64 {
        self.size() - self.layers[..base.layers].iter().map(|layer| layer.size).sum::<u64>()
    }

    /// Unpacks the image beside the base, with which it shares what it does not change.
    pub(super) fn unpack(&self, base: &Base, root: &Path) -> Result<()> {
        // Hard links: a layer replaces files, and never writes into one.
        process::run(Command::new("cp").args(["--archive", "--link"]).arg(&base.root).arg(root))?;
        self.layers[base.layers..].iter().try_for_each(|layer| self.lay(layer, root))
    }

    /// Pulls a layer and lays it over what is there, checking its digest.
    fn lay(&self, layer: &Descriptor, root: &Path) -> Result<()> {
        let context = || format!("layer {} of {}", layer.digest, self.repository);
        let blob = self.registry.blob(&self.repository, &layer.digest)?;
        let blob = Hashing { inner: blob, hash: Sha256::new() };
        let mut rest = match layer.media_type.as_str() {
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
        io::copy(&mut rest, &mut io::sink())?;
        let found = format!("sha256:{}", hex(&rest.hash.finalize()));
        same_digest(&layer.digest, &found).with_context(context)
    }
}

/// The layers that all images begin with, unpacked once.
pub(super) struct Base {
    /// How many they are.
    layers: usize,
    root: PathBuf,
}

impl Base {
    /// Unpacks into a new directory what these images have in common.
    pub(super) fn unpack(images: &[&Image<'_>], root: PathBuf) -> Result<Self> {
        let (first, others) = images.split_first().context("there are no images")?;
        let shared = |at: usize| {
            let digest = |image: &Image<'_>| image.layers.get(at).map(|layer| layer.digest.clone());
            others.iter().all(|image| digest(image) == digest(first))
        };
        let layers = (0..first.layers.len()).take_while(|at| shared(*at)).count();
        fs::create_dir(&root).with_context(|| format!("cannot create {}", root.display()))?;
        first.layers[..layers].iter().try_for_each(|layer| first.lay(layer, &root))?;
        Ok(Self { layers, root })
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
