//! A blob while it is written: beside the blobs, until it is whole and what was announced.

use std::fs;
use std::io::{self, Write as _};

use buildkit_llb::Digest;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::{Layout, LayoutError};

/// A blob while it is written. Dropping it without [`commit`](Self::commit) leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    layout: Layout,
    file: NamedTempFile,
    hash: Sha256,
    written: u64,
}

impl BlobWriter {
    pub(super) fn new(layout: Layout) -> Result<Self, LayoutError> {
        let directory = layout.ingest();
        let file = fs::create_dir_all(&directory).and_then(|()| NamedTempFile::new_in(&directory));
        let file = file.map_err(|source| LayoutError::Io { path: directory, source })?;
        Ok(Self { layout, file, hash: Sha256::new(), written: 0 })
    }

    /// How many bytes there are.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The digest of what there is.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::from(<[u8; 32]>::from(self.hash.clone().finalize()))
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// The disk is full, or fails.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), LayoutError> {
        let written = self.file.write_all(bytes);
        written.map_err(|source| self.failed(source))?;
        self.hash.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Puts the blob into its place, and gives its digest. `total` is the announced size, or zero.
    ///
    /// # Errors
    /// It is not what was announced, or the disk fails; then nothing is left.
    pub fn commit(self, expected: Option<Digest>, total: u64) -> Result<Digest, LayoutError> {
        let (digest, written) = (self.digest(), self.written);
        let right = expected.is_none_or(|expected| expected == digest) && (total == 0 || total == written);
        if !right {
            let expected = expected.unwrap_or(digest);
            return Err(LayoutError::Mismatch { expected, total, written, digest });
        }
        let path = self.layout.blob_path(&digest);
        let failed = |source| LayoutError::Io { path: path.clone(), source };
        fs::create_dir_all(self.layout.blobs()).map_err(failed)?;
        super::put_in_place(self.file, &path).map_err(failed)?;
        Ok(digest)
    }

    fn failed(&self, source: io::Error) -> LayoutError {
        LayoutError::Io { path: self.file.path().to_owned(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_what_was_announced_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let other = Digest::of(b"other");
        for (expected, total) in [(Some(other), 0), (None, 4), (Some(Digest::of(b"hello")), 6)] {
            let mut writer = layout.write_blob().unwrap();
            writer.write(b"hello").unwrap();
            let error = writer.commit(expected, total).unwrap_err().to_string();
            assert!(error.contains("5 bytes came, of sha256:2cf24dba"), "{error}");
        }
        drop(layout.write_blob().unwrap());
        assert_eq!(layout.digests().unwrap(), []);
        assert_eq!(fs::read_dir(layout.ingest()).unwrap().count(), 0);
    }
}
