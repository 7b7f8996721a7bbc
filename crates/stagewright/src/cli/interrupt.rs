//! Signals that end a build: in good order on the first, at once on the second.

use std::future::pending;
use std::process;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use buildkit_client::CancellationToken;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use tokio::time::sleep;

use super::error::{CliError, INTERRUPTED, TERMINATED};

/// How long a build that was interrupted may take to end in good order: longer than a cancelled build waits for the
/// daemon, and for its sessions after that.
const LIMIT: Duration = Duration::from_millis(2800);

/// Whether a signal came, and what may still be cut short by it.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt {
    code: Arc<OnceLock<u8>>,
    cancel: CancellationToken,
    ended: CancellationToken,
    commits: Arc<OnceLock<Arc<RwLock<()>>>>,
}

impl Interrupt {
    /// Takes SIGINT and SIGTERM from now on.
    ///
    /// On a task of its own: the build may be stuck in a terminal that takes nothing more.
    pub(super) fn listen() -> Result<Self, CliError> {
        let interrupts = signal(SignalKind::interrupt()).map_err(CliError::Runtime)?;
        let terminations = signal(SignalKind::terminate()).map_err(CliError::Runtime)?;
        let interrupt = Self::default();
        tokio::spawn(interrupt.clone().watch(interrupts, terminations));
        Ok(interrupt)
    }

    /// Waits for the first signal, and gives the exit code for it.
    pub(super) async fn came(&self) -> u8 {
        self.cancel.cancelled().await;
        self.code().unwrap_or(INTERRUPTED)
    }

    /// The exit code for the first signal, if it came.
    pub(super) fn code(&self) -> Option<u8> {
        self.code.get().copied()
    }

    /// A build has begun, which puts files into place only while it reads this lock.
    pub(super) fn begun(&self, commits: Arc<RwLock<()>>) {
        self.commits.get_or_init(|| commits);
    }

    /// The build has ended: what is left to tell is not cut short, except by a second signal.
    pub(super) fn ended(&self) {
        self.ended.cancel();
    }

    async fn watch(self, mut interrupts: Signal, mut terminations: Signal) {
        let code = next(&mut interrupts, &mut terminations).await;
        self.code.get_or_init(|| code);
        self.cancel.cancel();
        let _no_commit = tokio::select! {
            _ = next(&mut interrupts, &mut terminations) => None,
            guard = self.limit(LIMIT) => guard,
        };
        process::exit(i32::from(code));
    }

    /// Waits until the build has had its time, and no file is being put into place. No other one is, from then on.
    async fn limit(&self, limit: Duration) -> Option<OwnedRwLockWriteGuard<()>> {
        loop {
            tokio::select! {
                () = self.ended.cancelled() => pending().await,
                () = sleep(limit) => {}
            }
            match self.commits.get().cloned().map(RwLock::try_write_owned) {
                None => return None,
                Some(Ok(guard)) => return Some(guard),
                Some(Err(_)) => {}
            }
        }
    }
}

async fn next(interrupts: &mut Signal, terminations: &mut Signal) -> u8 {
    tokio::select! {
        _ = interrupts.recv() => INTERRUPTED,
        _ = terminations.recv() => TERMINATED,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn the_limit_waits_for_a_commit_and_prevents_the_next() {
        let interrupt = Interrupt::default();
        let commits = Arc::new(RwLock::new(()));
        interrupt.begun(Arc::clone(&commits));
        let commit = Arc::clone(&commits).read_owned().await;
        assert!(timeout(SHORT * 5, interrupt.limit(SHORT)).await.is_err(), "cut short");
        drop(commit);
        let guard = timeout(SHORT * 100, interrupt.limit(SHORT)).await.unwrap();
        assert!(guard.is_some() && commits.try_read().is_err());
    }

    #[tokio::test]
    async fn a_build_that_has_ended_has_no_limit() {
        let interrupt = Interrupt::default();
        interrupt.ended();
        assert!(timeout(SHORT * 5, interrupt.limit(SHORT)).await.is_err());
    }
}
