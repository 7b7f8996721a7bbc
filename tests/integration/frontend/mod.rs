//! Programs as frontends, inside the daemon.

mod image;
mod probe;
