//! Signals that end a build: in good order on the first, at once on the second. Neither leaves half a file.

use std::future::pending;
use std::process;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use buildkit_client::CancellationToken;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::OwnedRwLockWriteGuard;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::builder::Written;

use super::error::{CliError, INTERRUPTED, TERMINATED};
use super::raw;

/// How long a build that was interrupted may take to end in good order: longer than a cancelled build waits for the
/// daemon, and for its sessions after that.
const LIMIT: Duration = Duration::from_millis(2800);
/// How long a second signal waits for files that are being put into place: a part of them is worse than all or none.
const COMMIT_LIMIT: Duration = Duration::from_millis(500);
/// How long removing what is half written may take, and taking back what is half placed. A third signal ends at once.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(5);

/// Whether a signal came, and what may still be cut short by it.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt {
    code: Arc<OnceLock<u8>>,
    cancel: CancellationToken,
    ended: CancellationToken,
    written: Arc<OnceLock<Written>>,
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

    /// A build has begun, which writes this.
    pub(super) fn begun(&self, written: Written) {
        self.written.get_or_init(|| written);
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
            _ = next(&mut interrupts, &mut terminations) => timeout(COMMIT_LIMIT, self.no_commit()).await.ok().flatten(),
            guard = self.limit(LIMIT) => guard,
        };
        tokio::select! {
            () = self.clean_up() => {}
            _ = next(&mut interrupts, &mut terminations) => {}
        }
        raw::restore();
        process::exit(i32::from(code));
    }

    /// Waits until the build has had its time, and no file is being put into place. No other one is, from then on.
    async fn limit(&self, limit: Duration) -> Option<OwnedRwLockWriteGuard<()>> {
        loop {
            tokio::select! {
                () = self.ended.cancelled() => pending().await,
                () = sleep(limit) => {}
            }
            match self.written.get().map(|written| written.commits.clone().try_write_owned()) {
                None => return None,
                Some(Ok(guard)) => return Some(guard),
                Some(Err(_)) => {}
            }
        }
    }

    /// Waits until no file is being put into place. No other one is, from then on.
    async fn no_commit(&self) -> Option<OwnedRwLockWriteGuard<()>> {
        let commits = Arc::clone(&self.written.get()?.commits);
        Some(commits.write_owned().await)
    }

    /// Removes what is half written, and has what is half placed taken back.
    async fn clean_up(&self) {
        if let Some(written) = self.written.get().cloned() {
            let _ = timeout(CLEAN_UP_LIMIT, spawn_blocking(move || written.give_up())).await;
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
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn the_limit_waits_for_a_commit_and_prevents_the_next() {
        let interrupt = Interrupt::default();
        let written = Written::default();
        let commits = Arc::clone(&written.commits);
        interrupt.begun(written);
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
