//! BuildKit's gateway API as a typed client over any channel.
//!
//! A build is a function against [`Gateway`]: it asks for image configs, solves definitions, reads what
//! it must, and hands back refs with metadata. The same function serves outside the daemon, beside a
//! solve of the control API, and inside it, as a frontend on stdin and stdout.
//!
//! ```
//! use buildkit_gateway::{Channel, Gateway, GatewayError, GatewayResult, SolveOptions, metadata};
//! use buildkit_llb::Definition;
//!
//! async fn drive<C: Channel>(
//!     gateway: Gateway<C>,
//!     definition: Definition,
//!     config: Vec<u8>,
//! ) -> Result<GatewayResult, GatewayError> {
//!     let options = SolveOptions { evaluate: true, ..SolveOptions::default() };
//!     let app = gateway.solve(&definition, &options).await?;
//!     Ok(GatewayResult::single(app).with_metadata(metadata::IMAGE_CONFIG, config))
//! }
//! ```

mod caps;
mod channel;
mod container;
pub mod errdefs;
mod failed_step;
mod gateway;
mod lifetime;
mod policy;
mod process;
mod result;
mod sources;

pub use caps::{CapSet, Caps, Unsupported, Worker};
pub use channel::Channel;
pub use container::{Container, ContainerMount, ContainerRequest};
pub use errdefs::GatewayError;
pub use failed_step::FailedStep;
pub use gateway::{CacheImport, FileRange, FileStat, FrontendSolve, Gateway, SolveOptions, Warning};
pub use lifetime::{Exit, ProcessError};
pub use policy::{AttrCondition, AttrConstraint, SourceAction, SourceMatch, SourcePolicy, SourceRule};
pub use process::{Process, ProcessEvent, ProcessInput, ProcessOutput, ProcessRequest, Signal};
pub use result::{Attestation, AttestationKind, GatewayResult, Ref, Refs, Subject, metadata};
pub use sources::{
    AttestationChain, AttestationRequest, ChecksumAlgorithm, ImageConfig, ImageRequest, LayoutStore,
    ResolveMode, SourceId, SourceMeta, SourceRequest, SourceState,
};
