//! Pushing an archive as it is: every blob, then the manifests from the inside out.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use stagewright_tests::{Archive, Descriptor, Registry};

use super::recipe::Recipe;

/// What a manifest or an index points to.
#[derive(Deserialize)]
struct Children {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

/// Pushes an image under its tags and returns its digest. What the registry has is not sent again.
pub(super) fn push(archive: &Archive, registry: &Registry, recipe: &Recipe) -> Result<String> {
    let root = archive.root()?;
    push_children(archive, registry, recipe.repository, &root)?;
    let bytes = archive.bytes(&root.digest)?;
    for tag in recipe.tags {
        registry.push_manifest(recipe.repository, tag, &root.media_type, &bytes)?;
    }
    Ok(root.digest)
}

fn push_children(
    archive: &Archive,
    registry: &Registry,
    repository: &str,
    parent: &Descriptor,
) -> Result<()> {
    let children: Children = serde_json::from_slice(&archive.bytes(&parent.digest)?)
        .with_context(|| format!("{} is no manifest", parent.digest))?;
    for blob in children.config.iter().chain(&children.layers) {
        if !registry.has_blob(repository, &blob.digest)? {
            registry.push_blob(repository, blob, archive.blob(&blob.digest)?)?;
        }
    }
    for manifest in &children.manifests {
        push_children(archive, registry, repository, manifest)?;
        let bytes = archive.bytes(&manifest.digest)?;
        registry.push_manifest(repository, &manifest.digest, &manifest.media_type, &bytes)?;
    }
    Ok(())
}
