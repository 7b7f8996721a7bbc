//! A tree for a directory that is made here, not sent: with the same care, and put into place with the others.

use std::path::PathBuf;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::error::ExportError;
use super::exports::{Arrived, Exports};
use super::{Disk, QUEUE, join, stage};
use crate::fsutil::packet::Packet;
use crate::fsutil::place::Others;
use crate::fsutil::receive::{ReceiveOptions, Receiver};
use crate::fsutil::stat::Stat;

/// A tree under way to a target that is a directory: beside it, until [`Exports::commit`].
///
/// Dropped before its [`end`](Tree::end), it leaves nothing.
#[derive(Debug)]
#[must_use = "a tree that is not ended is not among the exports"]
pub struct Tree {
    exports: Exports,
    id: u32,
    path: PathBuf,
    receiver: Receiver,
    entries: u32,
    disk: Option<Disk>,
}

impl Exports {
    /// Begins a tree for the target of this index, and makes nothing of what else is in the directory.
    ///
    /// There may be several: what they have in common they must agree on.
    ///
    /// # Errors
    /// There is no such target, or it is no directory.
    pub fn tree(&self, id: u32) -> Result<Tree, ExportError> {
        let (path, partials) = self.directory(id)?;
        let (actions, queue) = mpsc::channel(QUEUE);
        let staged = path.clone();
        let thread = spawn_blocking(move || stage(&staged, Others::Stay, &partials, queue));
        Ok(Tree {
            exports: self.clone(),
            id,
            path,
            receiver: Receiver::new(ReceiveOptions::default()),
            entries: 0,
            disk: Some((actions, thread)),
        })
    }
}

impl Tree {
    /// The next entry, in the order of the protocol: by the parts of its path, each behind its directory.
    ///
    /// # Errors
    /// What a sender must not send either, and what the disk says.
    pub async fn entry(&mut self, stat: Stat) -> Result<(), ExportError> {
        self.entries += 1;
        self.handle(Packet::Stat(Box::new(stat))).await
    }

    /// The next bytes of the last entry, a file; none at all end it.
    ///
    /// # Errors
    /// More or fewer bytes than its size, and what the disk says.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), ExportError> {
        let id = self.entries.saturating_sub(1);
        self.handle(Packet::Data { id, bytes }).await
    }

    /// Makes it one of the exports.
    ///
    /// # Errors
    /// What the disk says.
    pub async fn end(mut self) -> Result<(), ExportError> {
        let Some((actions, thread)) = self.disk.take() else { return Ok(()) };
        drop(actions);
        let staging =
            join(thread.await).map_err(|source| ExportError::Disk { path: self.path.clone(), source })?;
        self.exports.end(self.id, Ok(Arrived::Tree(Box::new(staging))));
        Ok(())
    }

    async fn handle(&mut self, packet: Packet) -> Result<(), ExportError> {
        let target = || self.path.display().to_string();
        let action = self
            .receiver
            .handle(packet)
            .map_err(|source| ExportError::Receive { target: target(), source })?;
        // Nobody asks for anything here.
        while self.receiver.poll_packet().is_some() {}
        let (Some(action), Some((actions, _))) = (action, &self.disk) else { return Ok(()) };
        if actions.send(action).await.is_ok() {
            return Ok(());
        }
        // The thread ends early only when the disk has failed.
        let thread = self.disk.take().map(|(_, thread)| thread);
        match thread {
            Some(thread) => match join(thread.await) {
                Err(source) => Err(ExportError::Disk { path: self.path.clone(), source }),
                Ok(_) => Ok(()),
            },
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::ExportTarget;
    use super::*;
    use crate::fsutil::stat::Mode;

    fn file(path: &str, size: i64) -> Stat {
        Stat { path: path.into(), mode: Mode(0o644), size, ..Stat::default() }
    }

    #[tokio::test]
    async fn trees_come_to_their_place_together_or_leave_nothing() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("out");
        let target = || ExportTarget::Directory(out.clone(), ReceiveOptions::default());
        let exports = Exports::prepare([(0, target())]).unwrap();
        for name in ["a", "b"] {
            let mut tree = exports.tree(0).unwrap();
            tree.entry(file(name, 2)).await.unwrap();
            tree.write(Bytes::from_static(b"xy")).await.unwrap();
            tree.write(Bytes::new()).await.unwrap();
            tree.end().await.unwrap();
        }
        assert!(!out.exists());
        exports.commit().await.unwrap();
        assert_eq!(fs::read_to_string(out.join("a")).unwrap(), "xy");
        assert_eq!(fs::read_to_string(out.join("b")).unwrap(), "xy");

        let exports = Exports::prepare([(0, target())]).unwrap();
        let mut tree = exports.tree(0).unwrap();
        tree.entry(file("c", 2)).await.unwrap();
        assert!(tree.write(Bytes::from_static(b"xyz")).await.is_err(), "more than was announced");
        let mut tree = exports.tree(0).unwrap();
        assert!(tree.entry(file("../d", 0)).await.is_err(), "it leads out");
        assert!(matches!(exports.tree(1), Err(ExportError::NoTarget { id: 1 })));
        exports.give_up().await;
        assert!(!out.join("c").exists() && !place.path().join("d").exists());
    }
}
