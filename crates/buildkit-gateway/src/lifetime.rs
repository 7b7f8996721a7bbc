//! How long a container lasts: its processes end it together, and each may be told of another's end.
//!
//! A daemon ends a container, and kills all that runs in it, when its first process ends, and when any of its processes
//! fails. A process that is started afterwards is told to have started, and then to have ended with the exit code *of the one
//! that failed*, in the same words as if it were its own. So what has ended is kept here, for all processes of a
//! container.
//!
//! Source: BuildKit v0.33.1 `frontend/gateway/container/container.go` (one error group for all processes),
//! `executor/runcexecutor/executor.go` (`Exec` tells the cause of the group's end).

use std::fmt::{self, Display};
use std::sync::OnceLock;

use tokio::sync::{Mutex, MutexGuard};

use crate::errdefs::GatewayError;

/// Why a process does not run, or was stopped.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The container has ended with another process, and this one with it.
    #[error(
        "the container has ended with another of its processes ({0}): make a container for each process that may fail"
    )]
    Ended(Exit),
    /// What the daemon says.
    #[error(transparent)]
    Daemon(#[from] GatewayError),
}

impl From<ProcessError> for GatewayError {
    fn from(error: ProcessError) -> Self {
        match error {
            ProcessError::Daemon(error) => error,
            ended @ ProcessError::Ended(_) => Self::new(ended.to_string()),
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code; 255 if it has none, 128 and the signal's number if a signal ended it.
    pub code: u32,
    /// What the daemon says about it; empty if it went well.
    pub message: String,
}

impl Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code: {}", self.code)?;
        // Most messages are these very words.
        if self.message.is_empty() || self.message == format!("exit code: {}", self.code) {
            return Ok(());
        }
        write!(f, ", {}", self.message)
    }
}

/// What is known of a container's end.
#[derive(Debug, Default)]
pub(crate) struct Lifetime {
    has_first: Mutex<bool>,
    ended: OnceLock<Exit>,
}

impl Lifetime {
    /// Waits for the first process while it starts; for who is to be the first, the place to note that it has started.
    pub(crate) async fn starting(&self) -> Option<MutexGuard<'_, bool>> {
        let has_first = self.has_first.lock().await;
        (!*has_first).then_some(has_first)
    }

    /// An error if the container is known to have ended.
    pub(crate) fn check(&self) -> Result<(), ProcessError> {
        self.ended.get().map_or(Ok(()), |exit| Err(ProcessError::Ended(exit.clone())))
    }

    /// Takes note of a process's end.
    ///
    /// # Errors
    /// The container had ended before, so that a failure says nothing about the process.
    pub(crate) fn end(&self, exit: &Exit, is_first: bool) -> Result<(), ProcessError> {
        if exit.code != 0 {
            self.check()?;
        }
        if exit.code != 0 || is_first {
            let _ = self.ended.set(exit.clone());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn exit(code: u32, message: &str) -> Exit {
        Exit { code, message: message.to_owned() }
    }

    #[test]
    fn the_first_process_and_every_failure_end_a_container() {
        let lifetime = Lifetime::default();
        lifetime.end(&Exit::default(), false).unwrap();
        lifetime.check().unwrap();
        lifetime.end(&exit(3, "exit code: 3"), false).unwrap();
        let later = lifetime.end(&exit(137, "exit code: 137: exit code: 3"), true).unwrap_err();
        assert!(matches!(&later, ProcessError::Ended(by) if by.code == 3), "{later}");
        assert!(lifetime.check().is_err());
        // Whoever has done its work before the end has done it.
        lifetime.end(&Exit::default(), false).unwrap();

        let lifetime = Lifetime::default();
        lifetime.end(&Exit::default(), true).unwrap();
        assert!(lifetime.check().is_err());
    }

    #[test]
    fn one_process_is_the_first() {
        let lifetime = Lifetime::default();
        let starts = || lifetime.starting().now_or_never();
        // One that does not start leaves the place to the next, who waits for it.
        let first = starts().unwrap();
        assert!(first.is_some() && starts().is_none());
        drop(first);
        *starts().unwrap().unwrap() = true;
        // Then nobody waits.
        assert!(starts().unwrap().is_none());
    }

    #[test]
    fn an_end_is_told_once() {
        let text = |exit: Exit| ProcessError::Ended(exit).to_string();
        let expected = "the container has ended with another of its processes (exit code: 3): \
            make a container for each process that may fail";
        assert_eq!(text(exit(3, "exit code: 3")), expected);
        assert!(text(exit(255, "container x not found")).contains("(exit code: 255, container x not found)"));
    }
}
