//! Where an exporter's result goes, and whether it could go there.

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::error::ExportError;
use crate::fsutil::disk::staging_place;
use crate::fsutil::receive::ReceiveOptions;

/// Where an exporter's result goes.
#[non_exhaustive]
pub enum ExportTarget {
    /// One file. A device or a pipe is written to as the bytes come.
    File(PathBuf),
    /// A directory, which may exist; what it has and the export has not stays.
    Directory(PathBuf, ReceiveOptions),
    /// A directory that becomes what the export is: what else it has is removed. For the exporter's `mode=delete`.
    Mirror(PathBuf, ReceiveOptions),
    /// Anything else, standard output say. It gets the bytes as they come and cannot take them back.
    Writer {
        /// How messages call it.
        name: String,
        /// What takes the bytes.
        writer: Box<dyn Write + Send>,
    },
}

impl ExportTarget {
    /// Its path, unless it is a writer.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Directory(path, _) | Self::Mirror(path, _) => Some(path),
            Self::Writer { .. } => None,
        }
    }
}

impl fmt::Debug for ExportTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Directory(path, options) => f.debug_tuple("Directory").field(path).field(options).finish(),
            Self::Mirror(path, options) => f.debug_tuple("Mirror").field(path).field(options).finish(),
            Self::Writer { name, .. } => f.debug_struct("Writer").field("name", name).finish_non_exhaustive(),
        }
    }
}

/// Checks one target, follows a link to a file, and says how it is called.
pub(super) fn check(target: ExportTarget) -> Result<(ExportTarget, String), ExportError> {
    match target {
        ExportTarget::Writer { ref name, .. } => {
            let shown = name.clone();
            Ok((target, shown))
        }
        ExportTarget::Directory(path, options) => {
            let shown = check_directory(&path)?;
            Ok((ExportTarget::Directory(path, options), shown))
        }
        ExportTarget::Mirror(path, options) => {
            let shown = check_directory(&path)?;
            Ok((ExportTarget::Mirror(path, options), shown))
        }
        ExportTarget::File(path) => {
            if path.is_dir() {
                return Err(ExportError::IsDirectory { path });
            }
            let shown = path.display().to_string();
            let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            if is_special(&real) {
                check_access(&path, &real, Access::WRITE_OK)?;
            } else {
                let place = directory_of(&real);
                if place.exists() && !place.is_dir() {
                    return Err(ExportError::NotADirectory { path: place.to_owned() });
                }
                check_access(&path, place, Access::WRITE_OK | Access::EXEC_OK)?;
            }
            Ok((ExportTarget::File(real), shown))
        }
    }
}

fn check_directory(path: &Path) -> Result<String, ExportError> {
    let place = staging_place(path);
    // A link to nothing is there, and is no directory.
    let dangling = place != path && fs::symlink_metadata(path).is_ok();
    if dangling || !place.is_dir() {
        return Err(ExportError::NotADirectory { path: if dangling { path.to_owned() } else { place } });
    }
    check_access(path, &place, Access::WRITE_OK | Access::EXEC_OK)?;
    Ok(path.display().to_string())
}

fn check_access(path: &Path, place: &Path, access: Access) -> Result<(), ExportError> {
    rustix::fs::access(place, access).map_err(|e| ExportError::NotWritable {
        path: path.to_owned(),
        place: place.to_owned(),
        source: e.into(),
    })
}

/// Whether something that is neither file nor directory is there: a device, a pipe.
pub(super) fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir())
}

pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
