//! One file on its way: beside its target until it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

use super::exports::{Arrived, Destination};
use super::target::{directory_of, is_special};
use crate::fsutil::partial::Registered;
use crate::fsutil::place::exchange;

/// A complete file that is not in its place yet.
#[derive(Debug)]
pub(super) struct Incoming {
    temporary: NamedTempFile,
    path: PathBuf,
    bytes: u64,
    placed: Option<How>,
    /// Dropped behind the file.
    registered: Registered,
}

/// How it came to its place.
#[derive(Debug, PartialEq, Eq)]
enum How {
    /// There was nothing.
    New,
    /// The old file is where it was before.
    Swapped,
    /// The old file is gone: the file system cannot swap.
    Over,
}

impl Incoming {
    /// Puts it in its place, with the mode of the one that it replaces. At every moment one of them is there.
    pub(super) fn place(&mut self) -> io::Result<()> {
        self.registered.begin_moves()?;
        let old = match fs::metadata(&self.path) {
            Ok(old) => old,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                fs::rename(self.temporary.path(), &self.path)?;
                self.placed = Some(How::New);
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        if old.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.temporary.as_file().set_permissions(old.permissions())?;
        self.placed = Some(match self.exchange() {
            Ok(()) => How::Swapped,
            Err(Errno::NOTSUP) => {
                fs::rename(self.temporary.path(), &self.path)?;
                How::Over
            }
            Err(e) => return Err(e.into()),
        });
        Ok(())
    }

    /// Takes back what [`place`](Self::place) did, where the file system can.
    pub(super) fn undo(&mut self) {
        let undone = match self.placed.take() {
            Some(How::New) => fs::rename(&self.path, self.temporary.path()),
            Some(How::Swapped) => self.exchange().map_err(io::Error::from),
            Some(How::Over) | None => Ok(()),
        };
        if let Err(error) = undone {
            tracing::warn!(%error, path = %self.path.display(), "an export stays in place");
            self.temporary.disable_cleanup(true);
            self.registered.stay();
        }
        self.registered.end_moves();
    }

    /// Brings the move to the disk, removes the old file, and gives the number of bytes.
    pub(super) fn finish(self) -> io::Result<u64> {
        self.registered.end_moves();
        if self.placed == Some(How::Swapped) {
            self.temporary.close()?;
        }
        File::open(directory_of(&self.path))?.sync_all()?;
        Ok(self.bytes)
    }

    fn exchange(&self) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(CWD, directory_of(&self.path), flags, Mode::empty())?;
        let name = |path: &Path| path.file_name().map(ToOwned::to_owned).ok_or(Errno::INVAL);
        let (one, other) = (name(self.temporary.path())?, name(&self.path)?);
        exchange((directory.as_fd(), &one), (directory.as_fd(), &other))
    }
}

/// Writes what comes to where it goes, until there is no more.
pub(super) fn write_chunks(to: Destination, mut queue: mpsc::Receiver<Bytes>) -> io::Result<Arrived> {
    let mut copy = |out: &mut dyn Write| -> io::Result<u64> {
        let mut bytes = 0;
        while let Some(chunk) = queue.blocking_recv() {
            out.write_all(&chunk)?;
            bytes += chunk.len() as u64;
        }
        out.flush()?;
        Ok(bytes)
    };
    match to {
        Destination::Writer(mut writer) => Ok(Arrived::Written { bytes: copy(&mut writer)? }),
        Destination::File(path, _) if is_special(&path) => {
            let mut file = OpenOptions::new().write(true).open(path)?;
            Ok(Arrived::Written { bytes: copy(&mut file)? })
        }
        Destination::File(path, partials) => {
            let (mut temporary, registered) = partials.file(directory_of(&path))?;
            let bytes = copy(temporary.as_file_mut())?;
            partials.check()?;
            temporary.as_file().sync_all()?;
            Ok(Arrived::File(Box::new(Incoming { temporary, path, bytes, placed: None, registered })))
        }
    }
}
