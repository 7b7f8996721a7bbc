//! Everything against a real daemon, one module per capability.
//!
//! `cargo xtask test` starts the daemon. Without it these tests fail.

mod client;
mod daemon;
mod gates;
mod microservices;
mod outputs;
mod sharing;
mod support;
