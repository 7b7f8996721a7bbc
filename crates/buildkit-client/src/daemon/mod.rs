//! A private daemon: a `buildkitd` that its owner starts, watches and stops.
//!
//! Everything it has lies in one directory: its root, its sockets, its config, its log, and a record of its
//! process. The record lets another process of the owner find and stop it ([`Daemon::attach`],
//! [`Daemon::stop_recorded`]). It never meets another daemon: address, root and trace socket are its own
//! (two daemons without `--otel-socket-path` fight over one in `/run`).
//!
//! Only root on Linux can start one here so far.

mod leftovers;
mod process;
mod record;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::client::{Client, ConnectError};
use crate::endpoint::{Endpoint, EndpointError};
use record::Record;

pub use process::{Process, ProcessError};

/// How long a daemon may take until it answers.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// How long between two questions whether it answers.
const READY_PAUSE: Duration = Duration::from_millis(50);
/// How long a daemon may take to stop in good order: it waits for its builds and sessions.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How much of the end of the log an error shows, in bytes.
const LOG_TAIL: u64 = 4 << 10;

/// How a daemon is started.
#[derive(Debug, Clone)]
pub struct DaemonOptions {
    /// The program: a path, or a name that is looked for on PATH.
    pub binary: PathBuf,
    /// The directory for everything that the daemon has; made if absent.
    pub directory: PathBuf,
    /// Where it listens; a socket in the directory if absent.
    pub address: Option<Endpoint>,
    /// Its config, as the text of a `buildkitd.toml`: registry mirrors and the like. No other file is read.
    pub config: String,
    /// More environment. A PATH here replaces the one of this process.
    pub env: Vec<(OsString, OsString)>,
}

/// A daemon of ours. Unless it is detached it stops when this is dropped.
#[derive(Debug)]
pub struct Daemon {
    directory: PathBuf,
    record: Record,
    endpoint: Endpoint,
    child: Option<Child>,
    detached: bool,
}

/// A daemon does not start or stop.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// This process may not start one.
    #[error("starting a private buildkitd needs root on Linux: run as root, or give the address of a daemon")]
    NotRoot,
    /// A program is missing.
    #[error("{program:?} was not found on PATH ({path:?}): install {package}")]
    Missing {
        /// The program.
        program: PathBuf,
        /// Where it was looked for.
        path: OsString,
        /// What brings it.
        package: &'static str,
    },
    /// One already runs in the directory.
    #[error("a buildkitd (process {pid}) already runs in {}: stop it first", directory.display())]
    Running {
        /// Its process.
        pid: i32,
        /// The directory.
        directory: PathBuf,
    },
    /// Its socket has no possible address.
    #[error(transparent)]
    Address(#[from] EndpointError),
    /// A file of the directory does not read or write.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The record of the process makes no sense.
    #[error("{} is no record of a buildkitd: {source}; remove it if no buildkitd runs there", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The program does not start.
    #[error("{} does not start: {source}", binary.display())]
    Spawn {
        /// The program.
        binary: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended before it answered.
    #[error("buildkitd ended at once ({status}); the end of its log {}:\n{tail}", log.display())]
    Died {
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// It does not answer.
    #[error("buildkitd does not answer after {} s: {source}; the end of its log {}:\n{tail}", READY_LIMIT.as_secs(), log.display())]
    Silent {
        /// The last failure to connect.
        source: Box<ConnectError>,
        /// Its log.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// Its process does not stop.
    #[error("buildkitd does not stop: {0}")]
    Process(#[from] ProcessError),
    /// Something of it is left.
    #[error("a mount of the stopped buildkitd is left at {}: {source}", path.display())]
    Mount {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DaemonOptions {
    /// A daemon of this program that has everything in this directory.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>, directory: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            directory: directory.into(),
            address: None,
            config: String::new(),
            env: Vec::new(),
        }
    }
}

impl Daemon {
    /// Starts a daemon and waits until it answers, for half a minute at most.
    ///
    /// What an earlier one left in the directory when it was killed is cleaned up first; its cache stays.
    ///
    /// # Errors
    /// This process is not root, a program is missing, one already runs there, or it does not come up; then
    /// nothing of it is left running.
    pub async fn start(options: DaemonOptions) -> Result<Self, DaemonError> {
        let mut daemon = Self::spawn(options)?;
        daemon.wait_ready().await?;
        Ok(daemon)
    }

    /// The daemon that runs in a directory, if one does.
    ///
    /// # Errors
    /// The record there does not read.
    pub fn attach(directory: impl AsRef<Path>) -> Result<Option<Self>, DaemonError> {
        let directory = absolute(directory.as_ref())?;
        let Some(record) = Record::read(&record_path(&directory))? else { return Ok(None) };
        if !record.process.is_running() {
            return Ok(None);
        }
        let endpoint = record.address.parse()?;
        Ok(Some(Self { directory, record, endpoint, child: None, detached: true }))
    }

    /// Stops the daemon that was started in a directory, and says whether one ran.
    ///
    /// If it was killed, what it left is cleaned up all the same.
    ///
    /// # Errors
    /// It does not end, or something of it is left.
    pub fn stop_recorded(directory: impl AsRef<Path>) -> Result<bool, DaemonError> {
        let directory = directory.as_ref();
        if let Some(daemon) = Self::attach(directory)? {
            daemon.stop()?;
            return Ok(true);
        }
        if directory.exists() {
            let directory = absolute(directory)?;
            let record = Record::read(&record_path(&directory))?;
            clean_up(&directory, record.as_ref())?;
        }
        Ok(false)
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.record.process.pid
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        log_path(&self.directory)
    }

    /// Lets it run on when this is dropped. It is stopped by [`Daemon::stop_recorded`].
    pub fn detach(mut self) {
        self.detached = true;
    }

    /// Stops it: asks it to end, kills it after ten seconds, and removes its containers and mounts.
    ///
    /// This blocks; its cache stays for the next one.
    ///
    /// # Errors
    /// It does not end, or something of it is left.
    pub fn stop(mut self) -> Result<(), DaemonError> {
        self.halt()
    }

    fn spawn(options: DaemonOptions) -> Result<Self, DaemonError> {
        if !cfg!(target_os = "linux") || !rustix::process::geteuid().is_root() {
            return Err(DaemonError::NotRoot);
        }
        let path = search_path(&options.env);
        let binary = find(&options.binary, &path, "BuildKit")?;
        let runc = find(Path::new("runc"), &path, "runc")?;

        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| DaemonError::File { path, source }
        };
        fs::create_dir_all(&options.directory).map_err(failed(&options.directory))?;
        let directory = absolute(&options.directory)?;
        if let Some(running) = Self::attach(&directory)? {
            return Err(DaemonError::Running { pid: running.pid(), directory });
        }
        let earlier = Record::read(&record_path(&directory))?;
        clean_up(&directory, earlier.as_ref())?;

        let endpoint = match options.address {
            Some(endpoint) => endpoint,
            None => Endpoint::unix(directory.join("buildkitd.sock"))?,
        };
        let trace_socket = directory.join("otel.sock");
        Endpoint::unix(&trace_socket)?;
        let config = directory.join("buildkitd.toml");
        fs::write(&config, &options.config).map_err(failed(&config))?;
        let log = log_path(&directory);
        let output = File::create(&log).map_err(failed(&log))?;
        let errors = output.try_clone().map_err(failed(&log))?;

        let mut command = Command::new(&binary);
        command
            .arg("--addr")
            .arg(endpoint.to_string())
            .arg("--root")
            .arg(root_path(&directory))
            .arg("--config")
            .arg(&config)
            .arg("--otel-socket-path")
            .arg(&trace_socket)
            // A containerd of the host would become a second worker.
            .arg("--containerd-worker=false")
            .envs(options.env)
            .env("PATH", &path)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            // Ctrl-C is for its owner, who stops it after its builds.
            .process_group(0);
        let spawned = command.spawn();
        let child = spawned.map_err(|source| DaemonError::Spawn { binary, source })?;
        let record = Record::of(&child, endpoint.to_string(), runc);
        let daemon = Self { directory, record, endpoint, child: Some(child), detached: false };
        daemon.record.write(&record_path(&daemon.directory))?;
        Ok(daemon)
    }

    async fn wait_ready(&mut self) -> Result<(), DaemonError> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.exited() {
                let (log, tail) = (self.log(), self.log_tail());
                return Err(DaemonError::Died { status, log, tail });
            }
            match Client::connect(&self.endpoint).await {
                Ok(_) => return Ok(()),
                Err(source) if start.elapsed() > READY_LIMIT => {
                    let (source, log, tail) = (Box::new(source), self.log(), self.log_tail());
                    return Err(DaemonError::Silent { source, log, tail });
                }
                Err(_) => sleep(READY_PAUSE).await,
            }
        }
    }

    fn exited(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    fn halt(&mut self) -> Result<(), DaemonError> {
        // Whatever comes of it, dropping must not try again.
        self.detached = true;
        self.record.process.stop(self.child.as_mut(), STOP_LIMIT)?;
        clean_up(&self.directory, Some(&self.record))
    }

    fn log_tail(&self) -> String {
        let tail = || {
            let mut file = File::open(self.log())?;
            let start = file.metadata()?.len().saturating_sub(LOG_TAIL);
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::new();
            file.take(LOG_TAIL).read_to_end(&mut bytes)?;
            io::Result::Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
        };
        tail().unwrap_or_else(|error| format!("(the log does not read: {error})"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.detached {
            return;
        }
        if let Err(error) = self.halt() {
            tracing::warn!(%error, "a private buildkitd was not stopped whole");
        }
    }
}

fn absolute(directory: &Path) -> Result<PathBuf, DaemonError> {
    let failed = |source| DaemonError::File { path: directory.to_owned(), source };
    // Mounts are listed by real paths.
    if directory.exists() { directory.canonicalize() } else { std::path::absolute(directory) }.map_err(failed)
}

fn record_path(directory: &Path) -> PathBuf {
    directory.join("buildkitd.json")
}

fn log_path(directory: &Path) -> PathBuf {
    directory.join("buildkitd.log")
}

fn root_path(directory: &Path) -> PathBuf {
    directory.join("root")
}

/// Removes what a daemon that ended leaves: containers, mounts, sockets, and last its record.
fn clean_up(directory: &Path, record: Option<&Record>) -> Result<(), DaemonError> {
    if let Some(record) = record {
        leftovers::remove_containers(&root_path(directory), &record.runc);
    }
    leftovers::unmount_below(&root_path(directory))?;
    for path in [directory.join("buildkitd.sock"), directory.join("otel.sock"), record_path(directory)] {
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(DaemonError::File { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The PATH that the daemon gets: with the directories where Debian has runc and mount helpers.
fn search_path(env: &[(OsString, OsString)]) -> OsString {
    let given = env.iter().rfind(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
    let given = given.or_else(|| env::var_os("PATH")).unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&given).filter(|path| path.is_absolute()).collect();
    for folder in ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"] {
        if !folders.iter().any(|path| path == Path::new(folder)) {
            folders.push(folder.into());
        }
    }
    // No folder that came out of splitting has a colon.
    env::join_paths(folders).unwrap_or(given)
}

fn find(program: &Path, path: &OsStr, package: &'static str) -> Result<PathBuf, DaemonError> {
    let missing = || DaemonError::Missing { program: program.to_owned(), path: path.to_owned(), package };
    let runs = |file: &PathBuf| {
        file.metadata()
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if program.components().count() > 1 {
        return Some(program.to_owned()).filter(runs).ok_or_else(missing);
    }
    env::split_paths(path)
        .map(|folder| folder.join(program))
        .find(runs)
        .ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_where_they_are() {
        let path = search_path(&[("PATH".into(), "relative:/usr/bin".into())]);
        let folders: Vec<_> = env::split_paths(&path).collect();
        assert_eq!(folders[0], Path::new("/usr/bin"));
        assert!(folders.contains(&PathBuf::from("/usr/sbin")), "{path:?}");
        assert!(find(Path::new("sh"), &path, "a shell").is_ok());
        assert!(find(Path::new("/bin/sh"), &path, "a shell").is_ok());
        let error = find(Path::new("no-such-thing"), &path, "a thing").unwrap_err().to_string();
        assert!(error.starts_with("\"no-such-thing\" was not found on PATH"), "{error}");
        assert!(find(Path::new("/etc/passwd"), &path, "nothing").is_err());
    }

    #[test]
    fn where_nothing_was_started_nothing_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Daemon::attach(folder.path()).unwrap().is_none());
        assert!(!Daemon::stop_recorded(folder.path()).unwrap());
        assert!(!Daemon::stop_recorded(folder.path().join("absent")).unwrap());
        fs::write(record_path(folder.path()), "{").unwrap();
        assert!(matches!(Daemon::attach(folder.path()), Err(DaemonError::Record { .. })));
    }
}
