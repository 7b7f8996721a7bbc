//! Where containers have their state: what runc knows of them, their root filesystems, and layers that several share.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use super::runc::Runc;
use super::{ContainerError, Image, Launch};
use crate::digest_of;

/// Layers from this size on, compressed, are kept unpacked, with what is below them: those of base images, of which
/// many containers are made. A smaller one takes no longer to unpack than to copy.
const KEPT: u64 = 4_000_000;

/// A directory for containers.
#[derive(Debug)]
pub struct Containers {
    state: PathBuf,
    pub(super) runc: Runc,
    pub(super) interrupted: fn() -> bool,
    /// Held by whoever unpacks a layer that is kept.
    layers: Mutex<()>,
    /// How many names were given.
    count: AtomicU32,
}

impl Containers {
    /// Uses a directory, which nobody else does. What is in it of an earlier run goes.
    ///
    /// # Errors
    ///
    /// [`ContainerError`]: without runc, and when the directory cannot be made.
    pub fn new(state: impl Into<PathBuf>) -> Result<Self, ContainerError> {
        let state = state.into();
        Self::remove_all(&state)?;
        fs::create_dir_all(state.join("layers")).map_err(ContainerError::io("create", &state))?;
        let state = state.canonicalize().map_err(ContainerError::io("open", &state))?;
        let runc = Runc::new(state.join("runc"))?;
        Ok(Self { state, runc, interrupted: || false, layers: Mutex::new(()), count: AtomicU32::new(0) })
    }

    /// Ends every wait once this says so.
    #[must_use]
    pub fn interrupted_by(self, interrupted: fn() -> bool) -> Self {
        Self { interrupted, ..self }
    }

    /// Removes the containers of a directory, also those of a process that was killed, and then the directory.
    ///
    /// # Errors
    ///
    /// [`ContainerError`].
    pub fn remove_all(state: &Path) -> Result<(), ContainerError> {
        if !state.exists() {
            return Ok(());
        }
        Runc::new(state.join("runc"))?.delete_all()?;
        fs::remove_dir_all(state).map_err(ContainerError::io("remove", state))
    }

    /// A container of an image, which is started by [`Launch::start`]. The name is the host's, inside.
    pub fn run<'a>(&'a self, image: &'a Image, name: &str) -> Launch<'a> {
        Launch::new(self, image, name)
    }

    /// The root filesystem of an image, to be looked at.
    ///
    /// # Errors
    ///
    /// [`ContainerError`].
    pub fn unpack(&self, image: &Image) -> Result<Rootfs, ContainerError> {
        let directory = self.state.join(self.id("unpacked"));
        fs::create_dir(&directory).map_err(ContainerError::io("create", &directory))?;
        let rootfs = Rootfs { path: directory.join("rootfs"), directory };
        let mut below: Option<PathBuf> = None;
        let mut above = Vec::new();
        let mut chain = String::new();
        for layer in &image.layers {
            self.check_interrupt()?;
            above.push(layer);
            chain = digest_of(format!("{chain} {}", layer.digest).as_bytes());
            if layer.size < KEPT {
                continue;
            }
            let kept = self.state.join("layers").join(&chain);
            let _unpacking = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
            if !kept.exists() {
                let made = kept.with_extension("partial");
                copy(below.as_deref(), &made)?;
                above.iter().try_for_each(|layer| image.lay(layer, &made))?;
                fs::rename(&made, &kept).map_err(ContainerError::io("rename", &made))?;
            }
            above.clear();
            below = Some(kept);
        }
        copy(below.as_deref(), &rootfs.path)?;
        above.iter().try_for_each(|layer| image.lay(layer, &rootfs.path))?;
        Ok(rootfs)
    }

    /// A name that no other container here has.
    pub(super) fn id(&self, name: &str) -> String {
        format!("{name}-{}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn check_interrupt(&self) -> Result<(), ContainerError> {
        if (self.interrupted)() { Err(ContainerError::Interrupted) } else { Ok(()) }
    }
}

/// The files of an image. They are removed when this is dropped.
#[derive(Debug)]
pub struct Rootfs {
    pub(super) directory: PathBuf,
    path: PathBuf,
}

impl Rootfs {
    /// Where they are.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a file, a directory or a link at a path of the image.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.path.join(path.trim_start_matches('/'))).is_ok()
    }

    /// The paths of all files and links: `usr/bin/node`.
    ///
    /// # Panics
    ///
    /// When they cannot be read.
    #[must_use]
    pub fn files(&self) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        let mut directories = vec![self.path.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display())) {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    directories.push(path);
                } else {
                    files.insert(path.strip_prefix(&self.path).unwrap().to_string_lossy().into_owned());
                }
            }
        }
        files
    }
}

impl Drop for Rootfs {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            eprintln!("cannot remove {}: {error}", self.directory.display());
        }
    }
}

/// Copies a tree by hard links, since a layer replaces files and never writes into one; or makes an empty one.
fn copy(from: Option<&Path>, to: &Path) -> Result<(), ContainerError> {
    let Some(from) = from else {
        return fs::create_dir(to).map_err(ContainerError::io("create", to));
    };
    let failed = |source| ContainerError::Io { what: format!("copy {}", from.display()), source };
    let output = Command::new("cp").args(["--archive", "--link"]).arg(from).arg(to).output();
    let output = output.map_err(failed)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(failed(std::io::Error::other(text)));
    }
    Ok(())
}
