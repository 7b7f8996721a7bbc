//! Multi-stage container builds as typed Rust values.
