//! Bytes read as a script: what to do next, to what, with what.
//!
//! A script never fails: what is missing at its end is zero or empty. So every change of a byte is another
//! script, and a fuzzer gets somewhere.

/// The rest of a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        match self.0 {
            [first, rest @ ..] => {
                self.0 = rest;
                *first
            }
            [] => 0,
        }
    }

    /// The next two bytes as a number, the greater one last.
    pub(crate) fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// One of several, chosen by the next byte.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// At most so many of the next bytes.
    pub(crate) fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// The next bytes, as many as the byte before them says.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let length = self.byte();
        self.take(length.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_goes_on_after_its_end() {
        let mut script = Script::new(&[2, b'a', b'b', 1, 2, 7]);
        assert_eq!(script.bytes(), b"ab");
        assert_eq!(script.word(), 0x201);
        assert_eq!(script.pick(&['x', 'y', 'z']), 'y');
        assert!(script.is_empty());
        assert_eq!((script.byte(), script.word(), script.bytes()), (0, 0, &b""[..]));
    }
}
