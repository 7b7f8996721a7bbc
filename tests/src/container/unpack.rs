//! Layers, laid one over the other in a directory (OCI image spec v1.1 `layer.md`).

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

/// How the name of a file begins that says: the file of the other name is gone.
const WHITEOUT: &str = ".wh.";

/// Says that everything is gone that lower layers have in its directory.
const OPAQUE: &str = ".wh..wh..opq";

/// Why a layer was not laid.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// An entry whose place is outside the directory.
    #[error("{} leads out of the image", .0.display())]
    Outside(PathBuf),
    /// A file that could not be written, or removed.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A layer that is no archive, or ends too early.
    #[error("cannot read the archive")]
    Archive(#[from] io::Error),
}

/// Lays a layer, an uncompressed tar, over what is in the directory, keeping owners and modes.
pub(super) fn lay(layer: impl Read, root: &Path) -> Result<(), UnpackError> {
    let root = root.canonicalize().map_err(|source| write_error(root, source))?;
    let mut archive = tar::Archive::new(layer);
    archive.set_preserve_ownerships(rustix::process::geteuid().is_root());
    archive.set_preserve_permissions(true);
    archive.set_overwrite(true);
    // What this layer brought itself survives its own whiteouts.
    let mut brought = BTreeSet::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = plain(&entry.path()?)?;
        let Some(name) = path.file_name() else {
            continue;
        };
        let parent = inside(&root, path.parent().unwrap_or(Path::new("")))?;
        let name = name.to_string_lossy().into_owned();
        if name == OPAQUE {
            for below in parent.iter().flat_map(fs::read_dir).flatten() {
                let below = below?.path();
                if !brought.contains(&below) {
                    remove(&below)?;
                }
            }
            continue;
        }
        if let Some(gone) = name.strip_prefix(WHITEOUT) {
            if let Some(parent) = parent {
                remove(&parent.join(gone))?;
            }
            continue;
        }
        if let Some(place) = parent.map(|parent| parent.join(&name)) {
            let is_directory = entry.header().entry_type().is_dir();
            // A directory is laid over a directory; anything else takes the other's place.
            if fs::symlink_metadata(&place).is_ok_and(|old| !(is_directory && old.is_dir())) {
                remove(&place)?;
            }
            brought.insert(place);
        }
        if !entry.unpack_in(&root).map_err(|source| write_error(&path, source))? {
            return Err(UnpackError::Outside(path));
        }
    }
    Ok(())
}

/// A path of an entry, relative and without detours.
fn plain(path: &Path) -> Result<PathBuf, UnpackError> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => plain.push(part),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(UnpackError::Outside(path.to_path_buf()));
            }
        }
    }
    Ok(plain)
}

/// Where a directory of the image really is, all links followed; nothing if it is not there.
fn inside(root: &Path, directory: &Path) -> Result<Option<PathBuf>, UnpackError> {
    match root.join(directory).canonicalize() {
        Ok(path) if path.starts_with(root) => Ok(Some(path)),
        Ok(_) => Err(UnpackError::Outside(directory.to_path_buf())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(write_error(directory, source)),
    }
}

fn remove(path: &Path) -> Result<(), UnpackError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(old) if old.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(|source| write_error(path, source))
}

fn write_error(path: &Path, source: io::Error) -> UnpackError {
    UnpackError::Write { path: path.to_path_buf(), source }
}

#[cfg(test)]
mod tests {
    use tar::{EntryType, Header};

    use super::*;

    /// A layer of files, and of directories and links where the text says so.
    fn layer(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, text) in entries {
            let mut header = Header::new_gnu();
            header.set_mode(0o755);
            header.set_uid(rustix::process::geteuid().as_raw().into());
            header.set_gid(rustix::process::getegid().as_raw().into());
            if *text == "DIR" {
                header.set_entry_type(EntryType::Directory);
                header.set_size(0);
                builder.append_data(&mut header, path, io::empty()).unwrap();
            } else if let Some(to) = text.strip_prefix("-> ") {
                header.set_entry_type(EntryType::Symlink);
                header.set_size(0);
                builder.append_link(&mut header, path, to).unwrap();
            } else {
                header.set_size(text.len() as u64);
                builder.append_data(&mut header, path, text.as_bytes()).unwrap();
            }
        }
        builder.into_inner().unwrap()
    }

    fn read(root: &Path, path: &str) -> String {
        fs::read_to_string(root.join(path)).unwrap()
    }

    #[test]
    fn a_layer_replaces_removes_and_keeps() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let lower =
            [("etc", "DIR"), ("etc/a", "1"), ("etc/b", "1"), ("opt", "DIR"), ("opt/old", "1"), ("x", "DIR")];
        lay(layer(&lower).as_slice(), root).unwrap();
        let upper = [
            ("etc/.wh.a", ""),
            ("etc/b", "2"),
            ("opt", "DIR"),
            ("opt/new", "2"),
            ("opt/.wh..wh..opq", ""),
            ("x", "now a file"),
        ];
        lay(layer(&upper).as_slice(), root).unwrap();
        assert!(!root.join("etc/a").exists() && !root.join("opt/old").exists());
        assert_eq!(read(root, "etc/b"), "2");
        assert_eq!(read(root, "opt/new"), "2");
        assert_eq!(read(root, "x"), "now a file");
        assert!(!root.join("etc/.wh.a").exists() && !root.join("opt/.wh..wh..opq").exists());
    }

    #[test]
    fn a_directory_is_found_through_a_link_of_the_image() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let entries = [("usr", "DIR"), ("usr/bin", "DIR"), ("bin", "-> usr/bin"), ("bin/tool", "1")];
        lay(layer(&entries).as_slice(), root).unwrap();
        assert_eq!(read(root, "usr/bin/tool"), "1");
    }

    #[test]
    fn nothing_leads_out_of_the_image() {
        let outside = tempfile::tempdir().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let link = format!("-> {}", outside.path().display());
        let error = lay(layer(&[("out", &link), ("out/file", "1")]).as_slice(), dir.path()).unwrap_err();
        assert_eq!(error.to_string(), "out leads out of the image");
        assert!(!outside.path().join("file").exists());
        assert!(plain(Path::new("a/../../b")).is_err());
    }
}
