//! The lock file on this machine.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use stagewright_plan::lock::{Lock, LockError};

/// The largest lock file that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// A lock file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockFileError {
    /// It is not there, and somebody counts on it.
    #[error("there is no lock file {}: `lock` writes it", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It is counted on, and nothing says where it is.
    #[error("the build is to keep to a lock file, and has none: `--lock FILE` names one")]
    NoPlace,
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no lock.
    #[error("{}: {source}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        source: LockError,
    },
    /// It cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The lock in a file; none if the file is not there. Blocks.
pub(crate) fn read(path: &Path) -> Result<Option<Lock>, LockFileError> {
    let wrong = |source| LockFileError::Read { path: path.to_owned(), source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error)),
    };
    if !file.metadata().map_err(wrong)?.is_file() {
        return Err(wrong(io::Error::other("it is no file")));
    }
    let mut text = String::new();
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(wrong)?;
    if read as u64 > MAX_BYTES {
        return Err(wrong(io::Error::other(format!("it has more than {MAX_BYTES} bytes"))));
    }
    Lock::parse(&text)
        .map(Some)
        .map_err(|source| LockFileError::Form { path: path.to_owned(), source })
}

/// Puts a lock into its file, whole or not at all; a link stays one. Blocks.
pub(crate) fn write(path: &Path, lock: &Lock) -> Result<(), LockFileError> {
    let wrong = |source| LockFileError::Write { path: path.to_owned(), source };
    let beside = path.parent().unwrap_or(Path::new(""));
    let target = fs::canonicalize(path)
        // It leads to nothing yet.
        .or_else(|_| fs::read_link(path).map(|link| beside.join(link)))
        .unwrap_or_else(|_| path.to_owned());
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(directory.unwrap_or(Path::new(".")))
        .map_err(wrong)?;
    let written = file.write_all(lock.to_string().as_bytes());
    written.and_then(|()| file.as_file().sync_all()).map_err(wrong)?;
    file.persist(&target).map_err(|error| wrong(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use stagewright_plan::lock::LockKey;

    use super::*;

    #[test]
    fn a_lock_file_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stages.lock");
        assert!(read(&path).unwrap().is_none());
        let mut lock = Lock::default();
        lock.pin(LockKey::Git("https://example.com/a#v1".to_owned()), "a".repeat(40));
        write(&path, &lock).unwrap();
        assert_eq!(lock.changes(&read(&path).unwrap().unwrap()), []);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let link = folder.path().join("link.lock");
        symlink(&path, &link).unwrap();
        write(&link, &Lock::default()).unwrap();
        assert!(link.is_symlink());
        assert_eq!(Lock::default().changes(&read(&path).unwrap().unwrap()), []);

        fs::remove_file(&path).unwrap();
        write(&link, &lock).unwrap();
        assert!(link.is_symlink() && path.is_file());
    }

    #[test]
    fn what_is_no_lock_file_is_called_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stages.lock");
        fs::write(&path, "{\n  \"version\": 1,\n}").unwrap();
        let told = read(&path).unwrap_err().to_string();
        assert!(told.ends_with("at line 3 column 1") && told.contains("stages.lock: not a lock"), "{told}");
        let told = read(folder.path()).unwrap_err().to_string();
        assert!(told.starts_with("cannot read "), "{told}");
        let told = write(&folder.path().join("no/where"), &Lock::default())
            .unwrap_err()
            .to_string();
        assert!(told.starts_with("cannot write "), "{told}");
    }
}
