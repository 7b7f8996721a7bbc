//! The frontend of `stages.yaml`: `# syntax=stagewright/stages:1`.

use std::process::ExitCode;

fn main() -> ExitCode {
    stagewright::yaml_frontend()
}
