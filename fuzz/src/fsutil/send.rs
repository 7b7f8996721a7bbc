//! The sending end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use buildkit_client::fsutil::packet::Packet;
use buildkit_client::fsutil::send::{MAX_READS, SendError, Sender};
use buildkit_client::fsutil::stat::Stat;
use bytes::Bytes;

use super::{entry, wire_packet};
use crate::script::Script;

/// Feeds a sender entries, bytes, and packets of a receiver that says anything.
///
/// Only files that were announced are read, each once, a few at a time; what is said is what was fed, in its order;
/// after the end nothing is read and nothing more is said.
pub fn fsutil_send(data: &[u8]) {
    let mut script = Script::new(data);
    let mut model = Model::default();
    while !script.is_empty() {
        match script.byte() % 16 {
            0..=3 => model.announce(entry(&mut script)),
            4 => model.end_of_entries(),
            5..=8 => model.handle(Packet::Request(script.byte().into())),
            9 | 10 => model.read(),
            11 | 12 => model.data(script.byte(), script.bytes()),
            13 => model.speak(script.byte()),
            14 => model.handle(Packet::Finish),
            _ => {
                if let Some(packet) = wire_packet(&mut script) {
                    model.handle(packet);
                }
            }
        }
        model.check();
    }
    model.speak(u8::MAX);
    model.check();
}

/// A sender, and what must be true of it.
#[derive(Default)]
struct Model {
    sender: Sender,
    announced: u32,
    ended: bool,
    offered: BTreeMap<u32, Vec<u8>>,
    wanted: VecDeque<u32>,
    reading: Vec<u32>,
    /// What is to be said; of an entry its path.
    said: VecDeque<Packet>,
    over: bool,
    done: BTreeSet<u32>,
}

impl Model {
    fn announce(&mut self, stat: Box<Stat>) {
        // A driver announces nothing after the last entry, or when all is over.
        if self.ended || self.over {
            return;
        }
        self.said.push_back(Packet::Stat(stat.clone()));
        if stat.has_content() {
            self.offered.insert(self.announced, stat.path.clone());
        }
        self.announced += 1;
        self.sender.announce(stat).expect("there are ids left");
    }

    fn end_of_entries(&mut self) {
        if !self.ended && !self.over {
            self.ended = true;
            self.said.push_back(Packet::EndOfStats);
            self.sender.end_of_entries();
        }
    }

    fn handle(&mut self, packet: Packet) {
        let is_good = match &packet {
            Packet::Request(id) => !self.over && self.offered.remove(id).is_some(),
            Packet::Finish => !self.over,
            _ => false,
        };
        let answer = self.sender.handle(packet.clone());
        assert_eq!(answer.is_ok(), is_good, "{packet:?}: {answer:?}");
        if self.over {
            return;
        }
        match (answer, packet) {
            (Ok(()), Packet::Request(id)) => self.wanted.push_back(id),
            (Ok(()), _) => {
                self.said.push_back(Packet::Finish);
                self.wanted.clear();
                self.over = true;
            }
            (Err(error), _) => self.fail(&error),
        }
    }

    /// What a driver does with an error.
    fn fail(&mut self, error: &SendError) {
        self.sender.fail(error);
        self.said.clear();
        if !matches!(error, SendError::Receiver(_)) {
            self.said.push_back(Packet::Error(error.to_string()));
        }
        self.wanted.clear();
        self.over = true;
    }

    fn read(&mut self) {
        let next = self.sender.poll_read();
        let expected = (self.reading.len() < MAX_READS).then(|| self.wanted.pop_front()).flatten();
        assert_eq!(next.as_ref().map(|(id, _)| *id), expected);
        if let Some((id, stat)) = next {
            assert!(stat.has_content(), "only files have bytes");
            assert!(self.done.insert(id), "a file is read once");
            self.reading.push(id);
        }
    }

    fn data(&mut self, which: u8, bytes: &[u8]) {
        // A driver reads on only while there is somebody to read for.
        if self.over || self.reading.is_empty() {
            return;
        }
        let index = usize::from(which) % self.reading.len();
        let id = self.reading[index];
        if bytes.is_empty() {
            self.reading.swap_remove(index);
        }
        let bytes = Bytes::copy_from_slice(bytes);
        self.said.push_back(Packet::Data { id, bytes: bytes.clone() });
        self.sender.data(id, bytes);
    }

    fn speak(&mut self, most: u8) {
        for _ in 0..most {
            let packet = self.sender.poll_packet();
            assert_eq!(packet, self.said.pop_front());
            if packet.is_none() {
                break;
            }
        }
    }

    fn check(&self) {
        assert_eq!(self.sender.has_packet(), !self.said.is_empty());
        assert_eq!(self.sender.is_finished(), self.over);
        assert_eq!(self.sender.sent().entries, u64::from(self.announced));
    }
}
