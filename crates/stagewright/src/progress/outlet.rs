//! Where a display writes: everything, or after the first error nothing.

use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::Duration;

/// How long a writer that is not ready is left alone.
const PAUSE: Duration = Duration::from_millis(5);

/// A writer that is written to until it fails.
#[derive(Debug)]
pub(super) struct Outlet<W> {
    writer: W,
    failed: bool,
}

impl<W: Write> Outlet<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, failed: false }
    }

    /// Writes all of a text. A writer that does not block is waited for: its other end is slow, not gone.
    ///
    /// # Errors
    ///
    /// The writer's first error; after it nothing is written, and that is well.
    pub(super) fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if self.failed || text.is_empty() {
            return Ok(());
        }
        let written = self.write_all(text);
        self.failed = written.is_err();
        written
    }

    /// What is written to.
    #[cfg(test)]
    pub(super) fn writer(&self) -> &W {
        &self.writer
    }

    fn write_all(&mut self, mut text: &[u8]) -> io::Result<()> {
        while !text.is_empty() {
            match self.writer.write(text) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => text = &text[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(error) => return Err(error),
            }
        }
        loop {
            match self.writer.flush() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
                flushed => return flushed,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives each error once before it takes three bytes; the last error stays.
    struct Moody {
        errors: Vec<ErrorKind>,
        taken: Vec<u8>,
    }

    impl Write for Moody {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.errors.pop() {
                Some(ErrorKind::BrokenPipe) => {
                    self.errors.push(ErrorKind::BrokenPipe);
                    Err(ErrorKind::BrokenPipe.into())
                }
                Some(kind) => Err(kind.into()),
                None => {
                    self.taken.extend(&bytes[..bytes.len().min(3)]);
                    Ok(bytes.len().min(3))
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_slow_writer_gets_everything() {
        let errors = vec![ErrorKind::Interrupted, ErrorKind::WouldBlock, ErrorKind::WouldBlock];
        let mut outlet = Outlet::new(Moody { errors, taken: Vec::new() });
        outlet.write(b"every byte").unwrap();
        assert_eq!(outlet.writer.taken, b"every byte");
    }

    #[test]
    fn a_closed_pipe_is_told_once() {
        let errors = vec![ErrorKind::BrokenPipe];
        let mut outlet = Outlet::new(Moody { errors, taken: Vec::new() });
        assert_eq!(outlet.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert!(outlet.failed);
        outlet.write(b"x").unwrap();
        assert!(outlet.writer.taken.is_empty());
    }
}
