//! The progress display as a value, for the fuzz targets. No part of the API.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use buildkit_client::StatusUpdate;

use crate::progress::{Display, Mode, Options, Screen};

/// A display that writes to memory.
#[derive(Debug)]
pub struct Shown {
    display: Display<Written>,
    written: Written,
}

#[derive(Debug, Clone, Default)]
struct Written(Rc<RefCell<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shown {
    /// `--progress=plain`.
    #[must_use]
    pub fn plain(colours: bool) -> Self {
        Self::new(Options { mode: Mode::Plain, terminal: None, colours })
    }

    /// On a terminal of so many columns and lines.
    #[must_use]
    pub fn terminal(width: usize, height: usize, colours: bool) -> Self {
        Self::new(Options { mode: Mode::Auto, terminal: Some(Screen { width, height }), colours })
    }

    /// `--progress=rawjson`.
    #[must_use]
    pub fn rawjson() -> Self {
        Self::new(Options { mode: Mode::RawJson, ..Options::default() })
    }

    fn new(options: Options) -> Self {
        let written = Written::default();
        Self { display: Display::new(options, written.clone()), written }
    }

    /// Takes an update of a target's stream and gives what is written then.
    pub fn update(&mut self, now: Duration, target: &str, update: &StatusUpdate) -> Vec<u8> {
        let done = self.display.update(now, target, update);
        self.taken(done)
    }

    /// Lets time go by and gives what is written then.
    pub fn tick(&mut self, now: Duration) -> Vec<u8> {
        let done = self.display.tick(now);
        self.taken(done)
    }

    /// Takes a line of the caller's own and gives what is written then.
    pub fn note(&mut self, now: Duration, line: &str) -> Vec<u8> {
        let done = self.display.note(now, line);
        self.taken(done)
    }

    /// Takes that a target's stream has ended and gives what is written then.
    pub fn ended(&mut self, now: Duration, target: &str) -> Vec<u8> {
        let done = self.display.ended(now, target);
        self.taken(done)
    }

    /// Ends all and gives what is written then.
    pub fn finish(&mut self, now: Duration) -> Vec<u8> {
        let done = self.display.finish(now);
        self.taken(done)
    }

    fn taken(&self, done: io::Result<()>) -> Vec<u8> {
        done.expect("memory takes everything");
        self.written.0.take()
    }
}
