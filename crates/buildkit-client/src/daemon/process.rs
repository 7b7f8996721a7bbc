//! A process that can be named across processes and time: a pid alone may be somebody else's tomorrow.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// How long a killed process may take to go.
const KILL_LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// A process, by its pid and the time of its start: what is written down of a server, so that another process
/// can see whether it runs, and stop it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub(super) pid: i32,
    /// When it started, in clock ticks since the machine started (`/proc/PID/stat`, field 22).
    pub(super) started: u64,
    /// Which start of the machine that was.
    pub(super) boot: String,
}

/// A process does not stop.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It does not end.
    #[error("process {pid} does not end")]
    Stuck {
        /// The process.
        pid: i32,
    },
    /// A signal cannot be sent.
    #[error("process {pid} cannot be stopped: {source}")]
    Signal {
        /// The process.
        pid: i32,
        /// Why.
        source: io::Error,
    },
}

impl Process {
    /// A process that this one has started and not yet waited for.
    #[must_use]
    pub fn of(child: &Child) -> Self {
        // Pids of Linux are below 2^22.
        let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
        // It is our child and not waited for: until then its entry in /proc stays.
        let started = start_time(pid).unwrap_or_default();
        Self { pid, started, boot: boot_id() }
    }

    /// Whether it runs; a process that has ended and was not waited for does not.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.boot == boot_id() && start_time(self.pid) == Some(self.started)
    }

    /// Asks it to end, kills it after `limit`, and waits until it is gone. `child` is given if it is ours.
    ///
    /// This blocks. Another process that has got its pid is left alone.
    ///
    /// # Errors
    /// It does not end, or may not be stopped by this process.
    pub fn stop(&self, mut child: Option<&mut Child>, limit: Duration) -> Result<(), ProcessError> {
        for (signal, limit) in [(Signal::TERM, limit), (Signal::KILL, KILL_LIMIT)] {
            let Some(handle) = self.handle()? else { break };
            if signal == Signal::KILL {
                tracing::warn!(pid = self.pid, "a server did not stop in time, so it is killed");
            }
            match pidfd_send_signal(&handle, signal) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(errno) => return Err(self.signal_failed(errno.into())),
            }
            let start = Instant::now();
            while start.elapsed() < limit && self.is_running() {
                sleep(PAUSE);
            }
        }
        if self.is_running() {
            return Err(ProcessError::Stuck { pid: self.pid });
        }
        if let Some(child) = child.as_mut() {
            child.wait().map_err(|source| self.signal_failed(source))?;
        }
        Ok(())
    }

    /// A handle of exactly this process, whatever becomes of its pid; `None` if it is gone.
    fn handle(&self) -> Result<Option<OwnedFd>, ProcessError> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(None) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            // The handle first and the check second: in this order it cannot become another's between.
            Ok(handle) => Ok(self.is_running().then_some(handle)),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(errno) => Err(self.signal_failed(errno.into())),
        }
    }

    fn signal_failed(&self, source: io::Error) -> ProcessError {
        ProcessError::Signal { pid: self.pid, source }
    }
}

/// When a running process started; `None` if there is none.
fn start_time(pid: i32) -> Option<u64> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The start time in the text of `/proc/PID/stat`; `None` for a process that has ended.
fn parse_stat(stat: &str) -> Option<u64> {
    // The second field is the name in parentheses, which may hold spaces and parentheses itself.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    #[test]
    fn a_child_is_stopped() {
        let mut child = sleeper();
        let process = Process::of(&child);
        assert!(process.is_running());
        process.stop(Some(&mut child), Duration::from_secs(5)).unwrap();
        assert!(!process.is_running());
        process.stop(None, Duration::from_secs(5)).unwrap();
    }

    #[test]
    fn who_does_not_listen_is_killed() {
        // The shell says when it no longer listens.
        let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        io::BufRead::read_line(&mut io::BufReader::new(output), &mut line).unwrap();
        let process = Process::of(&child);
        process.stop(Some(&mut child), Duration::from_millis(200)).unwrap();
        assert!(!process.is_running());
    }

    #[test]
    fn another_with_the_same_pid_is_left_alone() {
        let mut child = sleeper();
        let process = Process::of(&child);
        for other in [
            Process { started: process.started + 1, ..process.clone() },
            Process { boot: "earlier".into(), ..process.clone() },
        ] {
            assert!(!other.is_running());
            other.stop(None, Duration::from_secs(1)).unwrap();
            assert!(process.is_running());
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn names_with_parentheses_do_not_confuse() {
        let rest = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        assert_eq!(parse_stat(&format!("12 (a) b) S {rest}")), Some(4711));
        assert_eq!(parse_stat(&format!("12 (a) Z {rest}")), None);
        assert_eq!(parse_stat("12 (a"), None);
    }
}
