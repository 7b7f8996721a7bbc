//! Differential tests: the same input through this house and through the Go reference.

mod llb;
mod patterns;
mod wire;
