//! OCI image layouts in a tar file, as exporters write them (OCI image spec v1.1 `image-layout.md`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What points to a blob: a manifest, a config, a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob is.
    pub media_type: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Length in bytes.
    pub size: u64,
}

/// What is wrong with an archive.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The file cannot be read, or is no tar file.
    #[error("cannot read {}", path.display())]
    Read {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something points to a file that the archive does not have.
    #[error("{} has no {entry}", path.display())]
    Missing {
        /// The archive.
        path: PathBuf,
        /// The file inside it.
        entry: String,
    },
    /// A file that is not what it should be.
    #[error("{entry} in {} is not what the OCI image layout wants", path.display())]
    Json {
        /// The archive.
        path: PathBuf,
        /// The file inside it.
        entry: String,
        /// Why.
        source: serde_json::Error,
    },
    /// An archive with other than one image.
    #[error("{} holds {count} images, where one is wanted", path.display())]
    Images {
        /// The archive.
        path: PathBuf,
        /// How many it holds.
        count: usize,
    },
}

/// An archive whose blobs are read where they lie.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    /// Offset and length of each regular file, by its name.
    files: BTreeMap<String, (u64, u64)>,
}

impl Archive {
    /// Reads the table of contents.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Read`].
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let files = list(path).map_err(|source| ArchiveError::Read { path: path.to_path_buf(), source })?;
        Ok(Self { path: path.to_path_buf(), files })
    }

    /// What `index.json` points to: the one image, or the index of one image's platforms.
    ///
    /// # Errors
    ///
    /// All of [`ArchiveError`].
    pub fn root(&self) -> Result<Descriptor, ArchiveError> {
        #[derive(Deserialize)]
        struct Index {
            manifests: Vec<Descriptor>,
        }

        let index: Index = self.json("index.json")?;
        match <[Descriptor; 1]>::try_from(index.manifests) {
            Ok([root]) => Ok(root),
            Err(manifests) => Err(ArchiveError::Images { path: self.path.clone(), count: manifests.len() }),
        }
    }

    /// A blob's bytes, all at once: for manifests and configs.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Missing`], [`ArchiveError::Read`].
    pub fn bytes(&self, digest: &str) -> Result<Vec<u8>, ArchiveError> {
        let mut bytes = Vec::new();
        self.blob(digest)?
            .read_to_end(&mut bytes)
            .map_err(|source| self.unreadable(source))?;
        Ok(bytes)
    }

    /// A blob's bytes, as a stream: for layers.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Missing`], [`ArchiveError::Read`].
    pub fn blob(&self, digest: &str) -> Result<impl Read + use<>, ArchiveError> {
        self.file(&format!("blobs/{}", digest.replacen(':', "/", 1)))
    }

    fn json<T: for<'a> Deserialize<'a>>(&self, entry: &str) -> Result<T, ArchiveError> {
        let mut bytes = Vec::new();
        self.file(entry)?
            .read_to_end(&mut bytes)
            .map_err(|source| self.unreadable(source))?;
        serde_json::from_slice(&bytes).map_err(|source| ArchiveError::Json {
            path: self.path.clone(),
            entry: entry.to_owned(),
            source,
        })
    }

    fn file(&self, entry: &str) -> Result<impl Read + use<>, ArchiveError> {
        let (offset, length) = *self
            .files
            .get(entry)
            .ok_or_else(|| ArchiveError::Missing { path: self.path.clone(), entry: entry.to_owned() })?;
        let mut file = File::open(&self.path).map_err(|source| self.unreadable(source))?;
        file.seek(SeekFrom::Start(offset)).map_err(|source| self.unreadable(source))?;
        Ok(file.take(length))
    }

    fn unreadable(&self, source: io::Error) -> ArchiveError {
        ArchiveError::Read { path: self.path.clone(), source }
    }
}

fn list(path: &Path) -> io::Result<BTreeMap<String, (u64, u64)>> {
    let mut archive = tar::Archive::new(File::open(path)?);
    let mut files = BTreeMap::new();
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        if entry.header().entry_type().is_file() {
            let name = entry.path()?.to_string_lossy().into_owned();
            let name = name.strip_prefix("./").map_or(name.clone(), str::to_owned);
            files.insert(name, (entry.raw_file_position(), entry.size()));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &str)]) -> (tempfile::NamedTempFile, Archive) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut builder = tar::Builder::new(file.as_file());
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        builder.finish().unwrap();
        drop(builder);
        let archive = Archive::open(file.path()).unwrap();
        (file, archive)
    }

    #[test]
    fn the_image_and_its_blobs_are_found() {
        let (_file, archive) = archive(&[
            ("./oci-layout", "{}"),
            ("blobs/sha256/abc", "first"),
            ("index.json", r#"{"manifests":[{"mediaType":"m","digest":"sha256:def","size":6}]}"#),
            ("blobs/sha256/def", "second"),
        ]);
        let root = archive.root().unwrap();
        assert_eq!(root.digest, "sha256:def");
        assert_eq!(archive.bytes(&root.digest).unwrap(), b"second");
        assert_eq!(archive.bytes("sha256:abc").unwrap(), b"first");
    }

    #[test]
    fn what_is_missing_is_named() {
        let (file, archive) = archive(&[("index.json", r#"{"manifests":[]}"#)]);
        let path = file.path().display();
        assert_eq!(
            archive.bytes("sha256:abc").unwrap_err().to_string(),
            format!("{path} has no blobs/sha256/abc")
        );
        assert_eq!(
            archive.root().unwrap_err().to_string(),
            format!("{path} holds 0 images, where one is wanted")
        );
    }
}
