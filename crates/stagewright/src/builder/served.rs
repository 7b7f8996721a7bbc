//! What a build's sessions serve: directories, layouts of images, and layouts of caches.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

use buildkit_client::session::content::ContentStores;
use buildkit_gateway::CacheImport;
use stagewright_plan::lower::MAIN_CONTEXT;
use tokio::task::spawn_blocking;

use super::{BuildOptions, StartError, context};

/// What the sessions serve.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// Contexts that are directories.
    pub(super) directories: Vec<(String, PathBuf)>,
    /// Contexts and caches that are layouts.
    pub(super) content: ContentStores,
    /// Of contexts that are layouts, the images that are meant.
    pub(super) digests: BTreeMap<String, String>,
    /// Caches that are looked into.
    pub(super) cache_imports: Vec<CacheImport>,
}

/// Opens all of it.
pub(super) async fn open(options: &BuildOptions) -> Result<Served, StartError> {
    let options = options.clone();
    let read = spawn_blocking(move || read(&options)).await;
    read.unwrap_or_else(|panic| resume_unwind(panic.into_panic()))
}

/// Blocks for as long as it takes to read the indexes of layouts.
fn read(options: &BuildOptions) -> Result<Served, StartError> {
    let mut served = Served::default();
    let named = options.contexts.iter().map(|(name, context)| (name.as_str(), context));
    for (name, source) in [(MAIN_CONTEXT, &options.context)].into_iter().chain(named) {
        if let Some(path) = source.directory() {
            served.directories.push((name.to_owned(), Path::to_owned(path)));
        }
        if let Some(opened) = source.layout() {
            let (layout, digest) =
                opened.map_err(|source| StartError::Layout { name: name.to_owned(), source })?;
            served.content = served.content.images(&context::store(name), layout);
            served.digests.insert(name.to_owned(), digest);
        }
    }
    for cache in &options.cache_from {
        let (layout, import) = cache.import()?;
        served.cache_imports.push(import);
        if let Some(layout) = layout {
            served.content = served.content.cache_from(cache.store("src"), layout);
        }
    }
    for cache in &options.cache_to {
        if let Some(layout) = cache.directory()? {
            served.content = served.content.cache_to(cache.store("dest"), layout);
        }
    }
    Ok(served)
}
