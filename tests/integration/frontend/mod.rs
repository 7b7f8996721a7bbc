//! Programs as frontends, inside the daemon.

mod gateway;
pub(crate) mod image;
mod probe;
mod process;
mod service;
