//! What is written beside its destination, so that it can be given up from elsewhere.
//!
//! Everything under way is in a [`Partials`] from before it exists until after it is gone. So a process that
//! must end at once, while its threads still write, removes what they would leave. What is being moved into place
//! is never removed, as old files may be in it: who moves stops by itself, takes its moves back, and is waited for.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::{Builder, NamedTempFile, TempDir};

/// How often a removal is tried again: a thread may write on for one call more.
const ATTEMPTS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);
/// How long moves may take to be taken back, which is no longer than they took. What still moves then stays.
const MOVES_LIMIT: Duration = Duration::from_secs(4);

/// The files and directories that are under way.
#[derive(Clone, Debug, Default)]
pub struct Partials {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something is not being moved any more.
    settled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    given_up: bool,
    paths: BTreeSet<PathBuf>,
    /// Those whose files are being moved into place, or back.
    moving: BTreeSet<PathBuf>,
}

/// Keeps a path in its [`Partials`] until it is dropped, which must be after what is there.
#[derive(Debug)]
pub(crate) struct Registered {
    partials: Partials,
    path: PathBuf,
    /// It has files of somebody else.
    stays: bool,
}

impl Partials {
    /// A directory of its own in `place`.
    pub(crate) fn directory(&self, place: &Path) -> io::Result<(TempDir, Registered)> {
        self.register(|| naming(|builder| builder.tempdir_in(place)), TempDir::path)
    }

    /// A file in `place`, which gets the mode that the umask leaves it.
    pub(crate) fn file(&self, place: &Path) -> io::Result<(NamedTempFile, Registered)> {
        let create = |builder: &mut Builder<'_, '_>| {
            builder.permissions(fs::Permissions::from_mode(0o666)).tempfile_in(place)
        };
        self.register(|| naming(create), NamedTempFile::path)
    }

    /// Removes everything that is under way, and lets nothing new begin. What writes there fails.
    ///
    /// Waits for moves into place, which are taken back unless the last of them is made: four seconds at most, and
    /// then leaves all that is moved as it is. Tries for half a second each; what cannot be removed then is left.
    pub fn give_up(&self) {
        let paths = {
            let mut state = self.lock();
            state.given_up = true;
            let moving = |state: &mut State| !state.moving.is_empty();
            let settled = self.shared.settled.wait_timeout_while(state, MOVES_LIMIT, moving);
            settled.unwrap_or_else(PoisonError::into_inner).0.paths.clone()
        };
        for path in paths {
            for _ in 0..ATTEMPTS {
                match remove(&path) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => thread::sleep(PAUSE),
                    _ => break,
                }
            }
        }
    }

    /// Fails once [`give_up`](Self::give_up) was called.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.lock().given_up { Err(given_up()) } else { Ok(()) }
    }

    fn register<T>(
        &self,
        create: impl FnOnce() -> io::Result<T>,
        path: impl FnOnce(&T) -> &Path,
    ) -> io::Result<(T, Registered)> {
        let mut state = self.lock();
        if state.given_up {
            return Err(given_up());
        }
        let created = create()?;
        let path = path(&created).to_owned();
        state.paths.insert(path.clone());
        drop(state);
        Ok((created, Registered { partials: self.clone(), path, stays: false }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registered {
    /// To be called before its first move: from now on nobody else removes it. Fails once all was given up.
    pub(crate) fn begin_moves(&self) -> io::Result<()> {
        let mut state = self.partials.lock();
        if state.given_up {
            return Err(given_up());
        }
        if let Some(path) = state.paths.take(&self.path) {
            state.moving.insert(path);
        }
        Ok(())
    }

    /// To be called when no move will be made, or taken back, any more: it may be removed again.
    pub(crate) fn end_moves(&self) {
        let mut state = self.partials.lock();
        if let Some(path) = state.moving.take(&self.path) {
            state.paths.insert(path);
        }
        self.partials.shared.settled.notify_all();
    }

    /// Nobody removes it, as files of somebody else could not be moved back.
    pub(crate) fn stay(&mut self) {
        self.stays = true;
        self.forget();
    }

    fn forget(&self) {
        let mut state = self.partials.lock();
        state.paths.remove(&self.path);
        state.moving.remove(&self.path);
        self.partials.shared.settled.notify_all();
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // What was in a directory may be more than its owner could remove.
        if !self.stays {
            let _ = remove(&self.path);
        }
        self.forget();
    }
}

fn given_up() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "the export was given up")
}

fn naming<T>(create: impl FnOnce(&mut Builder<'_, '_>) -> io::Result<T>) -> io::Result<T> {
    create(Builder::new().prefix(".export-").suffix(".partial"))
}

/// Removes a file, or a directory with all that is in it, read-only directories included.
fn remove(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return fs::remove_file(path);
    }
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            fs::remove_dir_all(path)
        }
        other => other,
    }
}

/// Makes every directory in a private one writable.
fn open_up(path: &Path) -> io::Result<()> {
    let mut pending = vec![path.to_owned()];
    while let Some(directory) = pending.pop() {
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                pending.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn giving_up_removes_everything_and_lets_nothing_begin() {
        let place = tempfile::tempdir().unwrap();
        let partials = Partials::default();
        let (directory, _first) = partials.directory(place.path()).unwrap();
        let (_file, _second) = partials.file(place.path()).unwrap();
        fs::create_dir(directory.path().join("d")).unwrap();
        fs::write(directory.path().join("d/f"), "x").unwrap();
        fs::set_permissions(directory.path().join("d"), fs::Permissions::from_mode(0o555)).unwrap();
        partials.check().unwrap();
        partials.give_up();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        assert_eq!(partials.check().unwrap_err().to_string(), "the export was given up");
        assert!(partials.file(place.path()).is_err() && partials.directory(place.path()).is_err());
    }

    #[test]
    fn what_is_being_moved_is_waited_for_and_then_removed() {
        let place = tempfile::tempdir().unwrap();
        let partials = Partials::default();
        let (directory, registered) = partials.directory(place.path()).unwrap();
        registered.begin_moves().unwrap();
        thread::scope(|scope| {
            let given_up = scope.spawn(|| partials.give_up());
            while partials.check().is_ok() {
                thread::yield_now();
            }
            thread::sleep(PAUSE * 5);
            assert!(directory.path().exists() && !given_up.is_finished());
            registered.end_moves();
        });
        assert!(!directory.path().exists());
        assert_eq!(registered.begin_moves().unwrap_err().to_string(), "the export was given up");
    }

    #[test]
    fn what_ends_by_itself_is_forgotten() {
        let place = tempfile::tempdir().unwrap();
        let partials = Partials::default();
        let (file, registered) = partials.file(place.path()).unwrap();
        let path = place.path().join("whole");
        file.persist(&path).unwrap();
        drop(registered);
        drop(partials.directory(place.path()).unwrap());
        assert!(partials.lock().paths.is_empty());
        partials.give_up();
        assert!(path.exists());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
