//! A stream of zstd frames, one after the other, as layers may be (RFC 8878).

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What the first bytes of a frame are.
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Reads what the frames hold.
pub(super) struct Zstd<R> {
    source: R,
    /// The frame that is read; what came before the first has ended.
    frame: FrameDecoder,
    begun: bool,
}

impl<R: BufRead> Zstd<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, frame: FrameDecoder::new(), begun: false }
    }

    /// Begins the next frame; `false` at the end.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.frame.reset(&mut self.source) {
                Ok(()) => {
                    self.begun = true;
                    return Ok(true);
                }
                // It holds what is no content.
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = self.source.by_ref().take(length.into());
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.begun || self.frame.can_collect() == 0 {
            if !self.begun || self.frame.is_finished() {
                if !self.next_frame()? {
                    return Ok(0);
                }
                continue;
            }
            let one = BlockDecodingStrategy::UptoBlocks(1);
            self.frame.decode_blocks(&mut self.source, one).map_err(io::Error::other)?;
        }
        self.frame.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Zstd::new(bytes).read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn frames_are_read_one_after_the_other() {
        let frame = |text: &[u8]| compress_to_vec(text, CompressionLevel::Fastest);
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let long = b"0123456789".repeat(50_000);
        let all = [frame(b"one "), skipped, frame(b""), frame(&long), frame(b" end")].concat();
        assert!(all.starts_with(&MAGIC));
        assert_eq!(read(&all).unwrap(), [b"one ", &long[..], b" end"].concat());
        assert!(read(&all[..all.len() - 3]).is_err());
        assert!(read(b"no frame at all").is_err());
        assert_eq!(read(b"").unwrap(), b"");
    }
}
