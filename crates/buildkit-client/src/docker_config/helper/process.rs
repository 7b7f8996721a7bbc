//! The process of a helper: started in a group of its own, listened to for a time, and killed with all it started.
//!
//! Its outputs are bounded and zeroized.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use zeroize::Zeroizing;

/// How long a child of a helper that has ended may keep its output open.
const GRACE: Duration = Duration::from_secs(1);
/// How often is looked whether the answer is still wanted.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// Most bytes of an answer.
pub(super) const MAX_ANSWER: usize = 64 << 10;
/// Most bytes that are given to a helper: as many as an empty pipe takes at once (`PIPE_BUF`).
pub(super) const MAX_INPUT: usize = 4096;
/// Bytes that are read at once.
const CHUNK: usize = 4096;

/// A helper that runs. Dropped, it and its children are killed.
pub(super) struct Helper {
    child: Child,
    /// Readable when it has ended.
    handle: OwnedFd,
    group: Pid,
    /// Whether it was waited for, or is about to be.
    over: bool,
}

/// What came of listening.
pub(super) enum Heard {
    /// What it wrote until it ended.
    All {
        answer: Zeroizing<Vec<u8>>,
        errors: Zeroizing<Vec<u8>>,
    },
    Late,
    TooLong,
    Unwanted,
}

impl Helper {
    pub(super) fn start(program: PathBuf, path: &OsStr) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg("get")
            .env("PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let group = Pid::from_child(&child);
        match pidfd_open(group, PidfdFlags::empty()) {
            Ok(handle) => Ok(Self { child, handle, group, over: false }),
            Err(errno) => {
                let _ = kill_process_group(group, Signal::KILL);
                child.wait()?;
                Err(errno.into())
            }
        }
    }

    /// Gives it the registry's name, of [`MAX_INPUT`] bytes at most: more could wait for a helper that does not read.
    pub(super) fn tell(&mut self, server: &str) -> io::Result<()> {
        let Some(mut input) = self.child.stdin.take() else { return Ok(()) };
        match input.write_all(server.as_bytes()) {
            // It need not read it to answer.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Reads what it writes until it has ended.
    pub(super) fn listen(&mut self, limit: Duration, unwanted: &AtomicBool) -> io::Result<Heard> {
        let mut answer = Output::new(self.child.stdout.take().map(OwnedFd::from));
        let mut errors = Output::new(self.child.stderr.take().map(OwnedFd::from));
        let start = Instant::now();
        let mut ended: Option<Instant> = None;
        loop {
            if unwanted.load(Ordering::Relaxed) {
                return Ok(Heard::Unwanted);
            }
            if answer.bytes.len() > MAX_ANSWER {
                return Ok(Heard::TooLong);
            }
            let closed = answer.pipe.is_none() && errors.pipe.is_none();
            if ended.is_some_and(|at| closed || at.elapsed() >= GRACE) {
                return Ok(Heard::All { answer: answer.bytes, errors: errors.bytes });
            }
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(Heard::Late);
            }
            self.wait(left.min(TICK), &mut answer, &mut errors, &mut ended)?;
        }
    }

    /// Kills what is left of its group, and says how it ended.
    pub(super) fn end(&mut self) -> io::Result<ExitStatus> {
        // Until the leader has been waited for, no other group can have its number.
        if !self.over {
            self.over = true;
            let _ = kill_process_group(self.group, Signal::KILL);
        }
        self.child.wait()
    }

    /// Waits until something is to be read or it has ended, and reads.
    fn wait(
        &self,
        time: Duration,
        answer: &mut Output,
        errors: &mut Output,
        ended: &mut Option<Instant>,
    ) -> io::Result<()> {
        let [ready_answer, ready_errors, has_ended] = {
            // A negative descriptor is none to `poll`; an option is none to `PollFd`, so the list is made anew.
            let sources =
                [answer.pipe.as_ref(), errors.pipe.as_ref(), ended.is_none().then_some(&self.handle)];
            let mut list: Vec<PollFd<'_>> = sources
                .iter()
                .flatten()
                .map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN))
                .collect();
            let time = Timespec::try_from(time).unwrap_or_default();
            match poll(&mut list, Some(&time)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let mut list = list.iter();
            sources.map(|source| source.is_some() && list.next().is_some_and(|fd| !fd.revents().is_empty()))
        };
        if ready_answer {
            answer.read()?;
        }
        if ready_errors {
            errors.read()?;
        }
        if has_ended {
            *ended = Some(Instant::now());
        }
        Ok(())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // Nobody asks how it ended.
        let _ = self.end();
    }
}

/// One of a helper's outputs.
struct Output {
    /// Until it is closed.
    pipe: Option<OwnedFd>,
    bytes: Zeroizing<Vec<u8>>,
}

impl Output {
    fn new(pipe: Option<OwnedFd>) -> Self {
        // The whole capacity at once: a vector that grows leaves copies behind.
        Self { pipe, bytes: Zeroizing::new(Vec::with_capacity(MAX_ANSWER + CHUNK)) }
    }

    /// Reads once; beyond the limit, to nowhere.
    fn read(&mut self) -> io::Result<()> {
        let Some(pipe) = &self.pipe else { return Ok(()) };
        let mut chunk = Zeroizing::new([0; CHUNK]);
        match rustix::io::read(pipe, &mut chunk[..]) {
            Ok(0) => self.pipe = None,
            Ok(count) if self.bytes.len() <= MAX_ANSWER => self.bytes.extend_from_slice(&chunk[..count]),
            Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }
}

/// The file of a program, in directories as of `PATH`.
pub(super) fn find(program: &str, path: &OsStr) -> Option<PathBuf> {
    let directories = std::env::split_paths(path).filter(|directory| directory.is_absolute());
    directories.map(|directory| directory.join(program)).find(|file| {
        let metadata = fs::metadata(file);
        metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}
