//! The crates that a build program of one file may name. This package only brings them together.
