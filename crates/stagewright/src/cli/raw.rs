//! The terminal while a program elsewhere has it: keys go out one by one, and whatever ends this process, the terminal
//! is then as it was.

use std::io::{self, IsTerminal as _, PipeReader, PipeWriter, Write as _, pipe, stderr, stdin};
use std::panic;
use std::sync::{Mutex, Once, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;

/// How the terminal was, while it is not.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
/// Whether a panic restores the terminal before it is told.
static HOOK: Once = Once::new();

/// How many pieces of input may wait.
const WAITING: usize = 16;
/// Bytes of a piece.
const PIECE: usize = 4096;

/// Whether there is a terminal to type on and to read from.
pub(super) fn is_possible() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// The terminal in raw mode, until this is dropped.
#[derive(Debug)]
pub(super) struct Raw(());

impl Raw {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(super) fn begin() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        HOOK.call_once(|| {
            let told = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                restore();
                told(panic);
            }));
        });
        *lock() = Some(before);
        let begun = Self(());
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        Ok(begun)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

/// Makes the terminal what it was. For who ends the process without dropping anything.
pub(super) fn restore() {
    if let Some(before) = lock().take() {
        // Where there is no terminal any more, there is none to restore.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

fn lock() -> std::sync::MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Rows and columns of the terminal, where it says.
pub(super) fn size() -> Option<(u32, u32)> {
    let size = tcgetwinsize(stderr()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then(|| (size.ws_row.into(), size.ws_col.into()))
}

/// Writes what the program shows.
pub(super) fn show(bytes: &[u8]) -> io::Result<()> {
    let mut out = stderr().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// What is typed, as it comes. It ends with this: what is typed later is for whoever reads the terminal then.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) typed: mpsc::Receiver<Bytes>,
    /// Closed, it ends the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    /// Begins to read.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(super) fn read() -> io::Result<Self> {
        let (stopped, stop) = pipe()?;
        let (sender, typed) = mpsc::channel(WAITING);
        let thread = thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || send(&stopped, &sender))?;
        Ok(Self { typed, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.typed.close();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic was told by the hook.
            let _ = thread.join();
        }
    }
}

/// Sends what is typed until it is stopped or nothing more comes.
fn send(stopped: &PipeReader, sender: &mpsc::Sender<Bytes>) {
    let input = stdin();
    let mut buffer = [0; PIECE];
    loop {
        let mut ready = [PollFd::new(&input, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        match poll(&mut ready, None) {
            Err(Errno::INTR) => continue,
            Err(_) => return,
            Ok(_) if !ready[1].revents().is_empty() => return,
            Ok(_) => {}
        }
        // Not by the library's own reader, which would keep what it read ahead.
        match rustix::io::read(&input, &mut buffer) {
            Err(Errno::INTR) => {}
            Ok(0) | Err(_) => return,
            Ok(read) => {
                if sender.blocking_send(Bytes::copy_from_slice(&buffer[..read])).is_err() {
                    return;
                }
            }
        }
    }
}
