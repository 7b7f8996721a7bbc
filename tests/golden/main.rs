//! Plans in, printed graphs and printed problems out.

mod checks;
mod config;
mod contexts;
mod lowering;
mod settings;
mod sites;
mod world;
mod yaml;
