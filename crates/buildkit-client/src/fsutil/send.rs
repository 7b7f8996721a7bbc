//! The sending end: announces entries, then answers requests for files.
//!
//! [`Sender`] is a machine without socket, task or clock. Its driver feeds it entries ([`Sender::announce`]),
//! what the other end says ([`Sender::handle`]) and bytes of files ([`Sender::data`]), and takes from it what
//! is to be said ([`Sender::poll_packet`]) and read ([`Sender::poll_read`]). [`read_announced`] reads a file
//! and swears that it is the one that was announced.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt;

use bytes::Bytes;

use super::packet::{MAX_DATA, Packet};
use super::root::{self, Root, nanoseconds};
use super::stat::{Mode, Stat};
use super::walk::{FilterError, WalkError};
use buildkit_patterns::path;

/// Files that are given out for reading at once.
pub const MAX_READS: usize = 64;

/// A transfer that failed at the sending end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// What the other end asked for cannot be applied.
    #[error(transparent)]
    Selection(#[from] FilterError),
    /// The tree could not be walked.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file, in quotes.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file is not what was announced, or changed while it was read.
    #[error("{path} changed while it was being sent: {change}")]
    Changed {
        /// The file, in quotes.
        path: String,
        /// What is different.
        change: String,
    },
    /// The other end asked for a file that was not announced, or twice for one.
    #[error("the receiver asked for file {id}, which was not announced or already sent")]
    UnknownFile {
        /// Number of the entry.
        id: u32,
    },
    /// The other end said something that a receiver does not say, or after the end.
    #[error("the receiver sent a packet out of turn")]
    Unexpected,
    /// The other end gave up.
    #[error("the receiver failed: {0}")]
    Receiver(String),
    /// More entries than ids.
    #[error("more than {} entries", u32::MAX)]
    TooMany,
}

/// What was sent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Entries announced: files, directories, links.
    pub entries: u64,
    /// Files whose bytes were sent.
    pub files: u64,
    /// Bytes of files.
    pub bytes: u64,
}

/// The sending end of one transfer.
#[derive(Debug, Default)]
pub struct Sender {
    next_id: u32,
    /// What may be asked for, each once, by id. Entries without bytes of their own are empty places.
    offered: Vec<Option<Offer>>,
    wanted: VecDeque<(u32, Offer)>,
    reading: usize,
    out: VecDeque<Packet>,
    finished: bool,
    sent: Sent,
}

/// A file that may be asked for. There may be millions, so it has no more than reading it needs.
#[derive(Debug)]
struct Offer {
    path: Box<[u8]>,
    mode: Mode,
    size: i64,
    mtime: i64,
}

impl Offer {
    fn of(stat: &Stat) -> Self {
        let Stat { path, mode, size, mtime, .. } = stat;
        Self { path: path.as_slice().into(), mode: *mode, size: *size, mtime: *mtime }
    }

    fn into_stat(self) -> Stat {
        let Self { path, mode, size, mtime } = self;
        Stat { path: path.into(), mode, size, mtime, ..Stat::default() }
    }
}

impl Sender {
    /// A transfer in which nothing was said yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Announces the next entry; entries come in the protocol's order.
    pub fn announce(&mut self, stat: Box<Stat>) -> Result<(), SendError> {
        let id = self.next_id;
        self.next_id = id.checked_add(1).ok_or(SendError::TooMany)?;
        self.offered.push(stat.has_content().then(|| Offer::of(&stat)));
        self.sent.entries += 1;
        self.out.push_back(Packet::Stat(stat));
        Ok(())
    }

    /// Announces that there are no more entries.
    pub fn end_of_entries(&mut self) {
        self.out.push_back(Packet::EndOfStats);
    }

    /// Takes in what the receiver said.
    pub fn handle(&mut self, packet: Packet) -> Result<(), SendError> {
        match packet {
            _ if self.finished => Err(SendError::Unexpected),
            Packet::Request(id) => {
                let place = usize::try_from(id).ok().and_then(|id| self.offered.get_mut(id));
                let offer = place.and_then(Option::take).ok_or(SendError::UnknownFile { id })?;
                self.wanted.push_back((id, offer));
                Ok(())
            }
            Packet::Finish => {
                self.finished = true;
                self.wanted.clear();
                self.out.push_back(Packet::Finish);
                Ok(())
            }
            Packet::Error(text) => Err(SendError::Receiver(text)),
            Packet::Stat(_) | Packet::EndOfStats | Packet::Data { .. } => Err(SendError::Unexpected),
        }
    }

    /// The next file to read, if one is wanted and fewer than [`MAX_READS`] are being read.
    pub fn poll_read(&mut self) -> Option<(u32, Stat)> {
        if self.reading >= MAX_READS {
            return None;
        }
        let (id, offer) = self.wanted.pop_front()?;
        self.reading += 1;
        Some((id, offer.into_stat()))
    }

    /// Takes the next bytes of a file that is read, at most [`MAX_DATA`]; none at all end it.
    pub fn data(&mut self, id: u32, bytes: Bytes) {
        if bytes.is_empty() {
            self.reading = self.reading.saturating_sub(1);
            self.sent.files += 1;
        }
        self.sent.bytes += bytes.len() as u64;
        self.out.push_back(Packet::Data { id, bytes });
    }

    /// Tells the receiver that the transfer failed. Nothing is said after that.
    pub fn fail(&mut self, error: &SendError) {
        self.out.clear();
        self.wanted.clear();
        if !matches!(error, SendError::Receiver(_)) {
            self.out.push_back(Packet::Error(error.to_string()));
        }
        self.finished = true;
    }

    /// The next packet to send.
    pub fn poll_packet(&mut self) -> Option<Packet> {
        self.out.pop_front()
    }

    /// Whether a packet waits to be sent. More entries and data are best fed when none does.
    pub fn has_packet(&self) -> bool {
        !self.out.is_empty()
    }

    /// Whether the transfer is over once the waiting packets are sent.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// What was sent so far.
    pub fn sent(&self) -> Sent {
        self.sent
    }
}

/// Reads files that were announced.
#[derive(Debug)]
pub struct Reader<'a> {
    root: &'a Root,
    /// The directory of the last file, which is mostly that of the next one.
    parent: Option<(Vec<u8>, OwnedFd)>,
}

impl<'a> Reader<'a> {
    /// A reader of this tree.
    pub fn new(root: &'a Root) -> Self {
        Self { root, parent: None }
    }

    /// Reads a file in pieces and checks, before and after, that it is what was announced.
    ///
    /// `sink` gets every piece and, when all is well, an empty one; it says whether to go on. Size and time of
    /// modification must be the announced ones: else the receiver would hold bytes under a description that is
    /// not theirs, and could take them for another version's later.
    pub fn read(&mut self, announced: &Stat, mut sink: impl FnMut(Bytes) -> bool) -> Result<(), SendError> {
        let read_error = |source: io::Error| SendError::Read { path: path::quoted(&announced.path), source };
        let (mut file, metadata) = self.open(&announced.path).map_err(|source| match source.kind() {
            io::ErrorKind::InvalidInput => changed(announced, "it is no longer a regular file".to_owned()),
            io::ErrorKind::NotFound => changed(announced, "it is gone".to_owned()),
            io::ErrorKind::NotADirectory => {
                changed(announced, "a directory above it is a link or a file now".to_owned())
            }
            _ if root::is_absent(&source) => changed(announced, "it is a link now".to_owned()),
            _ => read_error(source),
        })?;
        check(announced, &metadata)?;
        let size = announced.size.unsigned_abs();
        let mut length: u64 = 0;
        loop {
            // One byte more than is left: a read that leaves room has seen the end.
            let room = usize::try_from(size - length).map_or(MAX_DATA, |left| MAX_DATA.min(left + 1));
            let mut piece = vec![0; room];
            let got = match file.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                got => got.map_err(read_error)?,
            };
            if got == 0 {
                break;
            }
            length += got as u64;
            if length > size {
                return Err(changed(announced, format!("it has more than its {size} bytes")));
            }
            piece.truncate(got);
            if !sink(piece.into()) {
                return Ok(());
            }
            if length == size && got < room {
                break;
            }
        }
        if length < size {
            return Err(changed(announced, format!("it ended after {length} of its {size} bytes")));
        }
        check(announced, &file.metadata().map_err(read_error)?)?;
        sink(Bytes::new());
        Ok(())
    }

    fn open(&mut self, path: &[u8]) -> io::Result<(File, Metadata)> {
        let (directory, name) = path::split(path);
        let parent = match &self.parent {
            Some((known, parent)) if known == directory => parent,
            _ => &self.parent.insert((directory.to_vec(), self.root.directory(directory)?)).1,
        };
        root::open_file(parent.as_fd(), name)
    }
}

/// Reads one file as [`Reader::read`] does.
pub fn read_announced(
    root: &Root,
    announced: &Stat,
    sink: impl FnMut(Bytes) -> bool,
) -> Result<(), SendError> {
    Reader::new(root).read(announced, sink)
}

fn check(announced: &Stat, now: &Metadata) -> Result<(), SendError> {
    let size = announced.size.unsigned_abs();
    if now.len() != size {
        return Err(changed(announced, format!("it had {size} bytes and has {}", now.len())));
    }
    if nanoseconds(now.mtime(), now.mtime_nsec()) != announced.mtime {
        return Err(changed(announced, "it was modified".to_owned()));
    }
    Ok(())
}

fn changed(announced: &Stat, change: String) -> SendError {
    SendError::Changed { path: path::quoted(&announced.path), change }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsFd;
    use std::os::unix::fs::symlink;

    use super::super::root::look;
    use super::super::stat::Mode;
    use super::*;

    fn stat(path: &str, mode: u32) -> Box<Stat> {
        Box::new(Stat { path: path.into(), mode: Mode(mode), ..Stat::default() })
    }

    #[test]
    fn ids_count_every_entry() {
        let mut sender = Sender::new();
        sender.announce(stat("d", Mode::DIRECTORY | 0o755)).unwrap();
        sender.announce(stat("d/f", 0o644)).unwrap();
        sender
            .announce(Box::new(Stat { link: b"d/f".to_vec(), ..*stat("d/g", 0o644) }))
            .unwrap();
        sender.announce(stat("e", 0o644)).unwrap();
        sender.end_of_entries();
        for id in [3, 1] {
            sender.handle(Packet::Request(id)).unwrap();
        }
        let reads: Vec<_> = std::iter::from_fn(|| sender.poll_read()).map(|(id, s)| (id, s.path)).collect();
        assert_eq!(reads, [(3, b"e".to_vec()), (1, b"d/f".to_vec())]);
        for id in [0, 1, 2, 4] {
            assert!(matches!(sender.handle(Packet::Request(id)), Err(SendError::UnknownFile { .. })), "{id}");
        }
    }

    #[test]
    fn reads_are_bounded() {
        let mut sender = Sender::new();
        for id in 0..100 {
            sender.announce(stat(&format!("f{id}"), 0o644)).unwrap();
            sender.handle(Packet::Request(id)).unwrap();
        }
        let first = std::iter::from_fn(|| sender.poll_read()).count();
        assert_eq!(first, MAX_READS);
        sender.data(0, Bytes::from_static(b"x"));
        assert!(sender.poll_read().is_none());
        sender.data(0, Bytes::new());
        assert!(sender.poll_read().is_some());
        assert_eq!(sender.sent(), Sent { entries: 100, files: 1, bytes: 1 });
    }

    #[test]
    fn finish_is_answered_and_failure_is_told() {
        let mut sender = Sender::new();
        sender.handle(Packet::Finish).unwrap();
        assert_eq!(sender.poll_packet(), Some(Packet::Finish));
        assert!(sender.is_finished());
        assert!(matches!(sender.handle(Packet::Finish), Err(SendError::Unexpected)));
        assert!(!sender.has_packet());

        let mut sender = Sender::new();
        sender.announce(stat("f", 0o644)).unwrap();
        let error = sender.handle(Packet::EndOfStats).unwrap_err();
        sender.fail(&error);
        assert_eq!(sender.poll_packet(), Some(Packet::Error(error.to_string())));
        assert!(sender.is_finished() && !sender.has_packet());

        let error = Sender::new().handle(Packet::Error("disk full".into())).unwrap_err();
        assert_eq!(error.to_string(), "the receiver failed: disk full");
    }

    /// Announces `f`, changes it, and gives what reading says then.
    fn check(change: impl FnOnce(&std::path::Path)) -> Result<Vec<u8>, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        fs::write(&file, vec![b'a'; 100_000]).unwrap();
        let root = Root::open(dir.path()).unwrap();
        let announced = look(root.directory(b"").unwrap().as_fd(), b"f").unwrap().stat;
        change(&file);
        let mut read = Vec::new();
        let mut ended = false;
        let result = read_announced(&root, &announced, |bytes| {
            assert!(bytes.len() <= MAX_DATA && !ended);
            ended = bytes.is_empty();
            read.extend_from_slice(&bytes);
            true
        });
        assert_eq!(result.is_ok(), ended);
        result.map(|()| read).map_err(|e| e.to_string())
    }

    #[test]
    fn only_the_announced_bytes_are_sent() {
        assert_eq!(check(|_| {}).unwrap(), vec![b'a'; 100_000]);
        let prefix = "\"f\" changed while it was being sent: ";
        let longer = check(|f| fs::write(f, vec![b'b'; 100_001]).unwrap());
        assert_eq!(longer.unwrap_err(), format!("{prefix}it had 100000 bytes and has 100001"));
        let modified = check(|f| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            fs::write(f, vec![b'b'; 100_000]).unwrap();
        });
        assert_eq!(modified.unwrap_err(), format!("{prefix}it was modified"));
        assert_eq!(check(|f| fs::remove_file(f).unwrap()).unwrap_err(), format!("{prefix}it is gone"));
        let directory = check(|f| {
            fs::remove_file(f).unwrap();
            fs::create_dir(f).unwrap();
        });
        assert_eq!(directory.unwrap_err(), format!("{prefix}it is no longer a regular file"));
    }

    #[test]
    fn a_file_swapped_for_a_link_leaks_nothing() {
        let secret = tempfile::NamedTempFile::new().unwrap();
        fs::write(secret.path(), vec![b's'; 100_000]).unwrap();
        let result = check(|f| {
            fs::remove_file(f).unwrap();
            symlink(secret.path(), f).unwrap();
        });
        assert_eq!(result.unwrap_err(), "\"f\" changed while it was being sent: it is a link now");
    }
}
