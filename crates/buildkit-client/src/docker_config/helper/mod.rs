//! Credential helpers: programs that keep credentials, `docker-credential-NAME`.
//!
//! `docker-credential-NAME get` reads a registry's name from its standard input and writes `{"Username", "Secret"}`
//! (docker-credential-helpers v0.9 `client/client.go`). It has 30 seconds and a process group of its own, which is
//! killed when it is over, so that nothing of it is left running. Its answer is bounded and zeroized.

mod process;

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::ExitStatus;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use self::process::{Heard, Helper, MAX_ANSWER, MAX_INPUT, find};
use super::credential::Credential;

/// How long a helper may take.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
/// Most characters of a helper's own words in an error.
const MAX_WORDS: usize = 200;
/// What helpers write that know nothing of a registry.
const NOT_FOUND: &[u8] = b"credentials not found in native keychain";
/// What else helpers write on their standard output when they fail, of which it is known that it is no secret.
const KNOWN: &[&str] = &["no credentials server URL", "no credentials username"];
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
    /// A name of a registry that no registry has.
    #[error(
        "a registry's name has {length} bytes or holds control characters: credential helpers are asked for a host of at \
         most {MAX_INPUT} bytes"
    )]
    Server {
        /// Its bytes.
        length: usize,
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
    #[error("the credential helper `{program}` failed ({status}){}", said(program, words))]
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
    if server.len() > MAX_INPUT || server.contains(char::is_control) {
        return Err(HelperError::Server { length: server.len() });
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

/// What a helper that failed says about it: the last line of its errors, or of its output what is known. Anything else
/// that it wrote there may be a secret.
fn words(answer: &[u8], errors: &[u8]) -> String {
    let answer = answer.trim_ascii();
    if let Some(known) = KNOWN.iter().find(|known| known.as_bytes() == answer) {
        return (*known).to_owned();
    }
    let mut lines = errors.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let line = lines.rfind(|line| !line.is_empty()).unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    text.chars()
        .filter(|character| !character.is_control())
        .take(MAX_WORDS)
        .collect()
}

fn said(program: &str, words: &str) -> String {
    match words {
        "" => format!(": `printf REGISTRY | {program} get` shows why"),
        words => format!(": {words}"),
    }
}

/// The value of `PATH`.
pub(super) fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;
    use std::time::Instant;

    use tempfile::TempDir;

    use super::process::TICK;
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
            failure("echo first >&2; echo last >&2; echo hunter2; exit 3"),
            format!("{program} failed (exit status: 3): last")
        );
        assert_eq!(
            failure("echo 'no credentials server URL'; exit 1"),
            format!("{program} failed (exit status: 1): no credentials server URL")
        );
        for silent in ["exit 1", "echo hunter2; exit 1", "echo '{\"Secret\": \"hunter2\"}'; exit 1"] {
            let why = ": `printf REGISTRY | docker-credential-test get` shows why";
            assert_eq!(failure(silent), format!("{program} failed (exit status: 1){why}"), "{silent}");
        }
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
    fn a_name_that_no_registry_has_is_not_asked_for() {
        let (_folder, path) = helper("sleep 600");
        let start = Instant::now();
        for server in ["a\nb", &"x".repeat(MAX_INPUT + 1), &"x".repeat(1 << 20)] {
            let error = ask("test", server, &path, LIMIT, &AtomicBool::new(false)).unwrap_err();
            assert!(matches!(error, HelperError::Server { length } if length == server.len()), "{error}");
        }
        assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
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
