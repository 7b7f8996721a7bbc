//! What a process took which somebody else started: a frontend, in its container.
//!
//! It is found by its program among the descendants of the daemon, and traced until it exits: Linux stops a traced
//! process once more at its exit, while it still has its memory (`PTRACE_O_TRACEEXIT`), so `VmHWM` is whole there, and so is
//! its processor time. Whoever only looked at times would miss the last moments, and a cgroup also counts what runc did
//! before, and files that were read for others.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::time::TimeValLike as _;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Between two looks at all processes: far below what a frontend takes to start.
const PAUSE: Duration = Duration::from_micros(500);

/// What a process took.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    /// The most memory, in bytes.
    pub(crate) peak: i64,
    /// Processor time, in microseconds.
    pub(crate) processor: i64,
}

/// Waits for a child, and says what the process below `ancestor` took that runs `program` meanwhile, if one does. The
/// program's path is that in its own root.
pub(crate) fn wait(
    child: &mut Child,
    program: &Path,
    ancestor: i32,
) -> io::Result<(ExitStatus, Option<Taken>)> {
    let mut taken = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((status, taken));
        }
        if let Some(pid) = find(program, ancestor)? {
            taken = watch(pid)?.or(taken);
        }
        thread::sleep(PAUSE);
    }
}

/// A process below `ancestor` with this program.
fn find(program: &Path, ancestor: i32) -> io::Result<Option<i32>> {
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that has ended meanwhile, or a thread of the kernel, has no program.
        if fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|it| it == program) && is_below(pid, ancestor)
        {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}

fn is_below(mut pid: i32, ancestor: i32) -> bool {
    while let Some(parent) = field(pid, "PPid:").and_then(|parent| i32::try_from(parent).ok()) {
        if parent == ancestor {
            return true;
        }
        pid = parent;
    }
    false
}

/// Traces a process to its end, and says what it took; none if it ended before.
fn watch(pid: i32) -> io::Result<Option<Taken>> {
    let traced = Pid::from_raw(pid);
    match ptrace::seize(traced, ptrace::Options::PTRACE_O_TRACEEXIT) {
        // Gone, or a zombie.
        Err(Errno::ESRCH | Errno::EPERM) => return Ok(None),
        other => other?,
    }
    // What was in this process before the program, runc, has taken some, too.
    let before = processor(traced)?;
    let mut taken = None;
    loop {
        let signal = match waitpid(traced, Some(WaitPidFlag::__WALL))? {
            WaitStatus::PtraceEvent(_, _, event) if event == ptrace::Event::PTRACE_EVENT_EXIT as i32 => {
                // Linux counts kibibytes.
                let peak =
                    field(pid, "VmHWM:").ok_or_else(|| io::Error::other("a process without memory"))?;
                taken = Some(Taken { peak: peak * 1024, processor: processor(traced)? - before });
                None
            }
            WaitStatus::Stopped(_, signal) => Some(signal),
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => return Ok(taken),
            _ => None,
        };
        match ptrace::cont(traced, signal) {
            Err(Errno::ESRCH) => {}
            other => other?,
        }
    }
}

/// The processor time of a process and all its threads, those that have ended included, in microseconds.
fn processor(pid: Pid) -> io::Result<i64> {
    Ok(clock_gettime(clock_getcpuclockid(pid)?)?.num_microseconds())
}

/// A number of `/proc/PID/status`.
fn field(pid: i32, name: &str) -> Option<i64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
