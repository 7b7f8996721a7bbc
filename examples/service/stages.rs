// syntax=stagewright/rust:1
//! The image of a frontend: one static program on an empty filesystem.

use stagewright::prelude::*;

fn main() -> ExitCode {
    stagewright::main(build)
}

pub(crate) fn build(b: &Build, (): ()) -> Stage<role::Runtime> {
    let src = b.context();
    let program = b
        .builder("program", "rust:1-slim")
        .workdir("/src")
        .copy(src.files(["Cargo.toml", "Cargo.lock"]), "./")
        .copy(src.dir("src"), "src/")
        .run(
            sh("cargo install --path . --locked --root /tmp/installed --target \"$(rustc --print host-tuple)\" \
                && mkdir /out && cp /tmp/installed/bin/* /out/frontend")
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .env("CARGO_HOME", "/cargo")
            .env("CARGO_TARGET_DIR", "/target")
            .cache(Cache::at("/cargo"))
            .cache(Cache::at("/target")),
        );
    b.runtime("frontend", Scratch)
        .copy(program.artifact("/out"), "/")
        .label("moby.buildkit.frontend.network.none", "true")
        .label("moby.buildkit.frontend.caps", stagewright::FRONTEND_CAPS)
        .entrypoint(["/frontend"])
        // A daemon runs it as root, in a container without network, whatever its image says.
        .allow("root-user")
}
