//! The receiving end.

use std::collections::BTreeMap;

use buildkit_client::fsutil::packet::Packet;
use buildkit_client::fsutil::receive::{Action, ReceiveError, ReceiveOptions, Receiver};
use buildkit_client::fsutil::stat::{Kind, Mode, Stat};
use bytes::Bytes;

use super::{entry, wire_packet};
use crate::script::Script;

/// Feeds a receiver packets of a sender that says anything, up to its first error.
///
/// Whatever it wants written has a place in the tree that it had made before: a new name in a directory, never
/// behind a link, above the root or in a file. Files get as many bytes as were announced.
pub fn fsutil_receive(data: &[u8]) {
    let mut script = Script::new(data);
    let wanted = script.byte();
    let options =
        ReceiveOptions { setuid: wanted & 1 != 0, devices: wanted & 2 != 0, xattrs: wanted & 4 != 0 };
    let mut receiver = Receiver::new(options);
    let mut disk = Disk { options, entries: BTreeMap::new(), open: BTreeMap::new(), next: 0 };
    let mut confirmed = false;
    while !script.is_empty() {
        let packet = match script.byte() % 8 {
            0..=2 => Packet::Stat(entry(&mut script)),
            3 => Packet::EndOfStats,
            4 | 5 => Packet::Data { id: script.byte().into(), bytes: Bytes::copy_from_slice(script.bytes()) },
            6 => match script.byte() {
                0 => Packet::Request(script.byte().into()),
                1 => Packet::Error(String::new()),
                _ => Packet::Finish,
            },
            _ => match wire_packet(&mut script) {
                Some(packet) => packet,
                None => continue,
            },
        };
        match receiver.handle(packet) {
            Ok(Some(action)) => disk.perform(action, &mut receiver),
            Ok(None) => assert!(!receiver.has_packet()),
            Err(error) => {
                let message = error.to_string();
                let is_ours = !matches!(error, ReceiveError::Sender(_));
                assert!(!is_ours || !message.chars().any(char::is_control), "{message:?}");
                return;
            }
        }
        if receiver.has_everything() && !confirmed {
            assert!(disk.open.is_empty(), "nothing is confirmed before every file is whole");
            confirmed = true;
            receiver.confirm();
            assert_eq!(receiver.poll_packet(), Some(Packet::Finish));
        }
    }
}

/// A disk that knows what is on it.
struct Disk {
    options: ReceiveOptions,
    entries: BTreeMap<Vec<u8>, Kind>,
    /// How many bytes are still to come.
    open: BTreeMap<u32, u64>,
    next: u32,
}

impl Disk {
    fn perform(&mut self, action: Action, receiver: &mut Receiver) {
        match action {
            Action::Create { id, stat } => {
                assert_eq!(id, self.next);
                self.next += 1;
                self.create(&stat);
                if stat.has_content() {
                    self.open.insert(id, stat.size.try_into().expect("a size that can be"));
                    assert_eq!(receiver.poll_packet(), Some(Packet::Request(id)), "a file is asked for");
                }
            }
            Action::Write { id, bytes } => {
                let left = self.open.get_mut(&id).expect("a file that is open");
                *left = left.checked_sub(bytes.len() as u64).expect("no more bytes than announced");
            }
            Action::Close { id } => {
                assert_eq!(self.open.remove(&id), Some(0), "as many bytes as announced");
            }
        }
        assert_eq!(receiver.poll_packet(), None, "nothing else is asked for");
    }

    fn create(&mut self, stat: &Stat) {
        let path = &stat.path;
        assert!(!path.contains(&0));
        for (end, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            assert_eq!(
                self.entries.get(&path[..end]),
                Some(&Kind::Directory),
                "all above it are directories"
            );
        }
        let mut names = path.split(|byte| *byte == b'/');
        assert!(names.all(|name| !matches!(name, b"" | b"." | b"..")), "every name is one of a file");
        let kind = stat.mode.kind();
        assert!(!matches!(kind, Kind::Socket | Kind::Other));
        assert!(self.options.devices || !matches!(kind, Kind::Fifo | Kind::BlockDevice | Kind::CharDevice));
        assert!(self.options.setuid || stat.mode.0 & (Mode::SETUID | Mode::SETGID) == 0);
        assert!(self.options.xattrs || stat.xattrs.keys().all(|name| name.starts_with("user.")));
        if stat.is_hard_link() {
            let first = self.entries.get(&stat.link).expect("what a hard link repeats is there");
            assert!(!matches!(first, Kind::Directory | Kind::Symlink));
        }
        assert_eq!(self.entries.insert(path.clone(), kind), None, "nothing is written over");
    }
}
