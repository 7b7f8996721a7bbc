//! Outside a BuildKit daemon: connect, session, solve, exports, status.
//!
//! A [`Client`] is one connection. A [`Session`] on it lets the daemon call back for files
//! and secrets. [`Client::build`] runs a build: a driver against the gateway API, beside a solve of the
//! control API. [`daemon`] starts a private daemon and stops it.
//!
//! ```no_run
//! use buildkit_client::session::SessionOptions;
//! use buildkit_client::{BuildGateway, BuildRequest, Client, Endpoint, Exporter};
//! use buildkit_gateway::{GatewayError, GatewayResult, SolveOptions};
//! use buildkit_llb::Definition;
//!
//! # async fn example(definition: Definition) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect(&"unix:///run/buildkit/buildkitd.sock".parse()?).await?;
//! let session = client.session(SessionOptions::new()).await?;
//! let image = Exporter::new("image").attr("name", "docker.io/library/app:1");
//! let drive = async |gateway: BuildGateway| -> Result<GatewayResult, GatewayError> {
//!     let app = gateway.solve(&definition, &SolveOptions::default()).await?;
//!     Ok(GatewayResult::single(app))
//! };
//! let answer = client
//!     .build(BuildRequest::new(&session).exporter(image), |update| drop(update), drive)
//!     .await?;
//! println!("{:?}", answer.image_digest());
//! session.close().await;
//! # Ok(())
//! # }
//! ```

mod build;
mod client;
pub mod daemon;
pub mod docker_config;
mod endpoint;
pub mod fsutil;
mod id;
pub mod layout;
pub mod session;
mod solve;
pub mod status;
mod watch;

pub use build::{BuildChannel, BuildError, BuildGateway};
pub use client::{Client, ConnectError, Version};
pub use endpoint::{Endpoint, EndpointError};
pub use id::{NoRandomness, new_id};
pub use session::{Session, SessionError, SessionOptions};
pub use solve::{BuildRequest, CacheExport, Exporter, SolveError, SolveResponse};
pub use status::StatusUpdate;
pub use tokio_util::sync::CancellationToken;
