//! The definition of a target, for another client to solve.

use std::sync::Arc;

use buildkit_client::{BuildRequest, new_id};
use buildkit_gateway::{GatewayResult, Ref};
use buildkit_llb::{Definition, LocalIdentity, OpError, Platform};
use stagewright_plan::Plan;
use stagewright_plan::check::check;
use tokio::sync::mpsc::unbounded_channel;

use super::sessions::Sessions;
use super::{BuildOptions, Builder, Failure, StartError, fits, locked, order, served};
use crate::driver::{self, DriveError};

/// A target whose definition cannot be given away.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// It does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A definition is of one target.
    #[error("a definition is of one target, not of {}: name one with `--target`", .0.join(", "))]
    Several(Vec<String>),
    /// A definition is for one platform.
    #[error("a definition is for one platform, not for {}", .0.join(", "))]
    Platforms(Vec<String>),
    /// It would lose its gates.
    #[error("target `{target}` waits for {}, which this daemon cannot express: build it instead", gates.join(", "))]
    Gates {
        /// The target.
        target: String,
        /// Its gates.
        gates: Vec<String>,
    },
    /// The daemon does not tell what is needed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The graph has no such definition.
    #[error(transparent)]
    Op(#[from] OpError),
}

impl Builder {
    /// The definition of one target, for another client to solve. Nothing is built.
    ///
    /// It names no session: the contexts are those of whoever solves it, and each call gives them another identity.
    /// The daemon is asked for the configs of images, and the contexts for their `.dockerignore`.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`]; options that mean several targets; a target with gates, on a daemon that cannot
    /// express them.
    pub async fn definition(
        &self,
        plan: &Plan,
        options: &BuildOptions,
    ) -> Result<Definition, DefinitionError> {
        let checked = check(plan).map_err(StartError::from)?;
        let platforms = self.platforms(options);
        let [platform] = platforms.as_slice() else {
            return Err(DefinitionError::Platforms(platforms.iter().map(Platform::id).collect()));
        };
        let platform = platform.clone();
        fits(plan, &platform)?;
        let orders = order::orders(&checked, options, true).map_err(StartError::from)?;
        let [_] = orders.as_slice() else {
            return Err(DefinitionError::Several(orders.into_iter().map(|order| order.target).collect()));
        };
        let identity = LocalIdentity::Unique(new_id().map_err(|error| StartError::Session(error.into()))?);
        let (events, _) = unbounded_channel();
        let served = served::open(options).await?;
        let session = Sessions::open(self.client(), &[], options, &served, &events).await?.context;
        let plans = vec![(platform, Arc::new(plan.clone()))];
        let targets = orders.into_iter().map(|order| order.target).collect();
        let request = self.request(plans, targets, options, &served, session.id(), &identity)?;
        let request = driver::Request { lock: locked(options).await.map_err(StartError::from)?, ..request };
        let mut prepared = None;
        let drive = async |gateway| {
            prepared = Some(driver::prepare(&gateway, &request).await?);
            Ok::<_, DriveError>(GatewayResult::single(Ref::scratch()))
        };
        let answer = self.client.build(BuildRequest::new(&session), drop, drive).await;
        session.close().await;
        answer.map_err(Failure::from)?;

        let prepared = prepared.expect("the driver has succeeded");
        let (_, lowered) = prepared.platforms.into_iter().next().expect("a request has a platform");
        let target = lowered.targets.into_iter().next().expect("one target is lowered");
        if !target.gates.is_empty() {
            let gates = target.gates.into_iter().map(|(gate, _)| gate).collect();
            return Err(DefinitionError::Gates { target: target.name, gates });
        }
        Ok(lowered.graph.definition(target.output)?)
    }
}
