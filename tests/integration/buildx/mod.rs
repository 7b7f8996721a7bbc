//! docker buildx, as docker's plugin where docker is installed and by itself where not.

mod bake;
mod harness;
mod yaml;
