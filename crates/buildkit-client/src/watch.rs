//! The stream of updates beside a solve: opened before it, read all the time, ended soon after it.
//!
//! All calls of a client share one connection. An update that nobody reads holds up every other call, so
//! whatever is waited for is waited for *beside* the watch.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use buildkit_gateway::GatewayError;
use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, FutureExt as _};
use tokio::time::{sleep, timeout};
use tonic::Code;

use crate::client::Client;
use crate::status::{StatusStream, StatusUpdate};

/// How long the stream may stay silent after the solve has answered.
const SILENCE_LIMIT: Duration = Duration::from_secs(3);
/// How long after a failed solve, of which no vertex was ever shown: such a stream does not end by itself.
const FAILED_LIMIT: Duration = Duration::from_millis(100);
/// How often a daemon is asked for a build that it does not know yet, and how long between.
const ATTEMPTS: u32 = 5;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(200);

/// The updates of one build.
pub(crate) struct Watch<'a> {
    client: Client,
    name: String,
    state: State,
    attempts: u32,
    seen: bool,
    on_status: &'a mut (dyn FnMut(StatusUpdate) + Send),
}

enum State {
    Opening(BoxFuture<'static, Result<StatusStream, GatewayError>>),
    Open(Box<StatusStream>),
    Ended(Option<GatewayError>),
}

impl<'a> Watch<'a> {
    /// Asks for the updates of a build that is about to start.
    pub(crate) fn start(
        client: Client,
        name: &str,
        on_status: &'a mut (dyn FnMut(StatusUpdate) + Send),
    ) -> Self {
        let state = State::Opening(open(client.clone(), name.to_owned(), Duration::ZERO));
        let mut watch = Self { client, name: name.to_owned(), state, attempts: 1, seen: false, on_status };
        // Sends the request; its answer comes when the build has started.
        let _ = watch.step().now_or_never();
        watch
    }

    /// Waits for `work`, and reads updates meanwhile.
    pub(crate) async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = self.step(), if !self.has_ended() => {}
            }
        }
    }

    /// Reads what still comes after the solve has answered.
    pub(crate) async fn finish(&mut self, succeeded: bool) {
        while !self.has_ended() {
            let limit = if succeeded || self.seen { SILENCE_LIMIT } else { FAILED_LIMIT };
            if timeout(limit, self.step()).await.is_err() {
                tracing::debug!(build = self.name, "updates did not end with the build");
                self.state = State::Ended(None);
            }
        }
    }

    /// Why the stream broke off, if it did.
    pub(crate) fn into_error(self) -> Option<GatewayError> {
        match self.state {
            State::Ended(error) => error,
            _ => None,
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }

    /// Goes one message further. Nothing is lost if it is dropped half-way.
    async fn step(&mut self) {
        match &mut self.state {
            State::Opening(answer) => match answer.await {
                Ok(stream) => self.state = State::Open(Box::new(stream)),
                Err(error) => self.broke_off(error),
            },
            State::Open(stream) => match stream.next().await {
                Some(Ok(update)) => {
                    self.seen |= !update.vertexes.is_empty();
                    (self.on_status)(update);
                }
                Some(Err(error)) => self.broke_off(error),
                None => self.state = State::Ended(None),
            },
            State::Ended(_) => {}
        }
    }

    /// A build that the daemon does not know yet is asked for again; every other error ends the watch.
    fn broke_off(&mut self, error: GatewayError) {
        let unknown = matches!(error.code(), Code::NotFound | Code::Unknown) && !self.seen;
        self.state = if unknown && self.attempts < ATTEMPTS {
            self.attempts += 1;
            State::Opening(open(self.client.clone(), self.name.clone(), ATTEMPT_PAUSE))
        } else {
            State::Ended(Some(error))
        };
    }
}

fn open(
    client: Client,
    name: String,
    pause: Duration,
) -> BoxFuture<'static, Result<StatusStream, GatewayError>> {
    async move {
        if !pause.is_zero() {
            sleep(pause).await;
        }
        client.status(&name).await
    }
    .boxed()
}
