//! What a daemon that was killed leaves behind: containers that still run, and mounts.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::mount::{UnmountFlags, unmount};

use super::DaemonError;

/// Removes the containers of a daemon's root. Each has a directory there under its id
/// (BuildKit v0.34 `executor/runcexecutor`).
pub(super) fn remove_containers(root: &Path, runc: &Path) {
    let workers = subdirectories(root).filter(|worker| {
        worker
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("runc-"))
    });
    let bundles = workers
        .flat_map(|worker| subdirectories(&worker.join("executor")).collect::<Vec<_>>())
        .filter(|bundle| bundle.join("config.json").is_file());
    for bundle in bundles {
        let Some(id) = bundle.file_name() else { continue };
        // For most the container is long gone, and runc says so.
        let removed = Command::new(runc)
            .args(["delete", "--force"])
            .arg(id)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if let Err(error) = removed {
            tracing::warn!(%error, runc = %runc.display(), "leftover containers cannot be removed");
            return;
        }
    }
}

/// Unmounts everything that is mounted at or below a path.
pub(super) fn unmount_below(root: &Path) -> Result<(), DaemonError> {
    let failed = |path: PathBuf| move |source| DaemonError::File { path, source };
    let table = PathBuf::from("/proc/self/mountinfo");
    if !table.exists() {
        return Ok(());
    }
    let text = fs::read(&table).map_err(failed(table))?;
    for path in mounts_below(&text, root) {
        let source = match unmount(&path, UnmountFlags::DETACH) {
            // It went with another one.
            Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => continue,
            Err(errno) => errno.into(),
        };
        return Err(DaemonError::Mount { path, source });
    }
    Ok(())
}

/// The mount points at or below a path, the latest first.
fn mounts_below(mountinfo: &[u8], root: &Path) -> Vec<PathBuf> {
    let points = mountinfo.split(|byte| *byte == b'\n').filter_map(|line| {
        let point = line.split(|byte| *byte == b' ').nth(4)?;
        Some(PathBuf::from(OsString::from_vec(unescape(point))))
    });
    let mut points: Vec<_> = points.filter(|point| point.starts_with(root)).collect();
    points.reverse();
    points
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if let (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) = (first, tail) {
            bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

fn subdirectories(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(path).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_latest_first() {
        let table = b"22 1 0:20 / /proc rw - proc proc rw\n\
            30 1 0:31 / /state/root/a\\040b rw - overlay overlay rw\n\
            31 1 0:31 / /state/rootless rw - overlay overlay rw\n\
            32 30 0:32 / /state/root/a\\040b/proc\\134x rw - proc proc rw\n\n";
        let found = mounts_below(table, Path::new("/state/root"));
        assert_eq!(found, [Path::new("/state/root/a b/proc\\x"), Path::new("/state/root/a b")]);
    }
}
