//! A build that waits at the step that failed, for somebody who looks into it.

use std::sync::{Arc, Mutex, PoisonError};

use buildkit_client::BuildGateway;
use buildkit_gateway::{FailedStep, GatewayError};
use tokio::sync::{mpsc, oneshot};

use super::order::Order;

/// A target whose build waits before it ends: until then there is all that the failed step had.
#[derive(Debug)]
pub(crate) struct Halted {
    /// Its name.
    pub(crate) target: String,
    /// The testers that gate it.
    pub(crate) gates: Vec<String>,
    /// What the daemon said.
    pub(crate) error: GatewayError,
    /// What failed.
    pub(crate) step: FailedStep,
    /// The way to it.
    pub(crate) gateway: BuildGateway,
    /// Dropped, it lets the target end.
    _wait: oneshot::Sender<()>,
}

/// Who looks into the first step that fails.
#[derive(Clone, Debug)]
pub(crate) struct Halts(Arc<Mutex<Option<mpsc::Sender<Halted>>>>);

impl Halts {
    /// The two ends of it: the build's, and that of who looks.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Halted>) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(Arc::new(Mutex::new(Some(sender)))), receiver)
    }

    /// Waits while somebody looks into this failure, if it is of a step that ran something and none was looked into
    /// before.
    pub(super) async fn wait(&self, order: &Order, error: &GatewayError, gateway: &BuildGateway) {
        let Some(step) = error.solve().and_then(|solve| solve.failed_step()) else { return };
        let Some(first) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let (wait, done) = oneshot::channel();
        let halted = Halted {
            target: order.target.clone(),
            gates: order.gates.clone(),
            error: error.clone(),
            step,
            gateway: gateway.clone(),
            _wait: wait,
        };
        if first.send(halted).await.is_ok() {
            // It ends by being dropped.
            let _ = done.await;
        }
    }
}
