//! A build that takes a few seconds whatever was built before: an upload, steps, an export.

use std::process::ExitCode;

use stagewright::prelude::*;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Params {
    /// Makes the steps unlike those of every other build.
    salt: String,
}

fn build(b: &Build, p: Params) -> Targets {
    let src = b.context();
    let image = b
        .runtime("app", "busybox")
        .copy(src.all(), "/context/")
        .env("BUILD", p.salt)
        .run("for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done")
        .run("dd if=/dev/urandom of=/junk bs=1M count=20");
    Targets::new().product(image)
}

fn main() -> ExitCode {
    stagewright::main(build)
}
