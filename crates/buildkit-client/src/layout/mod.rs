//! OCI image layouts: directories of blobs by digest, with an index of what is in them.
//!
//! Sources of the kind `oci-layout` are read from one, caches of the kind `local` are written to and read from
//! one, and the exporters `oci` and `docker` write one with `tar=false`. The daemon reads and writes blobs through a
//! [session](crate::session::content); which of them matter, `index.json` says, which is written here when
//! a solve has succeeded. (OCI image-spec v1.1 image-layout.md; BuildKit v0.34 `client/ociindex`.)

mod blob;
mod index;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use buildkit_llb::Digest;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tempfile::NamedTempFile;

pub use blob::BlobWriter;
pub use index::{Descriptor, Name};

/// A directory in the OCI image layout.
#[derive(Clone, Debug)]
pub struct Layout {
    path: PathBuf,
}

/// A layout cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// There is no layout.
    #[error("{} is no OCI layout: there is no `oci-layout` or `index.json` in it", path.display())]
    Absent {
        /// The directory.
        path: PathBuf,
    },
    /// A file in it cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else stands in the place of a blob.
    #[error("{} is no regular file: blobs are read from nothing else, not through links", path.display())]
    NoFile {
        /// The path of the blob.
        path: PathBuf,
    },
    /// Its index is no index.
    #[error("{} is no OCI index: {source}", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Somebody else is changing its index.
    #[error("{} is locked: another build writes to this layout", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// What was written has another digest or size than was announced.
    #[error("blob {expected} was announced with {total} bytes, and {written} bytes came, of {digest}")]
    Mismatch {
        /// The digest that was announced.
        expected: Digest,
        /// The size that was announced; zero if none was.
        total: u64,
        /// What came.
        written: u64,
        /// Its digest.
        digest: Digest,
    },
}

impl Layout {
    /// The layout in this directory.
    ///
    /// # Errors
    /// There is none.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, LayoutError> {
        let path = path.into();
        let known = ["oci-layout", "index.json"].iter().any(|name| path.join(name).is_file());
        if known { Ok(Self { path }) } else { Err(LayoutError::Absent { path }) }
    }

    /// The layout in this directory, which is made if there is none.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, LayoutError> {
        let layout = Self { path: path.into() };
        for directory in [layout.blobs(), layout.ingest()] {
            fs::create_dir_all(&directory).map_err(|source| LayoutError::Io { path: directory, source })?;
        }
        let version = layout.path.join("oci-layout");
        if !version.exists() {
            fs::write(&version, r#"{"imageLayoutVersion":"1.0.0"}"#)
                .map_err(|source| LayoutError::Io { path: version, source })?;
        }
        Ok(layout)
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a blob is, or would be.
    #[must_use]
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        let text = digest.to_string();
        self.blobs().join(text.trim_start_matches("sha256:"))
    }

    /// Opens a blob, with its size; `None` if there is no such blob. Links are not followed, and pipes not waited for.
    ///
    /// # Errors
    /// It cannot be read, or is no regular file.
    pub fn blob(&self, digest: &Digest) -> Result<Option<(File, u64)>, LayoutError> {
        let path = self.blob_path(digest);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            // A link; a socket.
            Err(Errno::LOOP | Errno::NXIO) => return Err(LayoutError::NoFile { path }),
            Err(errno) => return Err(LayoutError::Io { path, source: errno.into() }),
        };
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(Some((file, metadata.len()))),
            Ok(_) => Err(LayoutError::NoFile { path }),
            Err(source) => Err(LayoutError::Io { path, source }),
        }
    }

    /// The digests of all blobs, in order.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn digests(&self) -> Result<Vec<Digest>, LayoutError> {
        let path = self.blobs();
        let failed = |source| LayoutError::Io { path: path.clone(), source };
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed(source)),
        };
        let mut digests = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            // What has another name is no blob.
            digests.extend(format!("sha256:{}", name.display()).parse::<Digest>());
        }
        digests.sort_unstable();
        Ok(digests)
    }

    /// Begins to write a blob.
    ///
    /// # Errors
    /// The layout cannot be written.
    pub fn write_blob(&self) -> Result<BlobWriter, LayoutError> {
        BlobWriter::new(self.clone())
    }

    fn blobs(&self) -> PathBuf {
        self.path.join("blobs/sha256")
    }

    /// Where blobs lie before they are whole.
    fn ingest(&self) -> PathBuf {
        self.path.join("ingest")
    }
}

/// Puts a file that was written beside its place into it, for whoever may read the layout, and to stay.
fn put_in_place(file: NamedTempFile, path: &Path) -> io::Result<()> {
    // Temporary files are private.
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    let directory = path.parent().expect("a file of a layout is in a directory");
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_directory_is_no_layout() {
        let folder = tempfile::tempdir().unwrap();
        let error = Layout::open(folder.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("is no OCI layout: there is no `oci-layout` or `index.json` in it"),
            "{error}"
        );
        Layout::create(folder.path()).unwrap();
        assert_eq!(Layout::open(folder.path()).unwrap().digests().unwrap(), []);
    }

    #[test]
    fn a_blob_is_a_regular_file() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path().join("layout")).unwrap();
        let path = layout.blob_path(&Digest::of(b"a"));
        let check = || {
            let error = layout.blob(&Digest::of(b"a")).unwrap_err();
            assert!(matches!(error, LayoutError::NoFile { .. }), "{error}");
        };
        let outside = folder.path().join("outside");
        fs::write(&outside, "a").unwrap();
        std::os::unix::fs::symlink(&outside, &path).unwrap();
        check();
        fs::remove_file(&path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        check();
        fs::remove_file(&path).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        check();
        drop(socket);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        check();
    }

    #[test]
    fn what_is_written_is_read_back_under_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path().join("new/layout")).unwrap();
        let digest = Digest::of(b"hello");
        assert!(layout.blob(&digest).unwrap().is_none());

        let mut writer = layout.write_blob().unwrap();
        writer.write(b"hel").unwrap();
        writer.write(b"lo").unwrap();
        assert_eq!(writer.commit(None, 0).unwrap(), digest);

        fs::write(layout.blobs().join("notes.txt"), "").unwrap();
        assert_eq!(layout.digests().unwrap(), [digest]);
        let (_, size) = layout.blob(&digest).unwrap().unwrap();
        assert_eq!(size, 5);
        assert_eq!(fs::read(layout.blob_path(&digest)).unwrap(), b"hello");
    }
}
