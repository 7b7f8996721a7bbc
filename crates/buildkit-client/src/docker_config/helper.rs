//! Credential helpers: programs that keep credentials, `docker-credential-NAME`.
//!
//! `docker-credential-NAME get` reads a registry's name from its standard input and writes `{"Username", "Secret"}`
//! (docker-credential-helpers v0.9 `client/client.go`). It has 30 seconds and a process group of its own, which is
//! killed when it is over, so that nothing of it is left running. Its answer is bounded and zeroized.

use std::ffi::{OsStr, OsString};
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
use serde::Deserialize;
use zeroize::Zeroizing;

use super::credential::Credential;

/// How long a helper may take.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
/// How long a child of a helper that has ended may keep its output open.
const GRACE: Duration = Duration::from_secs(1);
/// How often is looked whether the answer is still wanted.
const TICK: Duration = Duration::from_millis(50);
/// Most bytes of an answer.
const MAX_ANSWER: usize = 64 << 10;
/// Most characters of a helper's own words in an error.
const MAX_WORDS: usize = 200;
/// What helpers write that know nothing of a registry.
const NOT_FOUND: &[u8] = b"credentials not found in native keychain";
/// The user that stands for an identity token.
const TOKEN_USER: &str = "<token>";

/// A credential helper does not answer as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HelperError {
    /// A name that would be a path.
    #[error("{name:?} is no name of a credential helper: of `docker-credential-NAME`, write NAME")]
    Name {
        /// The name in the configuration.
        name: String,
    },
    /// There is no such program.
    #[error(
        "the credential helper `{program}` is not on PATH: install it, or take it out of docker's configuration"
    )]
    Missing {
        /// The program.
        program: String,
    },
    /// It cannot be run.
    #[error("the credential helper `{program}` cannot be run: {source}")]
    Run {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It does not end.
    #[error("the credential helper `{program}` was killed: it gave no answer within {} s", limit.as_secs())]
    Late {
        /// The program.
        program: String,
        /// How long it had.
        limit: Duration,
    },
    /// It writes and writes.
    #[error("the credential helper `{program}` was killed: its answer has more than {MAX_ANSWER} bytes")]
    TooLong {
        /// The program.
        program: String,
    },
    /// It fails.
    #[error("the credential helper `{program}` failed ({status}){}", said(words))]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said about it.
        words: String,
    },
    /// Its answer is none.
    #[error(
        "the credential helper `{program}` answered with something other than an object of Username and Secret"
    )]
    Answer {
        /// The program.
        program: String,
    },
    /// Nobody waits for its answer any more.
    #[error("the credential helper `{program}` was killed: its answer is no longer wanted")]
    Unwanted {
        /// The program.
        program: String,
    },
}

/// What a helper writes.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    username: Zeroizing<String>,
    #[serde(rename = "Secret")]
    secret: Zeroizing<String>,
}

/// Asks a helper for the credentials of a registry; `None` if it has none. This blocks, until `unwanted` at most.
///
/// `path` is a list of directories as in `PATH`. Those that are relative are passed over.
pub(super) fn ask(
    name: &str,
    server: &str,
    path: &OsStr,
    limit: Duration,
    unwanted: &AtomicBool,
) -> Result<Option<Credential>, HelperError> {
    if name.is_empty() || name.contains(['/', '\0']) {
        return Err(HelperError::Name { name: name.to_owned() });
    }
    let program = format!("docker-credential-{name}");
    let Some(file) = find(&program, path) else { return Err(HelperError::Missing { program }) };
    let failed = |source| HelperError::Run { program: program.clone(), source };

    let mut helper = Helper::start(file, path).map_err(failed)?;
    helper.tell(server).map_err(failed)?;
    let (answer, errors) = match helper.listen(limit, unwanted).map_err(failed)? {
        Heard::All { answer, errors } => (answer, errors),
        Heard::Late => return Err(HelperError::Late { program, limit }),
        Heard::TooLong => return Err(HelperError::TooLong { program }),
        Heard::Unwanted => return Err(HelperError::Unwanted { program }),
    };
    let status = helper.end().map_err(failed)?;
    if !status.success() {
        if answer.trim_ascii() == NOT_FOUND {
            return Ok(None);
        }
        return Err(HelperError::Failed { program, status, words: words(&answer, &errors) });
    }
    // The error of the parser may quote the answer.
    let Ok(Answer { username, secret }) = serde_json::from_slice(&answer) else {
        return Err(HelperError::Answer { program });
    };
    Ok(Some(match username.as_str() {
        TOKEN_USER => Credential { identity_token: secret, ..Credential::default() },
        _ => Credential { username, password: secret, ..Credential::default() },
    }))
}

/// A helper that runs. Dropped, it and its children are killed.
struct Helper {
    child: Child,
    /// Readable when it has ended.
    handle: OwnedFd,
    group: Pid,
    /// Whether it was waited for, or is about to be.
    over: bool,
}

/// What came of listening.
enum Heard {
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
    fn start(program: PathBuf, path: &OsStr) -> io::Result<Self> {
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

    /// Gives it the registry's name, which is shorter than a pipe.
    fn tell(&mut self, server: &str) -> io::Result<()> {
        let Some(mut input) = self.child.stdin.take() else { return Ok(()) };
        match input.write_all(server.as_bytes()) {
            // It need not read it to answer.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Reads what it writes until it has ended.
    fn listen(&mut self, limit: Duration, unwanted: &AtomicBool) -> io::Result<Heard> {
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
    fn end(&mut self) -> io::Result<ExitStatus> {
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

/// Bytes that are read at once.
const CHUNK: usize = 4096;

/// The file of a program, in directories as of `PATH`.
fn find(program: &str, path: &OsStr) -> Option<PathBuf> {
    let directories = std::env::split_paths(path).filter(|directory| directory.is_absolute());
    directories.map(|directory| directory.join(program)).find(|file| {
        let metadata = fs::metadata(file);
        metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}

/// What a helper that failed says about it: by custom on its standard output. Never what may be an answer.
fn words(answer: &[u8], errors: &[u8]) -> String {
    let lines = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let answer = lines(answer);
    if answer.iter().any(|line| line.contains(['{', '"'])) {
        return String::new();
    }
    let line = answer.first().cloned().or_else(|| lines(errors).pop()).unwrap_or_default();
    line.chars()
        .filter(|character| !character.is_control())
        .take(MAX_WORDS)
        .collect()
}

fn said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

/// The value of `PATH`.
pub(super) fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A directory with the helper `docker-credential-test`, a shell script.
    fn helper(script: &str) -> (TempDir, OsString) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("docker-credential-test");
        // Written by another process: one that this process forks would hold the file open for writing.
        let status = Command::new("sh")
            .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"])
            .args([file.as_os_str(), OsStr::new(script)])
            .status();
        assert!(status.unwrap().success());
        let path = std::env::join_paths([folder.path(), "/usr/bin".as_ref(), "/bin".as_ref()]).unwrap();
        (folder, path)
    }

    fn answer(script: &str) -> Result<Option<Credential>, HelperError> {
        let (_folder, path) = helper(script);
        ask("test", "r.example", &path, Duration::from_secs(10), &AtomicBool::new(false))
    }

    fn failure(script: &str) -> String {
        let error = answer(script).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hunter2"), "{text}");
        error.to_string()
    }

    #[test]
    fn the_registry_comes_in_and_credentials_go_out() {
        let found =
            answer(r#"read -r name; test "$1" = get && echo "{\"Username\":\"$name\",\"Secret\":\"x\"}""#);
        assert_eq!(found.unwrap(), Some(Credential::password("r.example", "x")));
        let token = answer(r#"echo '{"ServerURL":"r.example","Username":"<token>","Secret":"refresh"}'"#);
        assert_eq!(token.unwrap(), Some(Credential::identity_token("refresh")));
    }

    #[test]
    fn who_knows_nothing_is_not_at_fault() {
        assert_eq!(answer("echo 'credentials not found in native keychain'; exit 1").unwrap(), None);
    }

    #[test]
    fn errors_name_the_helper_and_no_secret() {
        let program = "the credential helper `docker-credential-test`";
        assert_eq!(
            failure("echo 'the keychain is locked'; exit 3"),
            format!("{program} failed (exit status: 3): the keychain is locked")
        );
        assert_eq!(
            failure("echo first >&2; echo last >&2; exit 1"),
            format!("{program} failed (exit status: 1): last")
        );
        assert_eq!(
            failure("echo '{\"Secret\": \"hunter2\"}'; exit 1"),
            format!("{program} failed (exit status: 1)")
        );
        for rubbish in
            ["", "echo hunter2", "echo '{}'", "echo '{\"Username\": \"ada\", \"Secret\": [\"hunter2\"]}'"]
        {
            assert!(
                failure(rubbish).starts_with(&format!("{program} answered with something other")),
                "{rubbish}"
            );
        }
        assert!(failure("yes hunter2").contains("more than 65536 bytes"));
        let nowhere = ask("none", "r", OsStr::new("/nowhere:."), LIMIT, &AtomicBool::new(false)).unwrap_err();
        assert!(nowhere.to_string().contains("`docker-credential-none` is not on PATH"), "{nowhere}");
        let path = ask("../x", "r", OsStr::new("/bin"), LIMIT, &AtomicBool::new(false)).unwrap_err();
        assert!(matches!(path, HelperError::Name { .. }), "{path}");
    }

    #[test]
    fn who_hangs_is_killed_with_its_children() {
        let (folder, path) = helper("sleep 600 & echo $! > \"${0%/*}/child\"; wait");
        let limit = Duration::from_millis(500);
        let late = ask("test", "r.example", &path, limit, &AtomicBool::new(false)).unwrap_err();
        assert!(matches!(late, HelperError::Late { .. }), "{late}");
        let child = fs::read_to_string(folder.path().join("child")).unwrap();
        let gone = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        let start = Instant::now();
        while !gone() {
            assert!(start.elapsed() < Duration::from_secs(5), "the helper's child {child} still runs");
            std::thread::sleep(TICK);
        }
    }

    #[test]
    fn a_child_that_keeps_the_output_open_is_not_waited_for() {
        let start = Instant::now();
        let found = answer(r#"sleep 600 & echo '{"Username":"ada","Secret":"x"}'"#);
        assert_eq!(found.unwrap(), Some(Credential::password("ada", "x")));
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    }

    #[test]
    fn who_is_no_longer_wanted_is_killed() {
        let (_folder, path) = helper("sleep 600");
        let start = Instant::now();
        let error = ask("test", "r.example", &path, LIMIT, &AtomicBool::new(true)).unwrap_err();
        assert!(matches!(error, HelperError::Unwanted { .. }) && start.elapsed() < LIMIT, "{error}");
    }
}
