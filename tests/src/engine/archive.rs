//! An image of a registry as an archive that every engine loads (moby image spec v1.3 "Combined Image JSON + Filesystem
//! Changeset Format"): a list of images, their configs and their layers, which may be compressed.

use std::fs::File;
use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use crate::{Descriptor, Registry};

/// Of an index, what this machine runs.
const PLATFORM: (&str, &str) = ("linux", if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" });

/// What a manifest or an index points to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Children {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Platformed>,
}

#[derive(Deserialize)]
struct Platformed {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

/// Writes the archive of an image, which has the name that it has in the registry.
pub(super) fn write(registry: &Registry, name: &str, path: &Path) {
    let (repository, tag) = split(name);
    let found = |reference: &str| -> Children {
        let manifest = registry.manifest(&repository, reference).unwrap();
        let manifest = manifest.unwrap_or_else(|| panic!("the registry has no {repository}:{reference}"));
        serde_json::from_slice(&manifest.bytes).unwrap()
    };
    let mut image = found(tag);
    if image.config.is_none() {
        let ours =
            |it: &&Platformed| it.platform.as_ref().is_some_and(|p| (&*p.os, &*p.architecture) == PLATFORM);
        let manifest = image.manifests.iter().find(ours);
        image = found(&manifest.unwrap_or_else(|| panic!("{name} is not for {PLATFORM:?}")).digest);
    }
    let config = image.config.unwrap_or_else(|| panic!("{name} has no config"));

    let mut tar = tar::Builder::new(File::create(path).unwrap());
    for blob in image.layers.iter().chain([&config]) {
        let content = registry.blob(&repository, &blob.digest).unwrap();
        append(&mut tar, &entry(blob), blob.size, content);
    }
    let layers: Vec<String> = image.layers.iter().map(entry).collect();
    let list = json!([{"Config": entry(&config), "RepoTags": [name], "Layers": layers}]).to_string();
    append(&mut tar, "manifest.json", list.len() as u64, list.as_bytes());
    tar.finish().unwrap();
}

fn append(tar: &mut tar::Builder<File>, name: &str, size: u64, content: impl std::io::Read) {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, content).unwrap();
}

fn entry(blob: &Descriptor) -> String {
    format!("blobs/{}", blob.digest.replacen(':', "/", 1))
}

/// The repository in the registry, and the tag.
fn split(name: &str) -> (String, &str) {
    let (repository, tag) = name.split_once(':').unwrap_or_else(|| panic!("{name:?} has no tag"));
    match repository.contains('/') {
        true => (repository.to_owned(), tag),
        false => (format!("library/{repository}"), tag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_docker() {
        assert_eq!(split("busybox:latest"), ("library/busybox".into(), "latest"));
        assert_eq!(split("stagewright/stages:1"), ("stagewright/stages".into(), "1"));
    }
}
