//! A daemon that lies: a hostile peer on the real protocol, and what the client lets it do.
//!
//! Nothing is written or read outside what was offered, memory stays bounded, every error names what is at
//! fault, and everything ends in bounded time.

mod control;
mod daemon;
mod files;
mod memory;
mod packets;
mod session;
mod trees;
mod uploads;

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

/// How long anything may take here, on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits, but not for ever.
async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(LIMIT, work)
        .await
        .unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"))
}

/// Everything below a directory: kind and mode, link or content, times of files.
fn snapshot(directory: &Path) -> BTreeMap<Vec<u8>, String> {
    let mut all = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        let stat = fs::symlink_metadata(&path).unwrap();
        let content = if stat.is_symlink() {
            format!("{:?}", fs::read_link(&path).unwrap())
        } else if stat.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            String::new()
        } else {
            String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
        };
        // A directory's own time changes when something is put beside the old, and taken away again.
        let time = if stat.is_dir() { (0, 0) } else { (stat.mtime(), stat.mtime_nsec()) };
        let told = format!("{:o} {time:?} {content}", stat.mode());
        all.insert(path.as_os_str().as_bytes().to_owned(), told);
    }
    all
}
