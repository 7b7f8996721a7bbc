//! Moves into place that can be taken back.
//!
//! `Moves` moves entries of a private tree to a destination on the same file system. What they replace goes
//! the other way, into the private tree, so that every move can be undone by one like it. Nothing is copied,
//! nothing removed, no link followed. Somebody is asked before each move whether to go on.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::Mode as Permissions;
use rustix::io::Errno;

use super::disk::{DiskError, io_error};
use super::root::{self, Root, checked};
use super::stat::Kind;
use buildkit_patterns::path;

/// What becomes of entries of the destination that the tree does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Others {
    /// They stay, and a file never takes the place of a directory with something in it.
    #[default]
    Stay,
    /// They go: the destination becomes what the tree is.
    Go,
}

/// The moves from one tree to one destination, as far as they were made.
#[derive(Debug)]
pub(super) struct Moves {
    from: Root,
    to: Root,
    others: Others,
    /// A name at the top of the destination that is not the destination's: where the tree itself may be.
    holder: Option<Vec<u8>>,
    done: Vec<Done>,
}

#[derive(Debug)]
struct Done {
    directory: Vec<u8>,
    name: Vec<u8>,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// There was nothing.
    Placed,
    /// What was there is in the tree now.
    Swapped,
    /// It is in the tree now, and nothing is there.
    Removed,
    /// A directory had this mode, and can be written now.
    Opened(u32),
}

/// What a directory that both sides have has on one of them, or on both.
#[derive(Default)]
struct Difference {
    moves: Vec<(Vec<u8>, How)>,
    /// Directories on both sides.
    shared: Vec<Vec<u8>>,
}

impl Moves {
    pub(super) fn new(from: Root, to: Root, others: Others, holder: Option<Vec<u8>>) -> Self {
        Self { from, to, others, holder, done: Vec::new() }
    }

    /// Looks for what stands in the way. Changes nothing.
    pub(super) fn check(&self) -> Result<(), DiskError> {
        let mut pending = vec![Vec::new()];
        while let Some(directory) = pending.pop() {
            let (from, to) = self.open(&directory)?;
            let difference = self.compare(&directory, from.as_fd(), to.as_fd())?;
            pending.extend(difference.shared.iter().map(|name| path::join(&directory, name)));
        }
        Ok(())
    }

    /// Moves everything, as long as nobody says that it is not wanted.
    ///
    /// # Errors
    /// Those of a move, or of `wanted`. What was moved before stays so until [`undo`](Self::undo).
    pub(super) fn make(&mut self, wanted: impl Fn() -> io::Result<()>) -> Result<(), DiskError> {
        let mut pending = vec![Vec::new()];
        while let Some(directory) = pending.pop() {
            let (from, to) = self.open(&directory)?;
            self.open_up(&directory, to.as_fd())?;
            let difference = self.compare(&directory, from.as_fd(), to.as_fd())?;
            for (name, how) in difference.moves {
                let moved = wanted().and_then(|()| apply(from.as_fd(), to.as_fd(), &name, how));
                moved.map_err(|e| self.error("replace", &path::join(&directory, &name), e))?;
                self.done.push(Done { directory: directory.clone(), name, how });
            }
            pending.extend(difference.shared.iter().map(|name| path::join(&directory, name)));
        }
        Ok(())
    }

    /// Moves everything back, as far as the system lets it: whether that is everything.
    pub(super) fn undo(&mut self) -> bool {
        let mut all = true;
        while let Some(Done { directory, name, how }) = self.done.pop() {
            let undone = self.open(&directory).and_then(|(from, to)| {
                let (from, to) = (from.as_fd(), to.as_fd());
                let undone = match how {
                    How::Placed => apply(from, to, &name, How::Removed),
                    How::Removed => apply(from, to, &name, How::Placed),
                    How::Swapped => apply(from, to, &name, How::Swapped),
                    How::Opened(mode) => set_mode(to, mode),
                };
                undone.map_err(|e| self.error("put back", &path::join(&directory, &name), e))
            });
            if let Err(error) = undone {
                tracing::warn!(%error, "an export is half in place");
                all = false;
            }
        }
        all
    }

    /// Both sides of a directory.
    fn open(&self, directory: &[u8]) -> Result<(OwnedFd, OwnedFd), DiskError> {
        let from = self.from.directory(directory);
        let to = self.to.directory(directory);
        from.and_then(|from| Ok((from, to?)))
            .map_err(|e| self.error("open", directory, e))
    }

    fn compare(
        &self,
        directory: &[u8],
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
    ) -> Result<Difference, DiskError> {
        let mut difference = Difference::default();
        let entries = root::list(from).map_err(|e| self.error("read", directory, e))?;
        for (name, kind) in &entries {
            let shown = || path::join(directory, name);
            let there = match root::look(to, name) {
                Ok(found) => Some(found.stat.mode.kind()),
                Err(e) if root::is_absent(&e) => None,
                Err(e) => return Err(self.error("look at", &shown(), e)),
            };
            match there {
                None => difference.moves.push((name.clone(), How::Placed)),
                Some(Kind::Directory) if *kind == Kind::Directory => difference.shared.push(name.clone()),
                Some(Kind::Directory) if self.others == Others::Stay => {
                    let inside = root::open_directory(to, name).and_then(|fd| root::list(fd.as_fd()));
                    if !inside.map_err(|e| self.error("read", &shown(), e))?.is_empty() {
                        return Err(DiskError::Occupied { path: self.shown(&shown()) });
                    }
                    difference.moves.push((name.clone(), How::Swapped));
                }
                Some(_) => difference.moves.push((name.clone(), How::Swapped)),
            }
        }
        if self.others == Others::Go {
            for (name, _) in root::list(to).map_err(|e| self.error("read", directory, e))? {
                let ours = directory.is_empty() && self.holder.as_ref() == Some(&name);
                if !ours && entries.binary_search_by(|(other, _)| other.cmp(&name)).is_err() {
                    difference.moves.push((name, How::Removed));
                }
            }
        }
        Ok(difference)
    }

    /// Lets the owner of a directory write into it; its mode is set anew when all is in place.
    fn open_up(&mut self, directory: &[u8], to: BorrowedFd<'_>) -> Result<(), DiskError> {
        let stat = rustix::fs::fstat(to).map_err(|e| self.error("look at", directory, e.into()))?;
        if stat.st_mode & 0o300 != 0o300 {
            let mode = stat.st_mode & 0o7777;
            set_mode(to, mode | 0o700).map_err(|e| self.error("write to", directory, e))?;
            self.done.push(Done {
                directory: directory.to_owned(),
                name: Vec::new(),
                how: How::Opened(mode),
            });
        }
        Ok(())
    }

    fn error(&self, action: &'static str, relative: &[u8], source: io::Error) -> DiskError {
        io_error(action, self.shown(relative), source)
    }

    fn shown(&self, relative: &[u8]) -> String {
        struct Shown<'a>(&'a Path, &'a [u8]);
        impl fmt::Display for Shown<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.display())?;
                if self.1.is_empty() { Ok(()) } else { write!(f, "/{}", self.1.escape_ascii()) }
            }
        }
        Shown(self.to.path(), relative).to_string()
    }
}

/// Makes one move of an entry that has one name on both sides.
fn apply(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &[u8], how: How) -> io::Result<()> {
    let name = checked(name)?;
    match how {
        How::Placed => Ok(rustix::fs::renameat(from, name, to, name)?),
        How::Removed => Ok(rustix::fs::renameat(to, name, from, name)?),
        How::Swapped => swap((from, name), (to, name)),
        How::Opened(_) => Ok(()),
    }
}

/// Swaps two entries of any kind in one step. Not every system and file system can.
pub(crate) fn exchange(one: (BorrowedFd<'_>, &OsStr), other: (BorrowedFd<'_>, &OsStr)) -> Result<(), Errno> {
    #[cfg(target_os = "linux")]
    let done = rustix::fs::renameat_with(one.0, one.1, other.0, other.1, rustix::fs::RenameFlags::EXCHANGE);
    #[cfg(not(target_os = "linux"))]
    let done = Err(Errno::NOSYS);
    match done {
        Err(Errno::INVAL | Errno::NOSYS) => Err(Errno::NOTSUP),
        done => done,
    }
}

/// Swaps two entries of any kind, the first of which is in a private directory.
fn swap(one: (BorrowedFd<'_>, &OsStr), other: (BorrowedFd<'_>, &OsStr)) -> io::Result<()> {
    match exchange(one, other) {
        Err(Errno::NOTSUP) => {}
        done => return Ok(done?),
    }
    // Longer than any name that could be there.
    let aside = "aside-".repeat(42);
    rustix::fs::renameat(other.0, other.1, one.0, &aside)?;
    if let Err(error) = rustix::fs::renameat(one.0, one.1, other.0, other.1) {
        rustix::fs::renameat(one.0, &aside, other.0, other.1)?;
        return Err(error.into());
    }
    Ok(rustix::fs::renameat(one.0, &aside, one.0, one.1)?)
}

fn set_mode(directory: BorrowedFd<'_>, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::fchmod(directory, Permissions::from_raw_mode(mode))?)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use tempfile::TempDir;

    use super::*;

    /// Every entry below a directory: its path, inode and mode.
    fn entries(directory: &Path) -> Vec<(String, u64, u32)> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            entries.push((path.display().to_string(), metadata.ino(), metadata.mode()));
            if metadata.is_dir() {
                entries.extend(self::entries(&path));
            }
        }
        entries.sort();
        entries
    }

    fn moves(from: &TempDir, to: &TempDir, others: Others) -> Moves {
        Moves::new(Root::open(from.path()).unwrap(), Root::open(to.path()).unwrap(), others, None)
    }

    /// A tree, and a destination that differs from it in every way.
    fn trees() -> (TempDir, TempDir) {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (new, old) = (|path: &str| from.path().join(path), |path: &str| to.path().join(path));
        for directory in [new("d/e"), new("link"), old("d/e"), old("d/empty"), old("d/others/deep")] {
            fs::create_dir_all(directory).unwrap();
        }
        for file in [new("d/e/both"), new("d/empty"), new("d/new"), new("link/f"), new("file"), new("z")] {
            fs::write(file, "new").unwrap();
        }
        for file in [old("d/e/both"), old("d/others/deep/f"), old("file"), old("other")] {
            fs::write(file, "old").unwrap();
        }
        symlink("nowhere", old("link")).unwrap();
        fs::set_permissions(old("d/e"), fs::Permissions::from_mode(0o555)).unwrap();
        (from, to)
    }

    #[test]
    fn whatever_was_moved_is_moved_back() {
        for others in [Others::Stay, Others::Go] {
            let (from, to) = trees();
            let before = (entries(from.path()), entries(to.path()));
            // Stopped before the first move, the second, and so on until all are made.
            for number in 0.. {
                let left = Cell::new(number);
                let wanted = || match left.get() {
                    0 => Err(io::ErrorKind::Interrupted.into()),
                    more => {
                        left.set(more - 1);
                        Ok(())
                    }
                };
                let mut moves = moves(&from, &to, others);
                let made = moves.make(wanted);
                let expected = number + usize::from(moves.done.iter().any(|done| done.name.is_empty()));
                if made.is_err() {
                    assert_eq!(moves.done.len(), expected, "{others:?}");
                }
                assert!(moves.undo());
                assert_eq!((entries(from.path()), entries(to.path())), before, "{others:?}, {number} moves");
                if made.is_ok() {
                    assert_eq!(number, if others == Others::Go { 8 } else { 6 });
                    break;
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_moved_back_is_told() {
        let (from, to) = trees();
        let mut moves = moves(&from, &to, Others::Stay);
        moves.make(|| Ok(())).unwrap();
        fs::remove_file(to.path().join("d/new")).unwrap();
        assert!(!moves.undo());
        assert_eq!(fs::read_to_string(to.path().join("file")).unwrap(), "old");
        assert!(to.path().join("link").is_symlink());
    }
}
