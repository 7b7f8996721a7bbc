//! What is written down about a daemon, so that another process can stop it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Child;

use serde::{Deserialize, Serialize};

use super::DaemonError;
use super::process::Process;

/// The record of a daemon that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Its process.
    pub(super) process: Process,
    /// Where it listens.
    pub(super) address: String,
    /// The runc that runs its containers.
    pub(super) runc: PathBuf,
}

impl Record {
    pub(super) fn of(child: &Child, address: String, runc: PathBuf) -> Self {
        Self { process: Process::of(child), address, runc }
    }

    /// Reads a record; `None` if there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, DaemonError> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|source| DaemonError::Record { path: path.to_owned(), source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DaemonError::File { path: path.to_owned(), source }),
        }
    }

    /// Writes it whole or not at all.
    pub(super) fn write(&self, path: &Path) -> Result<(), DaemonError> {
        let failed = |source| DaemonError::File { path: path.to_owned(), source };
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        let beside = path.with_extension("new");
        fs::write(&beside, bytes).map_err(failed)?;
        fs::rename(&beside, path).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("buildkitd.json");
        assert_eq!(Record::read(&path).unwrap(), None);
        let process = Process { pid: 7, started: 99, boot: "b".into() };
        let record = Record { process, address: "unix:///s".into(), runc: "/usr/sbin/runc".into() };
        record.write(&path).unwrap();
        assert_eq!(Record::read(&path).unwrap(), Some(record));
    }
}
