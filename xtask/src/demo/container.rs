//! A container under runc, whose state lies in the demo's own directory.
//!
//! It is gone when the value is: also after a failure, and after Ctrl-C.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::packages;
use crate::process::{self, check_interrupt};

/// How long a process may take until it is healthy.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How long a process may take to end when it is told to: half of what `docker stop` allows.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A container that runs.
pub(super) struct Container {
    runc: Runc,
    id: String,
    /// runc, which stays beside the container and takes on its exit code.
    child: Child,
    bundle: PathBuf,
}

/// How a container ended.
pub(super) struct End {
    pub(super) status: ExitStatus,
    pub(super) after: Duration,
}

impl Container {
    /// Starts what a bundle describes: a directory with `config.json` and the root filesystem.
    pub(super) fn start(state: &Path, id: &str, bundle: &Path) -> Result<Self> {
        check_interrupt()?;
        let runc = Runc::new(state)?;
        let log = File::create(bundle.join("log"))?;
        let mut command = runc.command(&["run", "--pid-file"]);
        command.arg(bundle.join("pid")).arg("--bundle").arg(bundle).arg(id);
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        let child = child.context("cannot run runc")?;
        Ok(Self { runc, id: id.to_owned(), child, bundle: bundle.to_path_buf() })
    }

    /// Runs a program in the container, as the image's user with its environment; gives what it wrote.
    pub(super) fn exec(&self, arguments: &[String]) -> Result<String> {
        let mut command = self.runc.command(&["exec", &self.id]);
        command.args(arguments);
        let mut text = String::new();
        let ran = process::run_lines(&mut command, |line| {
            text.push_str(line);
            text.push('\n');
        });
        check_interrupt()?;
        if ran.is_err() {
            bail!("`{}` failed in {}: {}", arguments.join(" "), self.id, text.trim());
        }
        Ok(text)
    }

    /// Waits until a program succeeds in the container: its health check.
    pub(super) fn wait_until(&mut self, healthy: &[String]) -> Result<()> {
        let end = Instant::now() + START_LIMIT;
        loop {
            check_interrupt()?;
            if let Some(status) = self.child.try_wait()? {
                bail!("{} should run, but ended with {status}:\n{}", self.id, self.log());
            }
            match self.exec(healthy) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > end => {
                    let log = self.log();
                    return Err(error).with_context(|| format!("{} does not become healthy\n{log}", self.id));
                }
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    /// The user that the process has, by the kernel's word.
    pub(super) fn uid(&self) -> Result<u32> {
        let pid = fs::read_to_string(self.bundle.join("pid")).context("runc wrote no process id")?;
        let path = format!("/proc/{}/status", pid.trim());
        let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        let uid = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        uid.with_context(|| format!("{path} names no user"))
    }

    /// What the process wrote.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.bundle.join("log")).unwrap_or_default()
    }

    /// Tells the process to end by a signal, and waits until it has.
    pub(super) fn stop(&mut self, signal: &str) -> Result<End> {
        let begin = Instant::now();
        process::run(&mut self.runc.command(&["kill", &self.id, signal]))?;
        while begin.elapsed() < STOP_LIMIT {
            check_interrupt()?;
            if let Some(status) = self.child.try_wait()? {
                return Ok(End { status, after: begin.elapsed() });
            }
            thread::sleep(PAUSE);
        }
        bail!("{} should end on {signal}, but still runs after {} s", self.id, STOP_LIMIT.as_secs());
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // runc removes all that it made when its process ends. It may still be starting it, so it is asked until
        // it has ended.
        let end = Instant::now() + STOP_LIMIT;
        let mut removed = Ok(());
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > end {
                // Ended already is as good.
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
            removed = self.runc.delete(&self.id);
            thread::sleep(PAUSE);
        }
        if let Err(error) = removed {
            eprintln!("{error:#}");
        }
    }
}

/// Removes the containers of a demo that was killed, and then all of its directory.
pub(super) fn remove_all(state: &Path) -> Result<()> {
    if !state.exists() {
        return Ok(());
    }
    let containers = state.join("runc");
    if containers.exists() {
        let runc = Runc::new(state)?;
        for entry in fs::read_dir(&containers)? {
            runc.delete(&entry?.file_name().to_string_lossy())?;
        }
    }
    fs::remove_dir_all(state).with_context(|| format!("cannot remove {}", state.display()))
}

/// runc, with the directory of its state.
struct Runc {
    program: PathBuf,
    root: PathBuf,
}

impl Runc {
    fn new(state: &Path) -> Result<Self> {
        let program = packages::find("runc").context("runc is not installed")?;
        Ok(Self { program, root: state.join("runc") })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // A group of its own: Ctrl-C is for the demo, which stops its containers itself.
        command.arg("--root").arg(&self.root).args(arguments).process_group(0);
        command
    }

    /// Kills a container and removes what runc knows of it; also after an interrupt.
    fn delete(&self, id: &str) -> Result<()> {
        let output = self.command(&["delete", "--force", id]).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            bail!("cannot remove container {id}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }
}
