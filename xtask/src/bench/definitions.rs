//! What is solved, written to files that both clients read.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use buildkit_llb::{
    CopyAction, FileOp, Graph, ImageRef, ImageSource, LocalIdentity, LocalSource, Metadata, MkfileAction,
    Output, Platform,
};

/// Steps of the small project.
const STEPS: u32 = 10;

/// Writes the definition that uploads a context and does nothing else.
///
/// Its only op is the local source: a daemon takes in the files and checksums them, which any use of a context
/// makes it do, and neither copies nor runs anything.
pub(super) fn upload(directory: &Path, key: &str) -> Result<PathBuf> {
    let mut graph = Graph::new();
    let context = context(&mut graph, key)?;
    write(directory, &format!("upload-{key}"), &graph, context)
}

/// Writes a definition of a copied context with a few steps above it, as small projects are.
pub(super) fn project(directory: &Path, key: &str) -> Result<PathBuf> {
    let mut graph = Graph::new();
    let context = context(&mut graph, key)?;
    let copy = CopyAction { dir_contents: true, ..CopyAction::new(context, "/", "/") };
    let mut top = graph.add(FileOp::chain(None, [copy]), Metadata::default())?.root();
    for step in 0..STEPS {
        let file = MkfileAction::new(format!("/step-{step}"), 0o644, key.to_owned());
        top = graph.add(FileOp::chain(Some(top), [file]), Metadata::default())?.root();
    }
    write(directory, key, &graph, top)
}

/// Writes a definition that has an image pulled and unpacked, and does nothing that anybody else would do.
pub(super) fn pulled(directory: &Path, image: &str) -> Result<PathBuf> {
    let mut graph = Graph::new();
    let name: ImageRef = image.parse().with_context(|| format!("{image} is no image's name"))?;
    let source = graph
        .add(ImageSource::new(name, Platform::new("linux", ARCH).normalized()), Metadata::default())?
        .root();
    // Only who writes onto an image makes a daemon unpack it.
    let file = MkfileAction::new("/bench-pulled", 0o644, String::new());
    let top = graph.add(FileOp::chain(Some(source), [file]), Metadata::default())?.root();
    write(directory, "pulled", &graph, top)
}

fn context(graph: &mut Graph, key: &str) -> Result<Output> {
    // The key names the daemon's copy: another one is a copy of its own.
    let source = LocalSource {
        shared_key_hint: key.to_owned(),
        ..LocalSource::new("context", LocalIdentity::Unique(key.to_owned()))
    };
    Ok(graph.add(source, Metadata::default())?.root())
}

fn write(directory: &Path, name: &str, graph: &Graph, target: Output) -> Result<PathBuf> {
    let path = directory.join(format!("{name}.pb"));
    let bytes = graph.definition(Some(target))?.encode();
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
