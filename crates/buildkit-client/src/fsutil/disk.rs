//! Received entries on disk, all or nothing.
//!
//! A [`Staging`] writes into a private directory on the destination's file system. Nothing at the
//! destination changes before [`Staging::place`], which moves everything: by one rename where there is
//! nothing yet, else entry by entry over what is there. What stands in the way is found before anything is
//! moved, and a move that fails takes back those before it. On Linux all bytes are on the disk before the
//! first move, and all moves before the end. So whatever fails, and whoever dies, there is never a part of a
//! file; who dies between two moves leaves some files new and others old. A staging that is dropped leaves
//! nothing, unless files of the destination could not be moved back: they are in it then.
//!
//! What the destination has and the export has not stays or goes, as [`Others`] says. Where it stays, a file
//! takes the place of a file or link, and never that of a directory with something in it. Owners are the
//! caller's.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dev, FileType, Mode as Permissions, OFlags, Timespec, Timestamps};
use tempfile::TempDir;

use super::partial::{Partials, Registered};
use super::place::{Moves, Others};
use super::receive::Action;
use super::root::{Root, checked};
use super::stat::{Kind, Stat};
use buildkit_patterns::path;

#[cfg(test)]
mod tests;

/// Files kept open for writing at once; others are opened again when more bytes come.
const MAX_OPEN: usize = 64;
/// What becomes visible, in its holder.
const TREE: &str = "tree";

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
    partials: Partials,
    tree: Root,
    destination: PathBuf,
    others: Others,
    in_place: Option<InPlace>,
    directories: Vec<Stat>,
    files: HashMap<u32, Stat>,
    open: HashMap<u32, File>,
    /// The directory of the last entry, which is mostly that of the next one.
    parent: Option<(Vec<u8>, OwnedFd)>,
    placed: Placed,
    /// Dropped behind the holder.
    registered: Registered,
}

/// How an export came to where it is.
#[derive(Debug)]
enum InPlace {
    /// By one rename; these directories above it are new too.
    New {
        above: Vec<PathBuf>,
    },
    Merged(Moves),
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
    /// An empty staging for a destination directory, which may exist and then keeps what else it has.
    pub fn new(destination: &Path) -> Result<Self, DiskError> {
        Self::beside(destination, Others::Stay, &Partials::default())
    }

    /// An empty staging, which can be given up from elsewhere.
    pub fn beside(destination: &Path, others: Others, partials: &Partials) -> Result<Self, DiskError> {
        let place = staging_place(destination);
        let failed = |source| io_error("create a directory in", place.display(), source);
        let (holder, registered) = partials.directory(&place).map_err(failed)?;
        let tree = holder.path().join(TREE);
        fs::create_dir(&tree).map_err(failed)?;
        Ok(Self {
            tree: Root::open(&tree).map_err(failed)?,
            holder,
            partials: partials.clone(),
            destination: destination.to_owned(),
            others,
            in_place: None,
            directories: Vec::new(),
            files: HashMap::new(),
            open: HashMap::new(),
            parent: None,
            placed: Placed::default(),
            registered,
        })
    }

    /// Carries out what a [`Receiver`](super::receive::Receiver) asks for.
    pub fn perform(&mut self, action: Action) -> Result<(), DiskError> {
        self.partials
            .check()
            .map_err(|e| io_error("write to", self.destination.display(), e))?;
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
                let mode = Permissions::RUSR | Permissions::WUSR;
                let file = rustix::fs::openat(parent, checked(name)?, flags, mode)?;
                // On disk at once: files may wait for their bytes by the ten thousand.
                set_attributes(file.as_fd(), &stat, |key| !is_security(key))?;
                let mut stat = stat;
                stat.xattrs.retain(|key, _| is_security(key));
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
    pub fn commit(mut self) -> Result<Placed, DiskError> {
        self.prepare()?;
        self.place()?;
        self.finish()
    }

    /// Brings every byte to the disk, and looks for what stands in the way. The destination is as it was.
    pub fn prepare(&self) -> Result<(), DiskError> {
        self.flush(&self.tree)?;
        if self.destination.exists() { self.moves()?.check() } else { Ok(()) }
    }

    /// Moves everything to the destination, or nothing. Whoever gives it up waits from here on until it is undone
    /// or finished.
    pub fn place(&mut self) -> Result<(), DiskError> {
        self.registered
            .begin_moves()
            .map_err(|e| io_error("write to", self.destination.display(), e))?;
        let placed = self.place_all();
        if placed.is_err() {
            self.undo();
        }
        placed
    }

    fn place_all(&mut self) -> Result<(), DiskError> {
        if self.destination.exists() {
            let mut moves = self.moves()?;
            let made = moves.make(|| self.partials.check());
            self.in_place = Some(InPlace::Merged(moves));
            return made;
        }
        let above = create_above(&self.destination)?;
        if let Err(e) = fs::rename(self.holder.path().join(TREE), &self.destination) {
            remove_empty(&above);
            return Err(io_error("create", self.destination.display(), e));
        }
        self.in_place = Some(InPlace::New { above });
        Ok(())
    }

    /// Takes back what [`place`](Self::place) did.
    pub fn undo(&mut self) {
        match self.in_place.take() {
            Some(InPlace::Merged(mut moves)) => {
                let all = moves.undo();
                if !all {
                    tracing::warn!(path = %self.holder.path().display(), "files of the destination are left here");
                    self.holder.disable_cleanup(true);
                    self.registered.stay();
                }
            }
            Some(InPlace::New { above }) => {
                if let Err(error) = fs::rename(&self.destination, self.holder.path().join(TREE)) {
                    tracing::warn!(%error, "an export stays in place");
                }
                remove_empty(&above);
            }
            None => {}
        }
        self.registered.end_moves();
    }

    /// Gives the directories their modes and times, and brings everything to the disk. Does what can be done of it,
    /// and gives the first error.
    pub fn finish(self) -> Result<Placed, DiskError> {
        self.registered.end_moves();
        let target = self.open(&self.destination)?;
        let mut done = Ok(());
        // From the innermost out, since a change inside touches a directory's time.
        for stat in self.directories.iter().rev() {
            let described = target.directory(&stat.path).and_then(|fd| describe(fd.as_fd(), stat));
            done = done.and(described.map_err(|e| io_error("set the mode of", path::quoted(&stat.path), e)));
        }
        done.and(self.flush(&target)).map(|()| self.placed)
    }

    fn moves(&self) -> Result<Moves, DiskError> {
        let from = self.open(&self.holder.path().join(TREE))?;
        let inside = self.holder.path().parent() == Some(&staging_place(&self.destination));
        let holder = self.holder.path().file_name().filter(|_| inside);
        let holder = holder.map(|name| OsStr::as_bytes(name).to_vec());
        Ok(Moves::new(from, self.open(&self.destination)?, self.others, holder))
    }

    fn open(&self, path: &Path) -> Result<Root, DiskError> {
        Root::open(path).map_err(|e| io_error("open", path.display(), e))
    }

    /// Brings all that was written to a file system to its disk, in one go: files one by one take far longer.
    fn flush(&self, root: &Root) -> Result<(), DiskError> {
        #[cfg(target_os = "linux")]
        root.directory(b"")
            .and_then(|fd| Ok(rustix::fs::syncfs(fd)?))
            .map_err(|e| io_error("write to", self.destination.display(), e))?;
        #[cfg(not(target_os = "linux"))]
        let _ = root;
        Ok(())
    }
}

/// Creates the directories above a destination, and tells which are new: the innermost last.
fn create_above(destination: &Path) -> Result<Vec<PathBuf>, DiskError> {
    let missing = destination.ancestors().skip(1);
    let missing: Vec<_> = missing.take_while(|p| !p.as_os_str().is_empty() && !p.exists()).collect();
    let mut created = Vec::new();
    for path in missing.into_iter().rev() {
        if let Err(e) = fs::create_dir(path) {
            remove_empty(&created);
            return Err(io_error("create", path.display(), e));
        }
        created.push(path.to_owned());
    }
    Ok(created)
}

/// Removes directories of ours again; into which somebody has put something, that stays.
fn remove_empty(created: &[PathBuf]) {
    for path in created.iter().rev() {
        let _ = fs::remove_dir(path);
    }
}

/// Where a destination's staging would go: itself or the nearest path above it that exists.
pub fn staging_place(destination: &Path) -> PathBuf {
    let here = || PathBuf::from(".");
    let existing = destination.ancestors().find(|p| p.exists()).map(Path::to_owned);
    existing.filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(here)
}

/// Gives an open file or directory its attributes, mode and, last, time.
fn describe(fd: BorrowedFd<'_>, stat: &Stat) -> io::Result<()> {
    // Those of users want a mode that lets the owner write.
    set_attributes(fd, stat, |key| !is_security(key))?;
    rustix::fs::fchmod(fd, Permissions::from_raw_mode(stat.mode.permissions()))?;
    set_attributes(fd, stat, is_security)?;
    Ok(rustix::fs::futimens(fd, &times(stat.mtime))?)
}

/// Whether an attribute is lost when the file is written or its owner changes, as `security.capability` is
/// (Linux `security/commoncap.c`).
fn is_security(key: &str) -> bool {
    key.starts_with("security.")
}

#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "only Linux has them"))]
fn set_attributes(fd: BorrowedFd<'_>, stat: &Stat, which: impl Fn(&str) -> bool) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    for (key, value) in stat.xattrs.iter().filter(|(key, _)| which(key)) {
        match rustix::fs::fsetxattr(fd, key.as_str(), value, rustix::fs::XattrFlags::empty()) {
            Ok(()) => {}
            // A file system without attributes of users can hold the export all the same.
            Err(rustix::io::Errno::NOTSUP) if key.starts_with("user.") => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
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

pub(super) fn io_error<P: fmt::Display>(action: &'static str, path: P, source: io::Error) -> DiskError {
    DiskError::Io { action, path: format!("{path}"), source }
}
