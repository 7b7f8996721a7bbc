//! A container that runs.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use stagewright::stagewright_plan::config::ContainerConfig;

use super::http::{self, Answer};
use super::runc::Runc;
use super::{ContainerError, Rootfs, User};

/// How long a process may take until it is healthy, on a machine that has other things to do.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long a process may take to end when it is told to: half of what `docker stop` allows.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A container under runc. It is gone when this is dropped.
#[derive(Debug)]
pub struct Container {
    pub(super) runc: Runc,
    pub(super) id: String,
    pub(super) name: String,
    /// runc, which stays beside the container and takes on its exit code.
    pub(super) child: Child,
    pub(super) rootfs: Rootfs,
    pub(super) config: ContainerConfig,
    pub(super) user: User,
    pub(super) interrupted: fn() -> bool,
}

/// How a container ended.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// By its process's word; a signal that killed it is 128 and its number.
    pub status: ExitStatus,
    /// How long it took.
    pub after: Duration,
}

impl Container {
    /// Runs a program in the container, as the image's user with its environment; gives what it wrote.
    ///
    /// # Errors
    ///
    /// [`ContainerError::Exec`] when it fails.
    pub fn exec<S: AsRef<str>>(&self, arguments: &[S]) -> Result<String, ContainerError> {
        self.check_interrupt()?;
        let words: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        let output = self.runc.command(&["exec", &self.id]).args(&words).output();
        let output = output.map_err(|source| ContainerError::Io { what: "run runc".to_owned(), source })?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        let (command, id) = (words.join(" "), self.id.clone());
        Err(ContainerError::Exec { command, id, status: output.status, text: text.trim().to_owned() })
    }

    /// The program that the image gives to tell whether it is healthy.
    ///
    /// # Errors
    ///
    /// [`ContainerError::NoCheck`].
    pub fn health_check(&self) -> Result<Vec<String>, ContainerError> {
        let test = self.config.healthcheck.as_ref().map(|check| check.test.as_slice());
        match test.and_then(<[String]>::split_first) {
            Some((kind, arguments @ [_, ..])) if kind == "CMD" => Ok(arguments.to_vec()),
            Some((kind, [line])) if kind == "CMD-SHELL" => {
                Ok(["/bin/sh", "-c", line].map(str::to_owned).to_vec())
            }
            _ => Err(ContainerError::NoCheck(self.name.clone())),
        }
    }

    /// Waits until the image's health check succeeds in the container.
    ///
    /// # Errors
    ///
    /// [`ContainerError`]: when it never does, and when the process has ended.
    pub fn wait_healthy(&mut self) -> Result<(), ContainerError> {
        let check = self.health_check()?;
        self.wait_until(&check)
    }

    /// Waits until a program succeeds in the container.
    ///
    /// # Errors
    ///
    /// As [`Container::wait_healthy`].
    pub fn wait_until<S: AsRef<str>>(&mut self, program: &[S]) -> Result<(), ContainerError> {
        let end = Instant::now() + START_LIMIT;
        loop {
            self.expect_running()?;
            match self.exec(program) {
                Err(error) if Instant::now() > end => {
                    let (id, last, log) = (self.id.clone(), error.to_string(), self.log());
                    return Err(ContainerError::Unhealthy { id, last, log });
                }
                Err(ContainerError::Exec { .. }) => thread::sleep(PAUSE),
                other => return other.map(drop),
            }
        }
    }

    /// Waits until the log has a text.
    ///
    /// # Errors
    ///
    /// As [`Container::wait_healthy`].
    pub fn wait_for_log(&mut self, text: &str) -> Result<(), ContainerError> {
        let end = Instant::now() + START_LIMIT;
        while !self.log().contains(text) {
            self.expect_running()?;
            if Instant::now() > end {
                let (id, last) = (self.id.clone(), format!("it does not write {text:?}"));
                return Err(ContainerError::Unhealthy { id, last, log: self.log() });
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Asks the server at a port of the container, from inside its network.
    ///
    /// # Errors
    ///
    /// [`ContainerError::Http`]; a status is an answer.
    pub fn get(&self, port: u16, path: &str) -> Result<Answer, ContainerError> {
        let url = format!("http://127.0.0.1:{port}{path}");
        self.inside(|| http::get(&url))?.map_err(|source| ContainerError::Http {
            url,
            id: self.id.clone(),
            source,
        })
    }

    /// Does something in a thread that has the container's network: what connects there, or is started there, is in it.
    ///
    /// # Errors
    ///
    /// [`ContainerError::Io`], when the container has ended.
    ///
    /// # Panics
    ///
    /// As what is done does.
    pub fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> Result<T, ContainerError> {
        let path = self.network();
        let failed =
            |source| ContainerError::Io { what: format!("enter the network of {}", self.id), source };
        let network = File::open(&path).map_err(failed)?;
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok(act())
            });
            match thread.join() {
                Ok(done) => done.map_err(|error: rustix::io::Errno| failed(error.into())),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// The user that the image names.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The user that the process has, by the kernel's word.
    ///
    /// # Errors
    ///
    /// [`ContainerError::Io`], when the container has ended.
    pub fn uid(&self) -> Result<u32, ContainerError> {
        let path = PathBuf::from(format!("/proc/{}/status", self.pid()));
        let status = fs::read_to_string(&path).map_err(ContainerError::io("read", &path))?;
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        let uid = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        let invalid = || std::io::Error::other("it names no user");
        uid.ok_or_else(|| ContainerError::io("read", &path)(invalid()))
    }

    /// What the process wrote.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.rootfs.directory.join("log")).unwrap_or_default()
    }

    /// The files that it runs on.
    #[must_use]
    pub fn rootfs(&self) -> &Rootfs {
        &self.rootfs
    }

    /// The signal that stops it, as the image says.
    #[must_use]
    pub fn stop_signal(&self) -> &str {
        let signal = &self.config.stop_signal;
        if signal.is_empty() { "SIGTERM" } else { signal }
    }

    /// Tells the process to end, and waits until it has.
    ///
    /// # Errors
    ///
    /// [`ContainerError::StillRuns`] when it takes longer than half of what `docker stop` allows.
    pub fn stop(&mut self) -> Result<End, ContainerError> {
        let signal = self.stop_signal().to_owned();
        self.signal(&signal)?;
        self.wait(&format!("on {signal}"), STOP_LIMIT)
    }

    /// Sends its first process a signal: `SIGHUP`.
    ///
    /// # Errors
    ///
    /// [`ContainerError::Runc`], when it has ended.
    pub fn signal(&self, signal: &str) -> Result<(), ContainerError> {
        self.runc.kill(&self.id, signal)
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    ///
    /// [`ContainerError::StillRuns`] after a minute.
    pub fn wait_end(&mut self) -> Result<End, ContainerError> {
        self.wait("by itself", START_LIMIT)
    }

    fn wait(&mut self, why: &str, limit: Duration) -> Result<End, ContainerError> {
        let begin = Instant::now();
        while begin.elapsed() < limit {
            self.check_interrupt()?;
            if let Some(status) = self.ended()? {
                return Ok(End { status, after: begin.elapsed() });
            }
            thread::sleep(PAUSE);
        }
        let (id, why, log) = (self.id.clone(), why.to_owned(), self.log());
        Err(ContainerError::StillRuns { id, why, seconds: limit.as_secs(), log })
    }

    /// The network that its processes have.
    pub(super) fn network(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.pid()))
    }

    /// The process id, here; empty as long as runc makes the container.
    fn pid(&self) -> String {
        let path = self.rootfs.directory.join("pid");
        fs::read_to_string(path).unwrap_or_default().trim().to_owned()
    }

    fn expect_running(&mut self) -> Result<(), ContainerError> {
        self.check_interrupt()?;
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(ContainerError::Ended { id: self.id.clone(), status, log: self.log() }),
        }
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, ContainerError> {
        let id = &self.id;
        self.child
            .try_wait()
            .map_err(|source| ContainerError::Io { what: format!("wait for {id}"), source })
    }

    fn check_interrupt(&self) -> Result<(), ContainerError> {
        if (self.interrupted)() { Err(ContainerError::Interrupted) } else { Ok(()) }
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
            eprintln!("{error}");
        }
    }
}
