//! Plans in, printed graphs and printed problems out.

mod checks;
mod config;
mod lowering;
mod sites;
mod world;
