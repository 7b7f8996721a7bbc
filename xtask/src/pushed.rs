//! Images as the registry has them: what they are made of, and what they say of themselves.

use std::io::{self, Read};

use anyhow::{Context as _, Result, bail};
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;
use serde::Deserialize;
use serde_json::Value;
use stagewright_tests::{Descriptor, Registry};

/// What a tag names: an image, or an index of some.
pub(crate) struct Pushed {
    pub(crate) digest: String,
    /// The annotations of the index, if it is one.
    pub(crate) index: Option<Value>,
    pub(crate) members: Vec<Member>,
}

/// An image of one platform.
pub(crate) struct Member {
    /// `linux/amd64`.
    pub(crate) platform: String,
    /// The annotations of its manifest.
    pub(crate) annotations: Value,
    /// Its `Labels`, `Entrypoint`, `Env`, ….
    pub(crate) config: Value,
    layers: Vec<Descriptor>,
}

/// An index or a manifest.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    annotations: Value,
    #[serde(default)]
    manifests: Vec<Entry>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// One of an index.
#[derive(Deserialize)]
struct Entry {
    digest: String,
    platform: Platform,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
}

impl Pushed {
    /// Reads what a tag names. What is attested to is left out.
    pub(crate) fn read(registry: &Registry, repository: &str, tag: &str) -> Result<Self> {
        let (digest, root) = manifest(registry, repository, tag)?;
        if root.config.is_some() {
            let members = vec![Member::read(registry, repository, root)?];
            return Ok(Self { digest, index: None, members });
        }
        let images = root.manifests.iter().filter(|entry| entry.platform.os != "unknown");
        let members = images
            .map(|entry| Member::read(registry, repository, manifest(registry, repository, &entry.digest)?.1))
            .collect::<Result<_>>()?;
        Ok(Self { digest, index: Some(root.annotations), members })
    }

    /// One line for each platform: how large it is, compressed.
    pub(crate) fn print(&self, name: &str) {
        println!("{name} {}", self.digest);
        for member in &self.members {
            println!("  {} {:.2} MB", member.platform, megabytes(member.size()));
        }
    }
}

impl Member {
    fn read(registry: &Registry, repository: &str, manifest: Manifest) -> Result<Self> {
        let config = manifest.config.context("a manifest has no config")?;
        let config: Value = serde_json::from_reader(registry.blob(repository, &config.digest)?)?;
        let word = |key: &str| config[key].as_str().unwrap_or_default();
        Ok(Self {
            platform: format!("{}/{}", word("os"), word("architecture")),
            annotations: manifest.annotations,
            config: config["config"].clone(),
            layers: manifest.layers,
        })
    }

    /// Its layers, compressed: what is pulled.
    pub(crate) fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }

    /// A file of it, as the uppermost layer has it.
    pub(crate) fn file(&self, registry: &Registry, repository: &str, path: &str) -> Result<Vec<u8>> {
        for layer in self.layers.iter().rev() {
            let blob = registry.blob(repository, &layer.digest)?;
            let found = decompressed(&layer.media_type, blob)
                .and_then(|tar| find(tar, path))
                .with_context(|| format!("cannot read the layer {}", layer.digest))?;
            if let Some(bytes) = found {
                return Ok(bytes);
            }
        }
        bail!("{repository} for {} has no {path}", self.platform)
    }
}

/// Bytes, as people count them.
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn manifest(registry: &Registry, repository: &str, reference: &str) -> Result<(String, Manifest)> {
    let found = registry
        .manifest(repository, reference)?
        .with_context(|| format!("the registry has no {repository}:{reference}"))?;
    let manifest = serde_json::from_slice(&found.bytes)
        .with_context(|| format!("{repository}:{reference} is no manifest"))?;
    Ok((found.digest, manifest))
}

/// The tar file of a layer.
pub(crate) fn decompressed<'a>(media_type: &str, layer: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    // OCI's `…tar+gzip`, docker's `…tar.gzip`.
    Ok(match media_type.rsplit(['+', '.']).next() {
        Some("zstd") => Box::new(StreamingDecoder::new(layer).map_err(io::Error::other)?),
        Some("gzip") => Box::new(MultiGzDecoder::new(layer)),
        Some("tar") => Box::new(layer),
        _ => return Err(io::Error::other(format!("its type is not known: {media_type}"))),
    })
}

fn find(tar: impl Read, path: &str) -> io::Result<Option<Vec<u8>>> {
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let is_file = entry.header().entry_type().is_file();
        if is_file && entry.path()?.as_os_str() == path {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    #[test]
    fn a_file_is_found_in_a_layer() {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        tar.append_data(&mut header, "bin/it", b"bytes".as_slice()).unwrap();
        let tar = tar.into_inner().unwrap();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        io::copy(&mut &*tar, &mut gzip).unwrap();
        let forms = [
            ("application/vnd.oci.image.layer.v1.tar+gzip", gzip.finish().unwrap()),
            (
                "application/vnd.oci.image.layer.v1.tar+zstd",
                compress_to_vec(&*tar, CompressionLevel::Fastest),
            ),
        ];
        for (media_type, layer) in forms {
            let found = |path| find(decompressed(media_type, &*layer).unwrap(), path).unwrap();
            assert_eq!(found("bin/it").as_deref(), Some(b"bytes".as_slice()), "{media_type}");
            assert_eq!(found("it"), None, "{media_type}");
        }
        assert!(decompressed("application/vnd.oci.image.layer.v1.tar+xz", &*tar).is_err());
    }
}
