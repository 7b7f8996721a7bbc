//! How everything that Acme ships is built: a team's own stages, for its programs to start from.
//!
//! A rule of the team is a function, so it is kept by calling it, and changed in one place. What belongs to one project stays
//! in that project's program: it may go on from any stage that it is given here.

mod go;
mod node;
mod packages;
mod shipped;

pub use go::{GoJob, Job};
pub use node::{NodeService, Service};
pub use packages::Packages;
pub use shipped::Shipped;
