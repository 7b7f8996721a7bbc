//! The messages of an ssh agent's connection, and which of them a build may send.
//!
//! A message is its length in four bytes, big-endian, and as many bytes, of which the first is its type
//! (draft-ietf-sshm-ssh-agent). This owns no socket: bytes go in, messages come out.

use bytes::{Bytes, BytesMut};

/// Longest message; OpenSSH's agent takes no longer ones.
pub const MAX_MESSAGE: usize = 256 << 10;
/// Most bytes that are taken at once beyond a message: what daemons and agents send at once.
pub const MAX_CHUNK: usize = 32 << 10;

/// Bytes of a message's length.
const LENGTH: usize = 4;
/// Lists the keys.
const REQUEST_IDENTITIES: u8 = 11;
/// Signs with a key.
const SIGN_REQUEST: u8 = 13;
/// A request is refused.
const FAILURE: u8 = 5;

/// The answer to what a build may not ask.
pub(super) const REFUSAL: &[u8] = &[0, 0, 0, 1, FAILURE];

/// Cuts a stream of bytes into messages. It holds one message, and what came with its end: as long as a message and a
/// chunk can be, and no more.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: BytesMut,
}

/// What comes is no message of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A message without a type.
    #[error("an ssh agent's message is empty")]
    Empty,
    /// A message that no agent takes.
    #[error("an ssh agent's message has {length} bytes, and at most {MAX_MESSAGE} are taken")]
    TooLong {
        /// The length that it announces.
        length: u32,
    },
    /// More at once than one message and a chunk.
    #[error(
        "{length} bytes of an ssh agent's connection came at once, and at most {MAX_CHUNK} beyond a message of {MAX_MESSAGE} \
         are taken"
    )]
    TooMuch {
        /// The bytes that would be kept.
        length: usize,
    },
}

impl Frames {
    /// No bytes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes, which end anywhere. Before the next ones, whole messages are to be taken out.
    ///
    /// # Errors
    /// These are more than a message and a chunk.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        let length = self.buffer.len() + bytes.len();
        if length > LENGTH + MAX_MESSAGE + MAX_CHUNK {
            return Err(FrameError::TooMuch { length });
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next message with its length before it, once it is whole.
    ///
    /// # Errors
    /// The bytes are no message. Nothing can be read after that.
    pub fn take(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some((&length, rest)) = self.buffer.split_first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes(length);
        match length as usize {
            0 => Err(FrameError::Empty),
            size if size > MAX_MESSAGE => Err(FrameError::TooLong { length }),
            size if size > rest.len() => Ok(None),
            size => Ok(Some(self.buffer.split_to(LENGTH + size).freeze())),
        }
    }

    /// Whether no part of a message is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }
}

/// Whether a build may send this message: it may see the keys and have them sign, and no more. Adding and removing
/// keys, locking and extensions are refused (as BuildKit v0.34 `session/sshforward/sshprovider/agentprovider.go`).
#[must_use]
pub fn is_allowed(message: &[u8]) -> bool {
    matches!(message.get(LENGTH), Some(&(REQUEST_IDENTITIES | SIGN_REQUEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(content: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(content.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(content);
        bytes
    }

    #[test]
    fn bytes_may_be_cut_anywhere() {
        let stream = [message(&[11]), message(b"\x0dabc"), message(&[17; 300])].concat();
        for step in [1, 2, 7, stream.len()] {
            let mut frames = Frames::new();
            let mut seen = Vec::new();
            for chunk in stream.chunks(step) {
                frames.push(chunk).unwrap();
                while let Some(message) = frames.take().unwrap() {
                    seen.push(message);
                }
            }
            assert_eq!(seen, [message(&[11]), message(b"\x0dabc"), message(&[17; 300])], "step {step}");
            assert!(frames.is_empty());
        }
    }

    #[test]
    fn what_is_no_message_is_an_error_before_it_is_kept() {
        let check = |bytes: &[u8], expected| {
            let mut frames = Frames::new();
            frames.push(bytes).unwrap();
            assert_eq!(frames.take(), expected);
        };
        check(&[0, 0, 0], Ok(None));
        check(&[0, 0, 0, 0], Err(FrameError::Empty));
        check(&[0, 4, 0, 0], Ok(None));
        check(&[0, 4, 0, 1], Err(FrameError::TooLong { length: 262_145 }));
        check(&[0xff; 8], Err(FrameError::TooLong { length: u32::MAX }));
    }

    #[test]
    fn a_message_and_a_chunk_are_kept_and_no_more() {
        let longest = message(&vec![SIGN_REQUEST; MAX_MESSAGE]);
        let tiny = message(&[REQUEST_IDENTITIES]).repeat(MAX_CHUNK / 5);
        let mut frames = Frames::new();
        frames.push(&longest).unwrap();
        frames.push(&tiny).unwrap();
        let too_much = frames.push(&tiny).unwrap_err();
        assert_eq!(too_much, FrameError::TooMuch { length: longest.len() + 2 * tiny.len() });
        assert_eq!(frames.take().unwrap().unwrap(), longest);
        let mut count = 0;
        while let Some(message) = frames.take().unwrap() {
            assert_eq!(message, [0, 0, 0, 1, REQUEST_IDENTITIES].as_slice());
            count += 1;
        }
        assert_eq!(count, MAX_CHUNK / 5);
        assert!(frames.is_empty());
    }

    #[test]
    fn only_listing_and_signing_are_allowed() {
        let allowed: Vec<u8> = (0..=255).filter(|kind| is_allowed(&message(&[*kind, 11, 13]))).collect();
        assert_eq!(allowed, [11, 13]);
        assert!(!is_allowed(&[]));
    }
}
