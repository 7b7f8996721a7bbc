//! Plans in, printed graphs and printed problems out.

mod checks;
mod commands;
mod config;
mod contexts;
mod examples;
mod files;
mod grouped;
mod lints;
mod lowering;
mod pages;
mod reports;
mod settings;
mod sites;
mod world;
mod yaml;
