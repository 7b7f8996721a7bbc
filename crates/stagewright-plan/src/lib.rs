//! Multi-stage container builds as typed Rust values: the DSL, the Plan, the lowering.
