//! An image as the registry serves it: its config, its layers, its size.

use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use stagewright::Platform;
use stagewright::stagewright_plan::config::ImageConfig;

use super::{ContainerError, unpack};
use crate::{Descriptor, Registry, digest_of, hex};

/// An image of one platform in a registry.
#[derive(Debug)]
pub struct Image {
    registry: Registry,
    repository: String,
    /// `repository:tag`, for people.
    pub name: String,
    /// The digest of its manifest.
    pub digest: String,
    /// What it says of itself.
    pub config: ImageConfig,
    /// Its layers, from the lowest.
    pub layers: Vec<Descriptor>,
}

/// An index or a manifest.
#[derive(Deserialize)]
struct Root {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Entry>,
}

/// An image of an index.
#[derive(Deserialize)]
struct Entry {
    digest: String,
    platform: Option<EntryPlatform>,
}

#[derive(Deserialize)]
struct EntryPlatform {
    os: String,
    architecture: String,
    #[serde(default)]
    variant: String,
}

impl Image {
    /// Asks for an image by its tag or digest. An index must have one image.
    ///
    /// # Errors
    ///
    /// [`ContainerError`], also when there is none.
    pub fn find(registry: &Registry, repository: &str, reference: &str) -> Result<Self, ContainerError> {
        Self::of(registry, repository, reference, None)
    }

    /// Asks for the image of a platform, as in `linux/arm64`.
    ///
    /// # Errors
    ///
    /// [`ContainerError`], also when there is none for that platform.
    pub fn find_for(
        registry: &Registry,
        repository: &str,
        reference: &str,
        platform: &str,
    ) -> Result<Self, ContainerError> {
        Self::of(registry, repository, reference, Some(platform))
    }

    /// The platforms of an index, in its order; of a single image, its own.
    ///
    /// # Errors
    ///
    /// [`ContainerError`].
    pub fn platforms(
        registry: &Registry,
        repository: &str,
        reference: &str,
    ) -> Result<Vec<String>, ContainerError> {
        let name = name(repository, reference);
        let (_, root) = root(registry, repository, reference, &name)?;
        match &root.config {
            Some(config) => Ok(vec![platform_of(&image_config(registry, repository, config, &name)?)]),
            None => Ok(root.images().into_iter().map(|(platform, _)| platform).collect()),
        }
    }

    fn of(
        registry: &Registry,
        repository: &str,
        reference: &str,
        platform: Option<&str>,
    ) -> Result<Self, ContainerError> {
        let name = name(repository, reference);
        let wrong = |has: Vec<String>| ContainerError::Platform {
            name: name.clone(),
            has: has.join(", "),
            wanted: platform.unwrap_or("one platform").to_owned(),
        };
        let (mut digest, mut root) = root(registry, repository, reference, &name)?;
        if root.config.is_none() {
            let images = root.images();
            let found = match platform {
                Some(wanted) => images.iter().find(|(platform, _)| platform == wanted),
                None => images.first().filter(|_| images.len() == 1),
            };
            let Some((_, child)) = found else {
                return Err(wrong(images.into_iter().map(|(platform, _)| platform).collect()));
            };
            (digest, root) = self::root(registry, repository, child, &name)?;
        }
        let Some(config) = &root.config else {
            return Err(wrong(Vec::new()));
        };
        let config = image_config(registry, repository, config, &name)?;
        if platform.is_some_and(|wanted| wanted != platform_of(&config)) {
            return Err(wrong(vec![platform_of(&config)]));
        }
        let (registry, repository) = (registry.clone(), repository.to_owned());
        Ok(Self { registry, repository, digest, config, layers: root.layers, name })
    }

    /// The bytes of its layers, compressed: what is stored and pulled.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }

    /// The bytes of its layers above the first ones.
    #[must_use]
    pub fn size_above(&self, layers: usize) -> u64 {
        self.layers.iter().skip(layers).map(|layer| layer.size).sum()
    }

    /// How many of their first layers images have in common.
    #[must_use]
    pub fn shared_layers(images: &[&Self]) -> usize {
        let Some((first, others)) = images.split_first() else { return 0 };
        let shared = |at: usize| {
            let digest = |image: &Self| image.layers.get(at).map(|layer| layer.digest.clone());
            others.iter().all(|image| digest(image) == digest(first))
        };
        (0..first.layers.len()).take_while(|at| shared(*at)).count()
    }

    /// Pulls a layer and lays it over what is in a directory, checking its digest.
    pub(super) fn lay(&self, layer: &Descriptor, root: &Path) -> Result<(), ContainerError> {
        let failed = |source| ContainerError::Layer { digest: layer.digest.clone(), source };
        let blob = self.registry.blob(&self.repository, &layer.digest)?;
        let blob = Hashing { inner: blob, hash: Sha256::new() };
        let mut rest = match layer.media_type.as_str() {
            kind if kind.ends_with("gzip") => {
                let mut tar = MultiGzDecoder::new(blob);
                unpack::lay(&mut tar, root).map_err(failed)?;
                tar.into_inner()
            }
            kind if kind.ends_with("tar") => {
                let mut tar = blob;
                unpack::lay(&mut tar, root).map_err(failed)?;
                tar
            }
            _ => {
                let (digest, media_type) = (layer.digest.clone(), layer.media_type.clone());
                return Err(ContainerError::MediaType { digest, media_type });
            }
        };
        // Bytes after the archive's end belong to the blob.
        io::copy(&mut rest, &mut io::sink()).map_err(|error| failed(error.into()))?;
        same_digest(&layer.digest, &format!("sha256:{}", hex(&rest.hash.finalize())))
    }
}

impl Root {
    /// The images, each with its platform; what is attested to is left out.
    fn images(&self) -> Vec<(String, String)> {
        let platforms = self
            .manifests
            .iter()
            .filter_map(|entry| Some((entry, entry.platform.as_ref()?)));
        platforms
            .filter(|(_, platform)| platform.os != "unknown")
            .map(|(entry, EntryPlatform { os, architecture, variant })| {
                (platform_text(os, architecture, variant), entry.digest.clone())
            })
            .collect()
    }
}

fn root(
    registry: &Registry,
    repository: &str,
    reference: &str,
    name: &str,
) -> Result<(String, Root), ContainerError> {
    let found = registry.manifest(repository, reference)?;
    let found = found.ok_or_else(|| ContainerError::NoImage(name.to_owned()))?;
    Ok((found.digest, json(&found.bytes, "the manifest", name)?))
}

fn image_config(
    registry: &Registry,
    repository: &str,
    config: &Descriptor,
    name: &str,
) -> Result<ImageConfig, ContainerError> {
    let mut bytes = Vec::new();
    registry
        .blob(repository, &config.digest)?
        .read_to_end(&mut bytes)
        .map_err(|source| ContainerError::Io { what: format!("read the config of {name}"), source })?;
    same_digest(&config.digest, &digest_of(&bytes))?;
    json(&bytes, "the config", name)
}

fn json<T: DeserializeOwned>(bytes: &[u8], what: &'static str, name: &str) -> Result<T, ContainerError> {
    let name = || name.to_owned();
    serde_json::from_slice(bytes).map_err(|source| ContainerError::Json { name: name(), what, source })
}

fn name(repository: &str, reference: &str) -> String {
    let mark = if reference.contains(':') { '@' } else { ':' };
    format!("{repository}{mark}{reference}")
}

fn platform_of(config: &ImageConfig) -> String {
    let variant = config.variant.as_deref().unwrap_or_default();
    platform_text(&config.os, &config.architecture, variant)
}

/// As people write it: `linux/arm64`, `linux/arm/v7`.
fn platform_text(os: &str, architecture: &str, variant: &str) -> String {
    let mut platform = Platform::new(os, architecture);
    platform.variant = variant.to_owned();
    platform.normalized().to_string()
}

fn same_digest(wanted: &str, found: &str) -> Result<(), ContainerError> {
    if wanted != found {
        return Err(ContainerError::Digest { wanted: wanted.to_owned(), found: found.to_owned() });
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
