//! A gateway build: a driver that calls the gateway API beside the solve that its calls belong to.
//!
//! The solve has neither frontend nor definition. The daemon then waits for the driver's calls, which name
//! the build in their metadata, until the driver's result is returned; then it exports. (BuildKit v0.34
//! `control/gateway`, `client/build.go`.)

use std::error::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use buildkit_gateway::{Gateway, GatewayError, GatewayResult};
use buildkit_proto::control;
use http::HeaderValue;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Response, Status};
use tower::Service;

use crate::client::Client;
use crate::id::NoRandomness;
use crate::solve::{BuildRequest, SolveResponse};
use crate::status::StatusUpdate;
use crate::watch::Watch;

/// The metadata that ties a gateway call to its build.
const BUILD_ID: &str = "buildkit-controlapi-buildid";
/// How long a cancelled build may take to end in good order.
const CANCEL_LIMIT: Duration = Duration::from_secs(2);
/// How long the daemon may take to answer the solve once it was told of an error.
const END_LIMIT: Duration = Duration::from_secs(10);
/// How much later than the solve the answer to what ended it may come.
const TOLD_LIMIT: Duration = Duration::from_millis(200);

/// The gateway that a driver is given.
pub type BuildGateway = Gateway<BuildChannel>;

/// The connection of a client, whose calls belong to one build.
#[derive(Debug, Clone)]
pub struct BuildChannel {
    inner: Channel,
    build: HeaderValue,
}

/// A gateway build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError<E: Error + 'static> {
    /// The system gave no random bytes for its name.
    #[error(transparent)]
    Id(#[from] NoRandomness),
    /// Its name cannot be sent.
    #[error("build name {0:?} cannot be sent: use letters and digits, or leave it out")]
    Name(String),
    /// The driver gave up; the daemon was told.
    #[error(transparent)]
    Drive(E),
    /// The daemon ended the build, while it ran or while it was exported.
    #[error(transparent)]
    Solve(GatewayError),
    /// The daemon refused the driver's result.
    #[error("the daemon refused the build's result: {0}")]
    Return(#[source] GatewayError),
    /// It was cancelled.
    #[error("build cancelled")]
    Cancelled,
}

impl Client {
    /// Runs a build that `drive` makes against the gateway API, and exports what it gives back.
    ///
    /// Updates are read from before the start to the end, and handed to `on_status` one by one. If the daemon
    /// ends the build, the driver is dropped with its pending calls and the daemon's error is returned. What
    /// the driver returns, the daemon is told, once: a result, or an error with its details.
    ///
    /// The build is cancelled by dropping the future, or in good order by [`BuildRequest::cancel`]. Cancelling
    /// the solve does not stop a pending call of the gateway, so a driver must not move calls to tasks of their
    /// own: dropping the driver has to drop them.
    ///
    /// # Errors
    /// The driver gave up, the daemon ended the build or refused its result, or it was cancelled.
    pub async fn build<E, F>(
        &self,
        request: BuildRequest,
        mut on_status: impl FnMut(StatusUpdate) + Send,
        drive: impl FnOnce(BuildGateway) -> F,
    ) -> Result<SolveResponse, BuildError<E>>
    where
        F: Future<Output = Result<GatewayResult, E>>,
        E: Error + 'static,
        for<'a> GatewayError: From<&'a E>,
    {
        let name = request.name()?;
        let build = HeaderValue::from_str(&name).map_err(|_| BuildError::Name(name.clone()))?;
        let gateway = Gateway::new(BuildChannel { inner: self.channel(), build });

        // Dropped in reverse: first the driver with its calls, last the solve.
        let message = request.to_pb(&name);
        let mut control = self.control();
        let mut solve = pin!(async {
            let answer = control.solve(message).await;
            answer.map(Response::into_inner).map_err(|status: Status| status.into())
        });
        let mut watch = Watch::start(self.clone(), &name, &mut on_status);
        let mut driver = Box::pin(drive(gateway.clone()));

        let first = watch.beside(async {
            tokio::select! {
                biased;
                answer = &mut solve => First::Solved(answer),
                () = request.cancel.cancelled() => First::Cancelled,
                driven = &mut driver => First::Driven(driven),
            }
        });
        let first = first.await;
        drop(driver);

        let outcome = match first {
            First::Solved(Ok(_)) => {
                let text = "the daemon ended the build before its driver had a result";
                Err(BuildError::Solve(GatewayError::new(text)))
            }
            First::Solved(Err(error)) => Err(BuildError::Solve(error)),
            First::Cancelled => {
                let told = GatewayError::cancelled();
                let _ = timeout(CANCEL_LIMIT, watch.beside(give_up(&gateway, &told, solve))).await;
                Err(BuildError::Cancelled)
            }
            First::Driven(Err(error)) => {
                let told = GatewayError::from(&error);
                let end = watch.beside(give_up(&gateway, &told, solve));
                match timeout(END_LIMIT, end).await {
                    Ok(Some(earlier)) => Err(BuildError::Solve(earlier)),
                    Ok(None) | Err(_) => Err(BuildError::Drive(error)),
                }
            }
            First::Driven(Ok(result)) => {
                let end = hand_back(&gateway, &result, solve, &request.cancel);
                watch.beside(end).await
            }
        };
        // An export that was cancelled may go on for seconds, and updates with it.
        if !matches!(outcome, Err(BuildError::Cancelled)) {
            watch.finish(outcome.is_ok()).await;
        }
        outcome.map(|answer| SolveResponse::new(name, answer, watch))
    }
}

impl Service<http::Request<Body>> for BuildChannel {
    type Response = <Channel as Service<http::Request<Body>>>::Response;
    type Error = <Channel as Service<http::Request<Body>>>::Error;
    type Future = <Channel as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::poll_ready(&mut self.inner, context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        request.headers_mut().insert(BUILD_ID, self.build.clone());
        Service::call(&mut self.inner, request)
    }
}

/// What the daemon answers a solve.
type Answer = Result<control::SolveResponse, GatewayError>;

/// What happens first in a build.
enum First<E> {
    Solved(Answer),
    Driven(Result<GatewayResult, E>),
    Cancelled,
}

/// Hands the driver's result back, and waits until it is exported.
async fn hand_back<E: Error + 'static>(
    gateway: &BuildGateway,
    result: &GatewayResult,
    mut solve: Pin<&mut impl Future<Output = Answer>>,
    cancel: &CancellationToken,
) -> Result<control::SolveResponse, BuildError<E>> {
    let returned = tokio::select! {
        biased;
        answer = &mut solve => return answer.map_err(BuildError::Solve),
        returned = gateway.return_result(result) => returned,
    };
    if let Err(refused) = returned {
        // The daemon still waits for a result, and would for ever.
        return match timeout(END_LIMIT, give_up(gateway, &refused, solve)).await {
            Ok(Some(earlier)) => Err(BuildError::Solve(earlier)),
            Ok(None) | Err(_) => Err(BuildError::Return(refused)),
        };
    }
    tokio::select! {
        answer = solve => answer.map_err(BuildError::Solve),
        () = cancel.cancelled() => Err(BuildError::Cancelled),
    }
}

/// Tells the daemon of an error, and waits for the end of the solve. If the solve had failed by itself,
/// gives that error: it is the reason of all others.
async fn give_up(
    gateway: &BuildGateway,
    error: &GatewayError,
    mut solve: Pin<&mut impl Future<Output = Answer>>,
) -> Option<GatewayError> {
    let mut telling = pin!(gateway.return_error(error));
    tokio::select! {
        biased;
        told = &mut telling => {
            let answer = solve.await;
            told.err().and(answer.err())
        }
        answer = &mut solve => match timeout(TOLD_LIMIT, telling).await {
            Ok(Ok(())) => None,
            Ok(Err(_)) | Err(_) => answer.err(),
        }
    }
}
