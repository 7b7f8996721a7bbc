//! The nightly job that lists what is overdue, in Go: its program is a call of Acme's preset.

use acme_presets::GoJob;
use stagewright::prelude::*;

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, (): ()) -> Targets {
    let job = GoJob { name: "overdue", version: "0.3.1", main: "." }.stages(b);
    Targets::new().product(job.image).checks("test", [&job.lint, &job.unit])
}
