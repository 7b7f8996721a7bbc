//! A build program for tests of what becomes of a result: its image is what a command makes.

use std::process::ExitCode;

use stagewright::prelude::*;

#[derive(Deserialize, JsonSchema)]
struct Params {
    /// What makes the files of the image.
    script: String,
}

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, p: Params) -> Targets {
    Targets::new().product(b.runtime("app", "busybox").run(sh(p.script)))
}
