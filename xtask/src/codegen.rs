//! `cargo xtask codegen`: the Rust of `buildkit-proto`, generated from `proto/`.
//!
//! Every file under `proto/` is compiled by protox (no `protoc`), written as Rust by prost and tonic, and
//! formatted by rustfmt. The same input gives the same bytes, so that `--check` can compare.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What can go wrong in `cargo xtask codegen`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodegenError {
    /// A file or directory could not be read or written.
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    /// The files under `proto/` are not valid.
    #[error("proto: {0}")]
    Proto(#[from] protox::Error),
    /// No Rust could be generated from them.
    #[error("generating from proto: {0}")]
    Generate(io::Error),
    /// rustfmt failed, or is not installed (`rustup component add rustfmt`).
    #[error("rustfmt of the generated code: {0}")]
    Rustfmt(String),
    /// What is committed is not what `proto/` gives.
    #[error("generated code differs from proto, run `cargo xtask codegen`:{}", lines(.0))]
    Differs(BTreeSet<PathBuf>),
}

/// Writes the generated code; with `check`, compares it with what is there and changes nothing.
pub(crate) fn run(check: bool) -> Result<(), CodegenError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the repository");
    let committed = root.join("crates/buildkit-proto/src/generated");
    let scratch = tempfile::tempdir().map_err(at("temporary directory"))?;
    generate(&root.join("proto"), scratch.path())?;
    rustfmt(root, scratch.path())?;

    let new = read_all(scratch.path())?;
    let old = if committed.is_dir() { read_all(&committed)? } else { BTreeMap::new() };
    let differing: BTreeSet<PathBuf> = new
        .keys()
        .chain(old.keys())
        .filter(|name| new.get(*name) != old.get(*name))
        .cloned()
        .collect();
    if check {
        return if differing.is_empty() { Ok(()) } else { Err(CodegenError::Differs(differing)) };
    }

    fs::create_dir_all(&committed).map_err(at(&committed))?;
    for name in &differing {
        let path = committed.join(name);
        match new.get(name) {
            Some(bytes) => fs::write(&path, bytes),
            None => fs::remove_file(&path),
        }
        .map_err(at(&path))?;
    }
    Ok(())
}

/// Compiles the files under `proto` into one Rust file per package and a `mod.rs` that nests them.
fn generate(proto: &Path, out: &Path) -> Result<(), CodegenError> {
    let descriptors = protox::compile(proto_files(proto)?, [proto])?;
    let services = "#[cfg(feature = \"services\")]";
    tonic_prost_build::configure()
        .out_dir(out)
        .include_file("mod.rs")
        .emit_rerun_if_changed(false)
        // A client takes any channel; which transport is its user's choice.
        .build_transport(false)
        .client_mod_attribute(".", services)
        .server_mod_attribute(".", services)
        .bytes(".")
        // Credentials have a `Debug` of their own, in `redact.rs`, which does not show them.
        .skip_debug([
            ".moby.filesync.v1.CredentialsResponse",
            ".moby.filesync.v1.FetchTokenResponse",
            ".moby.buildkit.secrets.v1.GetSecretResponse",
        ])
        .compile_fds(descriptors)
        .map_err(CodegenError::Generate)
}

/// The `.proto` files under a directory, sorted.
fn proto_files(dir: &Path) -> Result<BTreeSet<PathBuf>, CodegenError> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(dir).map_err(at(dir))? {
        let path = entry.map_err(at(dir))?.path();
        if path.is_dir() {
            files.append(&mut proto_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.insert(path);
        }
    }
    Ok(files)
}

/// Formats the files of a directory with this repository's settings.
fn rustfmt(root: &Path, dir: &Path) -> Result<(), CodegenError> {
    let output = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root.join("rustfmt.toml"))
        .args(read_all(dir)?.keys().map(|name| dir.join(name)))
        .output()
        .map_err(|error| CodegenError::Rustfmt(error.to_string()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(CodegenError::Rustfmt(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

/// The files of a flat directory, by name.
fn read_all(dir: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, CodegenError> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(at(dir))? {
        let entry = entry.map_err(at(dir))?;
        let bytes = fs::read(entry.path()).map_err(at(entry.path()))?;
        files.insert(PathBuf::from(entry.file_name()), bytes);
    }
    Ok(files)
}

fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> CodegenError {
    let path = path.into();
    |source| CodegenError::Io { path, source }
}

fn lines(paths: &BTreeSet<PathBuf>) -> String {
    paths.iter().map(|path| format!("\n  {}", path.display())).collect()
}
