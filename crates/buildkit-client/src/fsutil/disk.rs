//! Received entries on disk, all or nothing.
//!
//! A [`Staging`] writes into a private directory on the destination's file system. Nothing at the
//! destination changes before [`Staging::commit`], which puts everything into place: by one rename where
//! there is nothing yet, else entry by entry over what is there. A staging that is dropped leaves nothing.
//!
//! Existing directories keep what the export does not have; a file takes the place of a file or link; a
//! file never takes the place of a directory with something in it: that is found before anything is moved.
//! Of extended attributes only `user.*` are written, owners are the caller's.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dev, FileType, Mode as Permissions, OFlags, Timespec, Timestamps};
use tempfile::TempDir;

use super::path;
use super::receive::Action;
use super::root::{self, Root, checked};
use super::stat::{Kind, Stat};

/// Files kept open for writing at once; others are opened again when more bytes come.
const MAX_OPEN: usize = 64;

/// Something that could not be done on disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// A system call failed.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was to be done.
        action: &'static str,
        /// The path at fault.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// A file would replace a directory.
    #[error("{path} is a directory with files in it where the export has a file: remove it first")]
    Occupied {
        /// The path at fault.
        path: String,
    },
}

/// An export that is not at its destination yet.
#[derive(Debug)]
pub struct Staging {
    /// Holds `tree`, which alone becomes visible, with the permissions that the umask leaves it.
    holder: TempDir,
    tree: Root,
    destination: PathBuf,
    directories: Vec<Stat>,
    files: HashMap<u32, Stat>,
    open: HashMap<u32, File>,
    /// The directory of the last entry, which is mostly that of the next one.
    parent: Option<(Vec<u8>, OwnedFd)>,
    placed: Placed,
}

/// What an export brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Files, directories and links.
    pub entries: u64,
    /// Bytes of files.
    pub bytes: u64,
}

impl Staging {
    /// An empty staging for a destination directory, which may exist.
    pub fn new(destination: &Path) -> Result<Self, DiskError> {
        let beside = staging_place(destination);
        let failed = |source| io_error("create a directory in", beside.display(), source);
        let holder = tempfile::Builder::new()
            .prefix(".export-")
            .suffix(".partial")
            .tempdir_in(&beside)
            .map_err(failed)?;
        let tree = holder.path().join("tree");
        fs::create_dir(&tree).map_err(failed)?;
        Ok(Self {
            tree: Root::open(&tree).map_err(failed)?,
            holder,
            destination: destination.to_owned(),
            directories: Vec::new(),
            files: HashMap::new(),
            open: HashMap::new(),
            parent: None,
            placed: Placed::default(),
        })
    }

    /// Carries out what a [`Receiver`](super::receive::Receiver) asks for.
    pub fn perform(&mut self, action: Action) -> Result<(), DiskError> {
        match action {
            Action::Create { id, stat } => {
                let path = path::quoted(&stat.path);
                self.create(id, *stat).map_err(|source| io_error("create", path, source))
            }
            Action::Write { id, bytes } => {
                self.placed.bytes += bytes.len() as u64;
                self.writable(id)
                    .and_then(|mut file| file.write_all(&bytes))
                    .map_err(|e| self.file_error(id, e))
            }
            Action::Close { id } => self.close(id).map_err(|e| self.file_error(id, e)),
        }
    }

    fn create(&mut self, id: u32, stat: Stat) -> io::Result<()> {
        let (directory, name) = path::split(&stat.path);
        if self.parent.as_ref().is_none_or(|(path, _)| path != directory) {
            self.parent = Some((directory.to_vec(), self.tree.directory(directory)?));
        }
        let Some((_, parent)) = &self.parent else { return Ok(()) };
        let parent = parent.as_fd();
        self.placed.entries += 1;
        match stat.mode.kind() {
            Kind::Directory => {
                // Writable until everything is in place; the announced mode comes at the end.
                rustix::fs::mkdirat(parent, checked(name)?, Permissions::RWXU)?;
                self.directories.push(stat);
            }
            Kind::Symlink => {
                rustix::fs::symlinkat(stat.link.as_slice(), parent, checked(name)?)?;
                set_time(parent, name, stat.mtime)?;
            }
            _ if stat.is_hard_link() => {
                let (directory, first) = path::split(&stat.link);
                let from = self.tree.directory(directory)?;
                rustix::fs::linkat(&from, checked(first)?, parent, checked(name)?, AtFlags::empty())?;
            }
            Kind::File => {
                let flags =
                    OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                rustix::fs::openat(parent, checked(name)?, flags, Permissions::RUSR | Permissions::WUSR)?;
                self.files.insert(id, stat);
            }
            _ => {
                make_device(parent, name, &stat)?;
                set_time(parent, name, stat.mtime)?;
            }
        }
        Ok(())
    }

    /// The file with this id, open for appending.
    fn writable(&mut self, id: u32) -> io::Result<&File> {
        if !self.open.contains_key(&id) {
            if self.open.len() >= MAX_OPEN
                && let Some(other) = self.open.keys().next().copied()
            {
                self.open.remove(&other);
            }
            let stat = self.files.get(&id).ok_or(io::ErrorKind::NotFound)?;
            let (directory, name) = path::split(&stat.path);
            let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(
                self.tree.directory(directory)?,
                checked(name)?,
                flags,
                Permissions::empty(),
            )?;
            self.open.insert(id, fd.into());
        }
        self.open.get(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn close(&mut self, id: u32) -> io::Result<()> {
        self.writable(id)?;
        if let Some(file) = self.open.remove(&id)
            && let Some(stat) = self.files.get(&id)
        {
            describe(file.as_fd(), stat)?;
        }
        self.files.remove(&id);
        Ok(())
    }

    fn file_error(&self, id: u32, source: io::Error) -> DiskError {
        let path = self
            .files
            .get(&id)
            .map_or_else(|| format!("file {id}"), |stat| path::quoted(&stat.path));
        io_error("write", path, source)
    }

    /// Puts everything at the destination.
    pub fn commit(self) -> Result<Placed, DiskError> {
        let destination = self.destination;
        let shown = || destination.display();
        if !destination.exists() {
            if let Some(parent) = destination.parent() {
                fs::create_dir_all(parent).map_err(|e| io_error("create", parent.display(), e))?;
            }
            fs::rename(self.holder.path().join("tree"), &destination)
                .map_err(|e| io_error("create", shown(), e))?;
        } else {
            let target = Root::open(&destination).map_err(|e| io_error("open", shown(), e))?;
            let both = (|| Ok((self.tree.directory(b"")?, target.directory(b"")?)))();
            let (from, to) = both.map_err(|e| io_error("open", shown(), e))?;
            merge(from.as_fd(), to.as_fd(), &destination, Pass::Check)?;
            merge(from.as_fd(), to.as_fd(), &destination, Pass::Move)?;
        }
        let target = Root::open(&destination).map_err(|e| io_error("open", shown(), e))?;
        // From the innermost out, since a change inside touches a directory's time.
        for stat in self.directories.iter().rev() {
            target
                .directory(&stat.path)
                .and_then(|fd| describe(fd.as_fd(), stat))
                .map_err(|e| io_error("set the mode of", path::quoted(&stat.path), e))?;
        }
        Ok(self.placed)
    }
}

/// Where a destination's staging would go: itself or the nearest path above it that exists.
pub fn staging_place(destination: &Path) -> PathBuf {
    let here = || PathBuf::from(".");
    let existing = destination.ancestors().find(|p| p.exists()).map(Path::to_owned);
    existing.filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(here)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Only look for what stands in the way.
    Check,
    Move,
}

fn merge(from: BorrowedFd<'_>, to: BorrowedFd<'_>, shown: &Path, pass: Pass) -> Result<(), DiskError> {
    let error = |action, source| io_error(action, shown.display(), source);
    for (name, kind) in root::list(from).map_err(|e| error("read", e))? {
        let os_name = checked(&name).map_err(|e| error("read", e))?;
        let shown = shown.join(os_name);
        let error = |action, source: io::Error| io_error(action, shown.display(), source);
        let there = match root::look(to, &name) {
            Ok(found) => Some(found.stat.mode.kind()),
            Err(e) if root::is_absent(&e) => None,
            Err(e) => return Err(error("look at", e)),
        };
        if kind == Kind::Directory && there == Some(Kind::Directory) {
            let inner = root::open_directory(from, &name).map_err(|e| error("open", e))?;
            // Looking changes nothing, modes included.
            let target = match pass {
                Pass::Check => root::open_directory(to, &name),
                Pass::Move => open_writable(to, &name),
            };
            let target = target.map_err(|e| error("open", e))?;
            merge(inner.as_fd(), target.as_fd(), &shown, pass)?;
            continue;
        }
        if there == Some(Kind::Directory) {
            let occupied = root::open_directory(to, &name).and_then(|fd| root::list(fd.as_fd()));
            if !occupied.map_err(|e| error("read", e))?.is_empty() {
                return Err(DiskError::Occupied { path: shown.display().to_string() });
            }
        }
        if pass == Pass::Check {
            continue;
        }
        let removed = match there {
            Some(Kind::Directory) => rustix::fs::unlinkat(to, os_name, AtFlags::REMOVEDIR),
            Some(_) if kind == Kind::Directory => rustix::fs::unlinkat(to, os_name, AtFlags::empty()),
            _ => Ok(()),
        };
        removed.map_err(|e| error("replace", e.into()))?;
        rustix::fs::renameat(from, os_name, to, os_name).map_err(|e| error("write", e.into()))?;
    }
    Ok(())
}

/// Opens an existing directory of the destination so that entries can be put into it; its mode is set anew
/// when all are there.
fn open_writable(parent: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    let fd = root::open_directory(parent, name)?;
    let mode = rustix::fs::fstat(&fd)?.st_mode;
    if mode & 0o300 != 0o300 {
        rustix::fs::fchmod(&fd, Permissions::from_raw_mode(mode & 0o7777 | 0o700))?;
    }
    Ok(fd)
}

/// Gives an open file or directory its attributes, mode and, last, time.
fn describe(fd: BorrowedFd<'_>, stat: &Stat) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    for (key, value) in stat.xattrs.iter().filter(|(key, _)| key.starts_with("user.")) {
        match rustix::fs::fsetxattr(fd, key.as_str(), value, rustix::fs::XattrFlags::empty()) {
            // A file system without attributes can hold the export all the same.
            Ok(()) | Err(rustix::io::Errno::NOTSUP) => {}
            Err(e) => return Err(e.into()),
        }
    }
    rustix::fs::fchmod(fd, Permissions::from_raw_mode(stat.mode.permissions()))?;
    Ok(rustix::fs::futimens(fd, &times(stat.mtime))?)
}

fn set_time(parent: BorrowedFd<'_>, name: &[u8], mtime: i64) -> io::Result<()> {
    Ok(rustix::fs::utimensat(parent, checked(name)?, &times(mtime), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn times(mtime: i64) -> Timestamps {
    let time = Timespec { tv_sec: mtime.div_euclid(1_000_000_000), tv_nsec: mtime.rem_euclid(1_000_000_000) };
    Timestamps { last_access: time, last_modification: time }
}

#[cfg(target_os = "linux")]
fn make_device(parent: BorrowedFd<'_>, name: &[u8], stat: &Stat) -> io::Result<()> {
    let kind = match stat.mode.kind() {
        Kind::CharDevice => FileType::CharacterDevice,
        Kind::BlockDevice => FileType::BlockDevice,
        _ => FileType::Fifo,
    };
    let part = |n: i64| u32::try_from(n).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
    let device: Dev = rustix::fs::makedev(part(stat.device_major)?, part(stat.device_minor)?);
    let mode = Permissions::from_raw_mode(stat.mode.permissions());
    rustix::fs::mknodat(parent, checked(name)?, kind, mode, device)?;
    // The umask took bits from it; nothing else can stand here, and links are not followed.
    Ok(rustix::fs::chmodat(parent, checked(name)?, mode, AtFlags::empty())?)
}

#[cfg(not(target_os = "linux"))]
fn make_device(_: BorrowedFd<'_>, _: &[u8], _: &Stat) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn io_error<P: fmt::Display>(action: &'static str, path: P, source: io::Error) -> DiskError {
    DiskError::Io { action, path: format!("{path}"), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::super::stat::Mode;
    use super::*;

    fn create(staging: &mut Staging, id: u32, path: &str, mode: u32, link: &str) {
        let stat =
            Stat { path: path.into(), mode: Mode(mode), link: link.into(), mtime: -1, ..Stat::default() };
        staging.perform(Action::Create { id, stat: Box::new(stat) }).unwrap();
    }

    fn file(staging: &mut Staging, id: u32, path: &str, content: &'static str) {
        create(staging, id, path, 0o640, "");
        staging.perform(Action::Write { id, bytes: content.into() }).unwrap();
        staging.perform(Action::Close { id }).unwrap();
    }

    #[test]
    fn nothing_is_seen_before_commit_and_nothing_stays_without() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new/out");
        let mut staging = Staging::new(&out).unwrap();
        file(&mut staging, 0, "f", "x");
        assert!(!out.exists());
        drop(staging);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_new_destination_appears_whole() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new/out");
        let mut staging = Staging::new(&out).unwrap();
        create(&mut staging, 0, "d", Mode::DIRECTORY | 0o555, "");
        file(&mut staging, 1, "d/f", "abc");
        create(&mut staging, 2, "d/g", 0o640, "d/f");
        create(&mut staging, 3, "l", Mode::SYMLINK | 0o777, "/nowhere");
        assert_eq!(staging.commit().unwrap(), Placed { entries: 4, bytes: 3 });
        assert_eq!(fs::read(out.join("d/g")).unwrap(), b"abc");
        assert_eq!(fs::metadata(out.join("d")).unwrap().mode() & 0o7777, 0o555);
        for path in ["d", "d/f", "l"] {
            let metadata = fs::symlink_metadata(out.join(path)).unwrap();
            assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (-1, 999_999_999), "{path}");
        }
        assert_eq!(
            fs::metadata(out.join("d/f")).unwrap().ino(),
            fs::metadata(out.join("d/g")).unwrap().ino()
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        fs::set_permissions(out.join("d"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn an_existing_destination_keeps_what_the_export_does_not_have() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let out = dir.path();
        fs::create_dir_all(out.join("d/empty")).unwrap();
        fs::write(out.join("d/old"), "old").unwrap();
        fs::write(out.join("d/f"), "old").unwrap();
        symlink(outside.path(), out.join("link")).unwrap();
        let mut staging = Staging::new(out).unwrap();
        create(&mut staging, 0, "d", Mode::DIRECTORY | 0o755, "");
        file(&mut staging, 1, "d/empty", "now a file");
        file(&mut staging, 2, "d/f", "new");
        create(&mut staging, 3, "link", Mode::DIRECTORY | 0o755, "");
        file(&mut staging, 4, "link/inside", "x");
        staging.commit().unwrap();
        for (path, content) in
            [("d/old", "old"), ("d/f", "new"), ("d/empty", "now a file"), ("link/inside", "x")]
        {
            assert_eq!(fs::read_to_string(out.join(path)).unwrap(), content, "{path}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        assert_eq!(fs::read_dir(out).unwrap().count(), 2);
    }

    #[test]
    fn a_directory_in_the_way_is_found_before_anything_moves() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("z")).unwrap();
        fs::write(dir.path().join("z/precious"), "").unwrap();
        let mut staging = Staging::new(dir.path()).unwrap();
        file(&mut staging, 0, "a", "");
        file(&mut staging, 1, "z", "");
        let error = staging.commit().unwrap_err();
        assert!(matches!(error, DiskError::Occupied { .. }), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn many_files_may_come_interleaved() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let mut staging = Staging::new(&out).unwrap();
        for id in 0..200 {
            create(&mut staging, id, &format!("f{id:03}"), 0o444, "");
        }
        for piece in ["a", "b"] {
            for id in 0..200 {
                staging.perform(Action::Write { id, bytes: piece.into() }).unwrap();
            }
        }
        assert!(staging.open.len() <= MAX_OPEN);
        for id in 0..200 {
            staging.perform(Action::Close { id }).unwrap();
        }
        staging.commit().unwrap();
        assert_eq!(fs::read(out.join("f199")).unwrap(), b"ab");
        assert_eq!(fs::metadata(out.join("f000")).unwrap().mode() & 0o7777, 0o444);
    }
}
