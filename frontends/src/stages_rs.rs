//! The frontend of `stages.rs`: `// syntax=stagewright/rust:1`.

use std::process::ExitCode;

fn main() -> ExitCode {
    stagewright::rust_frontend()
}
