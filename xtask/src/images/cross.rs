//! `rust-cross:1-slim`: what compiles Rust programs for amd64 and arm64 on either of them. No test needs it.
//!
//! The text of this file is the recipe: an edit makes the image anew.

use stagewright::prelude::*;

/// Everything that decides what the program makes, beside the image that it starts from.
pub(super) const INGREDIENTS: &str = include_str!("cross.rs");

/// `rust:1-slim` with the standard library and the linker of the other platform.
pub(super) fn build(b: &Build, (): ()) -> Targets {
    let (other, machine) = match &*b.build_platform().architecture {
        "arm64" => ("amd64", "x86-64"),
        _ => ("arm64", "aarch64"),
    };
    let packages = format!("libstd-rust-dev:{other} gcc-{machine}-linux-gnu libc6-dev-{other}-cross");
    let image = b
        .runtime("rust-cross", "rust:1-slim")
        .run(
            sh(format!(
                "dpkg --add-architecture {other} && apt-get update \
                 && apt-get install --yes --no-install-recommends {packages} \
                 && apt-get clean && rm -rf /var/lib/apt/lists/*"
            ))
            .env("DEBIAN_FRONTEND", "noninteractive"),
        )
        .cmd(["bash"]);
    Targets::new().product(image)
}
