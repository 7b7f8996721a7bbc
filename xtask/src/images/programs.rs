//! Base images that Stagewright makes itself, as stages on top of the first one.
//!
//! The text of this file is the recipe: an edit makes these images anew.

use stagewright::prelude::*;

use super::recipe::CERTIFICATES;

/// What the stages start from: the image that mmdebstrap made.
const DEBIAN: &str = "debian:bookworm-slim";

/// A base image that is a target of [`build`].
#[derive(Clone, Copy)]
pub(super) struct Program {
    pub(super) repository: &'static str,
    pub(super) tags: &'static [&'static str],
    pub(super) target: &'static str,
}

/// All of them.
pub(super) const PROGRAMS: [Program; 3] = [
    Program { repository: "library/busybox", tags: &["latest", "stable"], target: "busybox" },
    Program { repository: "library/node", tags: &["18-slim", "18-bookworm-slim"], target: "node" },
    Program { repository: "library/golang", tags: &["1.23", "1.23-bookworm"], target: "golang" },
];

/// Everything that decides what the programs make, beside the image that they start from.
pub(super) const INGREDIENTS: &str = include_str!("programs.rs");

/// The stages of all images.
pub(super) fn build(b: &Build, (): ()) -> Targets {
    let node = b
        .runtime("node", DEBIAN)
        .run(install("nodejs npm dumb-init tini"))
        .run("groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node")
        // Debian's node looks for the bundle elsewhere.
        .env("NODE_EXTRA_CA_CERTS", CERTIFICATES)
        .cmd(["node"]);

    // Backports are served where the rest is.
    let golang = b
        .runtime("golang", DEBIAN)
        .run(
            "sed -n 's/ bookworm main/ bookworm-backports main/p' /etc/apt/sources.list \
             > /etc/apt/sources.list.d/backports.list",
        )
        .run(install("golang-1.23-go gcc g++ libc6-dev make pkg-config git ca-certificates"))
        .run("ln -s /usr/lib/go-1.23 /usr/local/go && mkdir -p /go/src /go/bin && chmod -R 1777 /go")
        .env("PATH", "/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("GOPATH", "/go")
        .env("GOTOOLCHAIN", "local")
        .workdir("/go")
        .cmd(["bash"]);

    let rootfs = b.builder("busybox-rootfs", DEBIAN).run(install("busybox-static")).run(format!(
        "mkdir -p /rootfs/bin /rootfs/etc/ssl/certs /rootfs/root /rootfs/tmp && chmod 1777 /rootfs/tmp \
             && cp /bin/busybox /rootfs/bin/ && cp {CERTIFICATES} /rootfs{CERTIFICATES} \
             && for applet in $(busybox --list); do \
             test $applet = busybox || ln -s busybox /rootfs/bin/$applet; done \
             && echo root:x:0:0:root:/root:/bin/sh > /rootfs/etc/passwd && echo root:x:0: > /rootfs/etc/group"
    ));
    let busybox = b.runtime("busybox", Scratch).copy(rootfs.artifact("/rootfs"), "/").cmd(["sh"]);

    Targets::new().product(busybox).product(node).product(golang)
}

/// Installs Debian packages and leaves nothing of apt behind. If ca-certificates is among them it writes
/// a bundle of its own, so the host's is put back.
fn install(packages: &str) -> Run {
    sh(format!(
        "cp {CERTIFICATES} /var/tmp/certificates \
         && apt-get update && apt-get install --yes --no-install-recommends {packages} \
         && apt-get clean && rm -rf /var/lib/apt/lists/* \
         && mv /var/tmp/certificates {CERTIFICATES}"
    ))
    .env("DEBIAN_FRONTEND", "noninteractive")
}
