//! The command line for build files: `stagewright build -f stages.yaml`.

use std::process::ExitCode;

fn main() -> ExitCode {
    stagewright::tool()
}
