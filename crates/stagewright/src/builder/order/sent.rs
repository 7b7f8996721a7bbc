//! Where what an exporter sends goes.

use std::io;
use std::path::{Path, PathBuf};

use buildkit_client::fsutil::receive::ReceiveOptions;
use buildkit_client::session::filesend::ExportTarget;

/// Where what an exporter sends goes, and what is taken of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::builder) enum Sent {
    File(PathBuf),
    Directory { path: PathBuf, mirror: bool, options: ReceiveOptions },
    Stdout,
}

impl Sent {
    /// The file or directory that it becomes.
    pub(in crate::builder) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Directory { path, .. } => Some(path),
            Self::Stdout => None,
        }
    }

    /// What the session is given for it.
    pub(in crate::builder) fn target(&self) -> ExportTarget {
        match self.clone() {
            Self::File(path) => ExportTarget::File(path),
            Self::Directory { path, mirror: false, options } => ExportTarget::Directory(path, options),
            Self::Directory { path, mirror: true, options } => ExportTarget::Mirror(path, options),
            Self::Stdout => {
                ExportTarget::Writer { name: "standard output".to_owned(), writer: Box::new(io::stdout()) }
            }
        }
    }
}
