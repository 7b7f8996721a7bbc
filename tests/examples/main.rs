//! Every example as its users have it: built by its program on a real daemon, pushed, and run as what was pushed.
//!
//! One module per example. `cargo xtask examples [NAME…]` runs them with servers of its own.

mod basics;
mod cache_layers;
mod caches;
mod db_migrations;
mod environments;
mod fullstack;
mod gateway;
mod go_service;
mod microservices;
mod ml_serving;
mod monitoring;
mod monorepo;
mod parallel;
mod presets;
#[allow(dead_code, reason = "each example uses what it needs")]
mod project;
mod quality_gate;
mod secrets;
mod supply_chain;

#[path = "../integration/support.rs"]
#[allow(dead_code, reason = "the integration tests use all of it")]
mod support;
