//! Everything against a real daemon, one module per capability.
//!
//! `cargo xtask test` starts the daemon. Without it these tests fail.

mod audit;
mod buildx;
mod cli;
mod client;
mod daemon;
mod destinations;
mod dsl;
mod engine;
mod faults;
mod faults_interrupt;
mod findings;
mod four_ways;
mod frontend;
mod frontend_debugger;
mod frontend_errors;
mod frontend_hostile;
mod gates;
mod liar;
mod lock;
mod lucid;
mod microservices;
mod offline;
mod on_error;
mod options;
mod outputs;
mod reports;
mod rust_file;
mod sharing;
mod step;
mod support;
mod users;
mod yaml;
mod yaml_editor;
