//! A directory that cannot be left.
//!
//! Every access goes from the directory's own descriptor down, one component at a time, and follows no
//! symbolic link, so that nothing outside can be read or written, also when the tree changes meanwhile.
//! Paths may be longer than the kernel takes at once. Linux and macOS; extended attributes on Linux only.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode as Permissions, OFlags};
use rustix::io::Errno;

use super::stat::{Kind, Mode, Stat};
use buildkit_patterns::path;

/// An open directory.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    path: PathBuf,
}

/// `lstat` of an entry, with what makes it the same file on another look.
pub(super) struct Found {
    pub(super) stat: Stat,
    /// Whether the file has other names.
    pub(super) shared: bool,
    pub(super) device_and_inode: (u64, u64),
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Root {
    /// Opens a directory; links on the way to it are followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Permissions::empty())?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// The path that was opened, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the directory at a relative path; the empty path is the root itself.
    pub(super) fn directory(&self, relative: &[u8]) -> io::Result<OwnedFd> {
        let mut fd = self.fd.try_clone()?;
        for part in relative.split(|b| *b == b'/').filter(|p| !p.is_empty()) {
            fd = open_directory(fd.as_fd(), part)?;
        }
        Ok(fd)
    }

    /// Opens a regular file for reading. Anything else is `InvalidInput`, without waiting for a pipe.
    #[cfg(test)]
    fn file(&self, relative: &[u8]) -> io::Result<File> {
        let (directory, name) = path::split(relative);
        Ok(open_file(self.directory(directory)?.as_fd(), name)?.0)
    }

    /// Target of the symbolic link at a path; `None` where there is anything else or nothing.
    pub(super) fn link(&self, relative: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let (directory, name) = path::split(relative);
        let read = self.directory(directory).and_then(|fd| read_link(fd.as_fd(), name));
        match read {
            Ok(target) => Ok(Some(target)),
            Err(e) if is_absent(&e) || e.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Sorted names in the directory at a path; none where there is no directory.
    pub(super) fn names(&self, relative: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        match self.directory(relative).and_then(|fd| list(fd.as_fd())) {
            Ok(entries) => Ok(entries.into_iter().map(|(name, _)| name).collect()),
            Err(e) if is_absent(&e) => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }
}

/// Whether there is nothing at that path, or a link or file where a directory was expected.
pub(super) fn is_absent(error: &io::Error) -> bool {
    [Errno::NOENT, Errno::NOTDIR, Errno::LOOP]
        .iter()
        .any(|e| error.raw_os_error() == Some(e.raw_os_error()))
}

/// Opens a child directory.
pub(super) fn open_directory(parent: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(parent, checked(name)?, DIRECTORY, Permissions::empty())?)
}

/// Opens a regular file for reading. Anything else is `InvalidInput`, without waiting for a pipe.
pub(super) fn open_file(parent: BorrowedFd<'_>, name: &[u8]) -> io::Result<(File, Metadata)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(parent, checked(name)?, flags, Permissions::empty())?);
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok((file, metadata))
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

/// Names and kinds of all entries of a directory, sorted by name.
pub(super) fn list(directory: BorrowedFd<'_>) -> io::Result<Vec<(Vec<u8>, Kind)>> {
    let mut entries = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                match rustix::fs::statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => Mode::from_unix(stat.st_mode).kind(),
                    Err(Errno::NOENT) => continue,
                    Err(e) => return Err(e.into()),
                }
            }
            known => Mode::from_unix(known.as_raw_mode()).kind(),
        };
        entries.push((name.to_vec(), kind));
    }
    entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(entries)
}

/// What is at `name`, not following a link. The path in the result is `name`.
pub(super) fn look(directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<Found> {
    let raw = rustix::fs::statat(directory, checked(name)?, AtFlags::SYMLINK_NOFOLLOW)?;
    let mode = Mode::from_unix(raw.st_mode);
    let device = matches!(mode.kind(), Kind::CharDevice | Kind::BlockDevice);
    let number = |part: u32| if device { i64::from(part) } else { 0 };
    let stat = Stat {
        path: name.to_vec(),
        mode,
        uid: raw.st_uid,
        gid: raw.st_gid,
        size: if mode.kind() == Kind::Directory { 0 } else { raw.st_size },
        mtime: nanoseconds(raw.st_mtime, i64::try_from(raw.st_mtime_nsec).unwrap_or(0)),
        link: if mode.kind() == Kind::Symlink { read_link(directory, name)? } else { Vec::new() },
        device_major: number(rustix::fs::major(raw.st_rdev)),
        device_minor: number(rustix::fs::minor(raw.st_rdev)),
        xattrs: read_xattrs(directory, name)?,
    };
    Ok(Found { stat, shared: raw.st_nlink > 1, device_and_inode: (raw.st_dev, raw.st_ino) })
}

/// Seconds and nanoseconds as one number; times beyond the years 1677 and 2262 stop there.
pub(super) fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

fn read_link(directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<Vec<u8>> {
    Ok(rustix::fs::readlinkat(directory, checked(name)?, Vec::new()).map(CString::into_bytes)?)
}

/// A single component that stays where it is.
pub(super) fn checked(name: &[u8]) -> io::Result<&OsStr> {
    if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file name"));
    }
    Ok(OsStr::from_bytes(name))
}

/// All extended attributes except macOS's own; those that cannot be read are left out, as fsutil does.
#[cfg(target_os = "linux")]
fn read_xattrs(directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<BTreeMap<String, Vec<u8>>> {
    // There is no system call for this relative to a directory; the descriptor's own path in /proc
    // names the directory itself, wherever it is now, and the last component is not followed.
    let path = fd_path(directory, name);
    let list = match sized(|buffer| rustix::fs::llistxattr(&path, buffer)) {
        Ok(list) => list,
        Err(Errno::NOTSUP | Errno::NOENT | Errno::PERM | Errno::ACCESS) => return Ok(BTreeMap::new()),
        Err(e) => return Err(e.into()),
    };
    let names = list.split(|b| *b == 0).filter_map(|n| std::str::from_utf8(n).ok());
    let wanted = names.filter(|n| !n.is_empty() && !n.starts_with("com.apple."));
    Ok(wanted
        .filter_map(|key| {
            let value = sized(|buffer| rustix::fs::lgetxattr(&path, key, buffer)).ok()?;
            Some((key.to_owned(), value))
        })
        .collect())
}

#[cfg(not(target_os = "linux"))]
fn read_xattrs(_: BorrowedFd<'_>, _: &[u8]) -> io::Result<BTreeMap<String, Vec<u8>>> {
    Ok(BTreeMap::new())
}

/// A path that reaches `name` through an open directory.
#[cfg(target_os = "linux")]
fn fd_path(directory: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
    use std::os::fd::AsRawFd;
    [format!("/proc/self/fd/{}/", directory.as_raw_fd()).as_bytes(), name].concat()
}

/// Calls with a growing buffer until the answer fits: 64 KiB is the kernel's own limit.
#[cfg(target_os = "linux")]
fn sized(call: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; 256];
    loop {
        match call(&mut buffer) {
            Err(Errno::RANGE) if buffer.len() < 65536 => buffer.resize(65536, 0),
            Err(e) => return Err(e),
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_outside_is_reached() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let inside = tempfile::tempdir().unwrap();
        symlink(outside.path(), inside.path().join("out")).unwrap();
        symlink(outside.path().join("secret"), inside.path().join("file")).unwrap();
        let root = Root::open(inside.path()).unwrap();
        for path in ["out/secret", "file", "../x", "out/../file", "/etc/passwd"] {
            assert!(root.file(path.as_bytes()).is_err(), "{path}");
        }
        assert!(root.directory(b"out").is_err());
        assert_eq!(root.names(b"out").unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(root.link(b"out/secret").unwrap(), None);
        assert_eq!(root.link(b"out").unwrap().unwrap(), outside.path().as_os_str().as_bytes());
    }

    #[test]
    fn paths_longer_than_the_kernel_takes_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let name = [b'x'; 200];
        let mut path = Vec::new();
        for _ in 0..60 {
            let parent = root.directory(&path).unwrap();
            rustix::fs::mkdirat(&parent, OsStr::from_bytes(&name), Permissions::from_raw_mode(0o755))
                .unwrap();
            path = path::join(&path, &name);
        }
        assert!(path.len() > 12_000);
        assert!(root.directory(&path).is_ok());
    }

    #[test]
    fn a_pipe_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let parent = root.directory(b"").unwrap();
        rustix::fs::mkfifoat(&parent, "pipe", Permissions::from_raw_mode(0o644)).unwrap();
        assert_eq!(root.file(b"pipe").unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
