//! Output of a step, cut into lines.

use std::time::Duration;

/// The longest line that is kept together, in bytes: a longer one comes out in pieces.
const LONGEST: usize = 16 * 1024;

/// Cuts one stream of output into lines, whatever pieces it comes in.
///
/// It holds one line at most, and of that no more than [`LONGEST`]. A carriage return starts the line anew, as
/// on a terminal: what stood there is gone, so a progress bar comes out as its last state.
#[derive(Debug, Default)]
pub(super) struct LineCutter {
    partial: Vec<u8>,
    /// The last byte was a carriage return.
    returned: bool,
    touched: Duration,
}

impl LineCutter {
    /// Takes output that came at `now` and hands each line that it ends to `line`, without its end.
    pub(super) fn push(&mut self, now: Duration, data: &[u8], mut line: impl FnMut(&[u8])) {
        self.touched = now;
        for piece in data.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, end) = match piece {
                [text @ .., end @ (b'\n' | b'\r')] => (text, Some(*end)),
                text => (text, None),
            };
            if self.returned && !text.is_empty() {
                self.partial.clear();
                self.returned = false;
            }
            self.extend(text, &mut line);
            match end {
                Some(b'\n') => {
                    line(&self.partial);
                    self.partial.clear();
                    self.returned = false;
                }
                Some(_) => self.returned = true,
                None => {}
            }
        }
    }

    /// The line that has not ended yet.
    pub(super) fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Takes the line that has not ended yet, if there is one and nothing was added to it for `idle`.
    pub(super) fn take(&mut self, now: Duration, idle: Duration) -> Option<Vec<u8>> {
        let rests = now.saturating_sub(self.touched) >= idle;
        (rests && !self.partial.is_empty()).then(|| {
            self.returned = false;
            std::mem::take(&mut self.partial)
        })
    }

    fn extend(&mut self, mut text: &[u8], line: &mut impl FnMut(&[u8])) {
        while self.partial.len() + text.len() > LONGEST {
            let (fits, rest) = text.split_at(LONGEST - self.partial.len());
            self.partial.extend_from_slice(fits);
            let kept = self.partial.split_off(whole_characters(&self.partial));
            line(&self.partial);
            self.partial = kept;
            text = rest;
        }
        self.partial.extend_from_slice(text);
    }
}

/// How many of the bytes do not belong to a character that is cut at the end. Never 0 for a full line.
fn whole_characters(bytes: &[u8]) -> usize {
    let continued = bytes.iter().rev().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    let first = bytes.len() - continued - 1;
    let length = match bytes[first] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => return bytes.len(),
    };
    if continued + 1 < length { first } else { bytes.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> (Vec<String>, String) {
        let mut cutter = LineCutter::default();
        let mut lines = Vec::new();
        for piece in pieces {
            cutter.push(Duration::ZERO, piece, |line| lines.push(String::from_utf8_lossy(line).into_owned()));
        }
        (lines, String::from_utf8_lossy(cutter.partial()).into_owned())
    }

    fn check(pieces: &[&[u8]], lines: &[&str], partial: &str) {
        assert_eq!(cut(pieces), (lines.iter().map(|line| (*line).to_owned()).collect(), partial.to_owned()));
    }

    #[test]
    fn lines_of_any_pieces() {
        check(&[b"one\ntwo\n\nfo", b"ur", b"\nfive"], &["one", "two", "", "four"], "five");
        check(&[b"\xe2\x82", b"\xac\n"], &["\u{20ac}"], "");
        check(&[b""], &[], "");
    }

    #[test]
    fn a_carriage_return_starts_the_line_anew() {
        check(&[b"dos\r\nunix\n"], &["dos", "unix"], "");
        check(&[b"dos\r", b"\nunix\n"], &["dos", "unix"], "");
        check(&[b" 10%\r 20%\r", b" 30%\ndone\r"], &[" 30%"], "done");
        check(&[b"\r\r\rx\n"], &["x"], "");
    }

    #[test]
    fn output_without_a_newline_does_not_grow() {
        let mut cutter = LineCutter::default();
        let (mut pieces, mut bytes) = (0, 0);
        // A three-byte character, so that the cuts do not fall between characters by themselves.
        let data = "\u{20ac}".repeat(100_000);
        for _ in 0..50 {
            cutter.push(Duration::ZERO, data.as_bytes(), |line| {
                assert!(std::str::from_utf8(line).is_ok());
                pieces += 1;
                bytes += line.len();
            });
            assert!(cutter.partial.capacity() <= 2 * LONGEST);
        }
        assert_eq!(bytes + cutter.partial().len(), 50 * data.len());
        assert!(pieces > 900);
        // Bytes that only continue a character are cut all the same.
        cutter.push(Duration::ZERO, &vec![0x80; 100_000], |line| assert!(line.len() > LONGEST - 4));
    }

    #[test]
    fn what_waits_is_taken_when_it_rests() {
        let second = Duration::from_secs(1);
        let mut cutter = LineCutter::default();
        cutter.push(second, b"Continue? ", |_| unreachable!());
        assert_eq!(cutter.take(second, second), None);
        assert_eq!(cutter.take(2 * second, second).as_deref(), Some(&b"Continue? "[..]));
        assert_eq!(cutter.take(2 * second, second), None);
    }
}
