//! The receiving end: checks what is announced, asks for every file, writes nothing itself.
//!
//! [`Receiver`] is a machine without socket, task or disk. Its driver feeds it what the other end says
//! ([`Receiver::handle`]), carries out the [`Action`]s that it answers with, in order, and sends what it has
//! to say ([`Receiver::poll_packet`]). Requests wait without bound, so that a driver can always go on
//! reading: a sender that may not speak does not listen either.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::packet::Packet;
use super::stat::{Kind, Stat};
use super::validate::{InvalidEntry, Validator};
use buildkit_patterns::path;

/// What is taken from a sender beyond files, directories and links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveOptions {
    /// Keep setuid and setgid; else they are dropped.
    pub setuid: bool,
    /// Create devices and pipes; else they are an error.
    pub devices: bool,
    /// Keep every extended attribute, `security.*` and `trusted.*` too; else only `user.*`.
    pub xattrs: bool,
}

/// Entries in one transfer, several times those of a large root file system. Each is remembered to the end, which
/// takes some 600 bytes beside its names, here and in its [`Staging`](super::disk::Staging).
const MAX_ENTRIES: u32 = 4_000_000;
/// Bytes of names, link targets and attributes in one transfer.
const MAX_ANNOUNCED: usize = 1 << 30;
/// How often a path is kept while its file is awaited: by the validator, by the receiver, and by the staging.
const PATHS: usize = 3;

/// A transfer that failed at the receiving end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// An entry that an honest sender does not send.
    #[error(transparent)]
    Invalid(#[from] InvalidEntry),
    /// A device where none is wanted.
    #[error("{path} is a device or a pipe, which only a tar file can carry")]
    Device {
        /// The entry, in quotes.
        path: String,
    },
    /// A file with more or fewer bytes than announced.
    #[error("{path} has {got} bytes where {announced} were announced")]
    WrongSize {
        /// The file, in quotes.
        path: String,
        /// Bytes announced.
        announced: u64,
        /// Bytes that came, or came so far.
        got: u64,
    },
    /// Bytes for a file that is not open.
    #[error("the sender sent bytes of file {id}, which was not asked for or has ended")]
    UnknownFile {
        /// Number of the entry.
        id: u32,
    },
    /// Announcements without an end.
    #[error("the sender announced more than {} MiB of names, at {path}", MAX_ANNOUNCED >> 20)]
    TooMuch {
        /// The entry at which it was too much, in quotes.
        path: String,
    },
    /// More entries than can be remembered.
    #[error("the sender announced more than {MAX_ENTRIES} entries, at {path}")]
    TooMany {
        /// The entry at which it was too much, in quotes.
        path: String,
    },
    /// Something that a sender does not say, or not at this point.
    #[error("the sender sent a packet out of turn")]
    Unexpected,
    /// The other end gave up.
    #[error("the sender failed: {0}")]
    Sender(String),
}

/// What the driver is to do with the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Create an entry. A file with content stays open under its id.
    Create {
        /// Number of the entry.
        id: u32,
        /// The entry; its path is safe to create where its parents were created.
        stat: Box<Stat>,
    },
    /// Append to a file.
    Write {
        /// The file.
        id: u32,
        /// Its next bytes.
        bytes: Bytes,
    },
    /// A file is complete.
    Close {
        /// The file.
        id: u32,
    },
}

/// The receiving end of one transfer.
#[derive(Debug, Default)]
pub struct Receiver {
    options: ReceiveOptions,
    validator: Validator,
    next_id: u32,
    announced: usize,
    open: HashMap<u32, Incoming>,
    out: VecDeque<Packet>,
    ended: bool,
    confirmed: bool,
    finished: bool,
}

#[derive(Debug)]
struct Incoming {
    path: Vec<u8>,
    announced: u64,
    got: u64,
}

impl Receiver {
    /// A transfer in which nothing was said yet.
    pub fn new(options: ReceiveOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Takes in what the sender said.
    pub fn handle(&mut self, packet: Packet) -> Result<Option<Action>, ReceiveError> {
        match packet {
            Packet::Stat(stat) if !self.ended => self.entry(stat).map(Some),
            Packet::EndOfStats if !self.ended => {
                self.ended = true;
                Ok(None)
            }
            Packet::Data { id, bytes } if bytes.is_empty() => {
                let file = self.open.remove(&id).ok_or(ReceiveError::UnknownFile { id })?;
                if file.got != file.announced {
                    return Err(file.wrong_size());
                }
                Ok(Some(Action::Close { id }))
            }
            Packet::Data { id, bytes } => {
                let file = self.open.get_mut(&id).ok_or(ReceiveError::UnknownFile { id })?;
                file.got += bytes.len() as u64;
                if file.got > file.announced {
                    return Err(file.wrong_size());
                }
                Ok(Some(Action::Write { id, bytes }))
            }
            Packet::Finish if self.confirmed && !self.finished => {
                self.finished = true;
                Ok(None)
            }
            Packet::Error(text) => Err(ReceiveError::Sender(text)),
            Packet::Stat(_) | Packet::EndOfStats | Packet::Finish | Packet::Request(_) => {
                Err(ReceiveError::Unexpected)
            }
        }
    }

    fn entry(&mut self, mut stat: Box<Stat>) -> Result<Action, ReceiveError> {
        self.validator.check(&stat)?;
        if matches!(stat.mode.kind(), Kind::CharDevice | Kind::BlockDevice | Kind::Fifo)
            && !self.options.devices
        {
            return Err(ReceiveError::Device { path: path::quoted(&stat.path) });
        }
        if !self.options.setuid {
            stat.mode.0 &= !(super::stat::Mode::SETUID | super::stat::Mode::SETGID);
        }
        if !self.options.xattrs {
            stat.xattrs.retain(|key, _| key.starts_with("user."));
        }
        let attributes: usize = stat.xattrs.iter().map(|(key, value)| key.len() + value.len()).sum();
        self.announced += PATHS * stat.path.len() + stat.link.len() + attributes;
        if self.announced > MAX_ANNOUNCED {
            return Err(ReceiveError::TooMuch { path: path::quoted(&stat.path) });
        }
        let id = self.next_id;
        if id == MAX_ENTRIES {
            return Err(ReceiveError::TooMany { path: path::quoted(&stat.path) });
        }
        self.next_id = id + 1;
        if stat.has_content() {
            let announced = stat.size.unsigned_abs();
            self.open.insert(id, Incoming { path: stat.path.clone(), announced, got: 0 });
            self.out.push_back(Packet::Request(id));
        }
        Ok(Action::Create { id, stat })
    }

    /// Whether every entry was announced and every file has come.
    pub fn has_everything(&self) -> bool {
        self.ended && self.open.is_empty()
    }

    /// Tells the sender, when there is everything and all of it is written, that nothing more is needed.
    pub fn confirm(&mut self) {
        self.confirmed = true;
        self.out.push_back(Packet::Finish);
    }

    /// The next packet to send.
    pub fn poll_packet(&mut self) -> Option<Packet> {
        self.out.pop_front()
    }

    /// Whether a packet waits to be sent.
    pub fn has_packet(&self) -> bool {
        !self.out.is_empty()
    }

    /// Whether the sender has confirmed the end.
    pub fn is_finished(&self) -> bool {
        self.finished
    }
}

impl Incoming {
    fn wrong_size(&self) -> ReceiveError {
        ReceiveError::WrongSize { path: path::quoted(&self.path), announced: self.announced, got: self.got }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stat::Mode;
    use super::*;

    fn stat(path: &str, mode: u32, size: i64) -> Packet {
        Packet::Stat(Box::new(Stat { path: path.into(), mode: Mode(mode), size, ..Stat::default() }))
    }

    fn data(id: u32, bytes: &'static [u8]) -> Packet {
        Packet::Data { id, bytes: Bytes::from_static(bytes) }
    }

    /// Feeds packets; all but the last are good.
    fn feed(options: ReceiveOptions, packets: Vec<Packet>) -> Result<Option<Action>, ReceiveError> {
        let mut receiver = Receiver::new(options);
        let mut last = Ok(None);
        for packet in packets {
            last.unwrap();
            last = receiver.handle(packet);
        }
        last
    }

    fn check(packets: Vec<Packet>, expected: &str) {
        assert_eq!(feed(ReceiveOptions::default(), packets).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_transfer_from_beginning_to_end() {
        let mut receiver = Receiver::new(ReceiveOptions::default());
        receiver.handle(stat("d", Mode::DIRECTORY | 0o755, 0)).unwrap();
        receiver.handle(stat("d/f", 0o644, 3)).unwrap();
        receiver.handle(Packet::EndOfStats).unwrap();
        assert_eq!(receiver.poll_packet(), Some(Packet::Request(1)));
        assert!(!receiver.has_everything());
        receiver.handle(data(1, b"abc")).unwrap();
        assert_eq!(receiver.handle(data(1, b"")), Ok(Some(Action::Close { id: 1 })));
        assert!(receiver.has_everything());
        assert_eq!(receiver.handle(Packet::Finish), Err(ReceiveError::Unexpected));
        receiver.confirm();
        assert_eq!(receiver.poll_packet(), Some(Packet::Finish));
        receiver.handle(Packet::Finish).unwrap();
        assert!(receiver.is_finished());
    }

    #[test]
    fn sizes_are_as_announced() {
        check(vec![stat("f", 0o644, 2), data(0, b"abc")], "\"f\" has 3 bytes where 2 were announced");
        check(
            vec![stat("f", 0o644, 2), data(0, b"a"), data(0, b"")],
            "\"f\" has 1 bytes where 2 were announced",
        );
    }

    #[test]
    fn packets_come_in_turn() {
        let out_of_turn = "the sender sent a packet out of turn";
        check(vec![Packet::EndOfStats, stat("f", 0o644, 0)], out_of_turn);
        check(vec![Packet::EndOfStats, Packet::EndOfStats], out_of_turn);
        check(vec![Packet::Finish], out_of_turn);
        check(vec![Packet::Request(0)], out_of_turn);
        check(
            vec![stat("d", Mode::DIRECTORY, 0), data(0, b"x")],
            &ReceiveError::UnknownFile { id: 0 }.to_string(),
        );
        check(
            vec![stat("f", 0o644, 0), data(0, b""), data(0, b"")],
            &ReceiveError::UnknownFile { id: 0 }.to_string(),
        );
        check(vec![Packet::Error("gone".into())], "the sender failed: gone");
    }

    #[test]
    fn devices_and_setuid_only_when_asked_for() {
        let device = || stat("null", Mode::DEVICE | Mode::CHAR_DEVICE | 0o666, 0);
        check(vec![device()], "\"null\" is a device or a pipe, which only a tar file can carry");
        let all = ReceiveOptions { setuid: true, devices: true, xattrs: true };
        assert!(feed(all, vec![device()]).is_ok());
        for (options, mode) in [(ReceiveOptions::default(), 0o755), (all, Mode::SETUID | 0o755)] {
            let Ok(Some(Action::Create { stat, .. })) =
                feed(options, vec![stat("su", Mode::SETUID | 0o755, 0)])
            else {
                panic!("not created");
            };
            assert_eq!(stat.mode.0, mode);
        }
    }

    #[test]
    fn attributes_of_the_system_only_when_asked_for() {
        let names = ["security.capability", "system.posix_acl_access", "trusted.overlay.opaque", "user.a"];
        let kept = |options| {
            let xattrs = names.map(|name| (name.to_owned(), vec![1])).into();
            let stat = Stat { path: b"f".to_vec(), mode: Mode(0o644), xattrs, ..Stat::default() };
            match feed(options, vec![Packet::Stat(Box::new(stat))]) {
                Ok(Some(Action::Create { stat, .. })) => stat.xattrs.into_keys().collect::<Vec<_>>(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(kept(ReceiveOptions::default()), ["user.a"]);
        assert_eq!(kept(ReceiveOptions { xattrs: true, ..ReceiveOptions::default() }), names);
    }

    #[test]
    fn announcements_have_an_end() {
        let mut receiver = Receiver::new(ReceiveOptions::default());
        let link = vec![b'x'; 4 << 20];
        let error = (0..1000_u32).find_map(|number| {
            let path = format!("{number:04}").into_bytes();
            let mode = Mode(Mode::SYMLINK | 0o777);
            let stat = Stat { path, mode, link: link.clone(), ..Stat::default() };
            receiver.handle(Packet::Stat(Box::new(stat))).err()
        });
        let text = error.unwrap().to_string();
        assert_eq!(text, "the sender announced more than 1024 MiB of names, at \"0255\"");
    }

    #[test]
    fn entries_have_an_end() {
        let mut receiver = Receiver { next_id: MAX_ENTRIES - 1, ..Receiver::default() };
        receiver.handle(stat("a", Mode::DIRECTORY, 0)).unwrap();
        let text = receiver.handle(stat("b", Mode::DIRECTORY, 0)).unwrap_err().to_string();
        assert_eq!(text, "the sender announced more than 4000000 entries, at \"b\"");
    }

    #[test]
    fn hostile_paths_are_refused() {
        for path in ["../x", "/x", "a/b"] {
            assert!(matches!(
                feed(ReceiveOptions::default(), vec![stat(path, 0o644, 0)]),
                Err(ReceiveError::Invalid(_))
            ));
        }
    }
}
