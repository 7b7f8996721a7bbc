//! Containers of images that the loopback registry has: pulled, unpacked, and run by runc as their configs say.
//!
//! ```no_run
//! # use stagewright_tests::{Environment, container::{Containers, Image}};
//! # fn run() -> Result<(), stagewright_tests::container::ContainerError> {
//! let registry = Environment::get().registry;
//! let image = Image::find(&registry, "shop/api", "1")?;
//! let containers = Containers::new("target/containers")?;
//! let mut api = containers.run(&image, "api").mount("/tmp/orders", "/orders").start()?;
//! api.wait_healthy()?;
//! let answer = api.get(3000, "/orders")?;
//! assert_eq!(answer.status, 200, "{answer}");
//! assert!(api.stop()?.status.success(), "{}", api.log());
//! # Ok(())
//! # }
//! ```
//!
//! Each container has namespaces of its own, the network included, so that several use the same ports side by side; a
//! request is made inside. Its root filesystem cannot be written, and it has no capabilities. It is gone when its value
//! is.

mod bundle;
mod error;
mod http;
mod image;
mod launch;
mod run;
mod runc;
mod store;
mod unpack;
mod user;

pub use error::ContainerError;
pub use http::Answer;
pub use image::Image;
pub use launch::Launch;
pub use run::{Container, End};
pub use store::{Containers, Rootfs};
pub use unpack::UnpackError;
pub use user::{User, UserError};
