//! A frontend's life: ping, build, return once, exit.

use std::fmt::Display;
use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use buildkit_gateway::{Caps, Gateway, GatewayError, GatewayResult};
use tokio::runtime;
use tokio::time::timeout;

use crate::environment::Environment;
use crate::stdio::{self, Stdio};
use crate::{caps, panics};

/// How long a daemon may take to say what it can do.
const PING_LIMIT: Duration = Duration::from_secs(15);

/// How much of a message is told, in characters, where the whole of it is refused.
const SHORT: usize = 4096;

/// The option by which a client says what a frontend must be able to do.
const REQUIRED: &str = "frontend.caps";

/// What a build inside a daemon is given.
#[derive(Debug, Clone)]
pub struct Frontend {
    /// The gateway.
    pub gateway: Gateway<Stdio>,
    /// What the daemon can do.
    pub caps: Caps,
    /// What the daemon says of the build.
    pub environment: Environment,
}

/// Serves one build, over this process's stdin and stdout, and gives the code that it has to exit with.
///
/// `supported` are the capabilities of the frontend itself, see [`caps`](crate::caps); a build that requires more is
/// refused. The build ends with what `run` gives: its result, or its error, which reaches the client with
/// code and details as they are. A panic of `run` is such an error. Therefore it has to unwind: a program compiled
/// with `panic = "abort"` ends with a number in place of a text.
///
/// The code is 0 whenever the daemon was told; what went wrong is then told, too. Return from `main` at once, since
/// the daemon waits for the end of the process. What is printed meanwhile goes to stderr, which is the daemon's
/// log.
pub fn serve<F>(supported: &[&str], run: impl FnOnce(Frontend) -> F) -> ExitCode
where
    F: Future<Output = Result<GatewayResult, GatewayError>>,
{
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return untold(&error),
    };
    runtime.block_on(async {
        let gateway = match stdio::connect().await {
            Ok(channel) => Gateway::new(channel),
            Err(error) => return untold(&error),
        };
        let build = panics::catch(async {
            let frontend = start(gateway.clone(), supported).await?;
            run(frontend).await
        });
        match end(&gateway, build.await).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => untold(&error),
        }
    })
}

async fn start(gateway: Gateway<Stdio>, supported: &[&str]) -> Result<Frontend, GatewayError> {
    let late = |_| {
        let seconds = PING_LIMIT.as_secs();
        GatewayError::new(format!("the daemon did not say within {seconds} s what it can do"))
    };
    let known = timeout(PING_LIMIT, gateway.ping()).await.map_err(late)??;
    let environment = Environment::from_env().map_err(|error| GatewayError::new(error.to_string()))?;
    if let Some(required) = environment.options.get(REQUIRED) {
        caps::check(required, supported)?;
    }
    Ok(Frontend { gateway, caps: known, environment })
}

/// Tells the daemon how the build ended. A result that it refuses is an error, of which it is told.
async fn end(
    gateway: &Gateway<Stdio>,
    outcome: Result<GatewayResult, GatewayError>,
) -> Result<(), GatewayError> {
    let error = match outcome {
        Ok(result) => match gateway.return_result(&result).await {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        },
        Err(error) => error,
    };
    let Err(refused) = gateway.return_error(&error).await else { return Ok(()) };
    // A message or details that no daemon takes, such as more than a call may carry.
    let text: String = error.message().chars().take(SHORT).collect();
    let short = GatewayError::new(format!("{text} (the rest cannot be told: {})", refused.message()));
    gateway.return_error(&short).await
}

/// Nobody but the daemon's log can be told.
fn untold(error: &dyn Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}
