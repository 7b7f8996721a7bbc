//! A server that outlives the task that started it, known by its id and the time of its start.
//!
//! An id alone may long belong to another process: after a reboot, or after the server died. Together with
//! the start time (Linux `/proc/PID/stat`, field 22, in ticks since boot) it is the one that was started.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// How long a server may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// One process, once and for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pid: i32,
    started: u64,
}

impl Process {
    /// Starts a server in a process group of its own, so that Ctrl-C in the terminal does not reach it.
    pub(super) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log_file = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().to_string_lossy()))?;
        let pid = Pid::from_child(&child).as_raw_nonzero().get();
        let started = start_time(pid)
            .with_context(|| format!("{} ended at once", command.get_program().to_string_lossy()))?;
        Ok(Self { pid, started })
    }

    /// Whether it still runs.
    pub(super) fn runs(self) -> bool {
        start_time(self.pid) == Some(self.started)
    }

    /// Asks it to end, and ends it if it does not.
    pub(super) fn stop(self) -> Result<()> {
        for signal in [Signal::TERM, Signal::KILL] {
            if !self.runs() {
                return Ok(());
            }
            let pid = Pid::from_raw(self.pid).context("process id 0 is nobody's")?;
            match kill_process(pid, signal) {
                // It ended in between.
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => {
                    return Err(io::Error::from(error))
                        .with_context(|| format!("cannot stop process {}", self.pid));
                }
            }
            let end = Instant::now() + PATIENCE;
            while self.runs() && Instant::now() < end {
                thread::sleep(Duration::from_millis(20));
            }
        }
        if self.runs() {
            bail!("process {} does not end", self.pid);
        }
        Ok(())
    }
}

/// When a process started; nothing when there is none, or only its exit status waits to be read.
fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the state is the first field after it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    // Field 22 of the file; the state was field 3.
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_runs_until_it_is_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let process = Process::start(Command::new("sh").args(["-c", "echo here; sleep 60"]), &log).unwrap();
        assert!(process.runs());
        process.stop().unwrap();
        assert!(!process.runs());
        process.stop().unwrap();
    }

    #[test]
    fn another_process_with_the_same_id_is_left_alone() {
        let own = i32::try_from(std::process::id()).unwrap();
        let stale = Process { pid: own, started: start_time(own).unwrap() + 1 };
        assert!(!stale.runs());
        stale.stop().unwrap();
    }
}
