//! The image of docker/dockerfile, of the BuildKit that `tools/` pins.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use stagewright::prelude::*;
use stagewright::{BuildOptions, Output};

use crate::place::Place;
use crate::up::Fixtures;
use crate::{maker, process};

const PACKAGE: &str = "github.com/moby/buildkit/frontend/dockerfile/cmd/dockerfile-frontend";
const PROGRAM: &str = "dockerfile-frontend";

/// Where it is looked for in its container.
pub(super) const PATH: &str = "/bin/dockerfile-frontend";

/// Tags of its releases (BuildKit v0.33 `frontend/dockerfile/release/mainline/tags`), and those of a static program.
const TAGS: &str = "dfrunsecurity netgo static_build osusergo";

/// Capabilities that it says it has: its own, in its own Dockerfile, whatever ours has.
const CAPS: &str = "moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,\
    moby.buildkit.frontend.contexts,moby.buildkit.frontend.gitquerystring,moby.buildkit.frontend.contexts.zstd";

/// Compiles it as its releases are, and pushes the image: `CGO_ENABLED=0`, `-ldflags -d` and the tags above, symbols and
/// all, on an empty filesystem (BuildKit v0.33 `frontend/dockerfile/cmd/dockerfile-frontend/Dockerfile`). Only the version
/// that it is told is missing.
pub(in crate::bench) fn ensure(place: &Place, fixtures: &Fixtures, work: &Path) -> Result<()> {
    fs::create_dir_all(work).with_context(|| format!("cannot create {}", work.display()))?;
    process::run(
        Command::new("go")
            .args(["build", "-mod=readonly", "-ldflags", "-d", "-tags", TAGS, "-o"])
            .arg(work.join(PROGRAM))
            .arg(PACKAGE)
            .env("CGO_ENABLED", "0")
            .current_dir(place.root.join("tools")),
    )?;
    let build = |b: &Build, (): ()| {
        let image = b
            .runtime("dockerfile", Scratch)
            .copy(b.context().file(PROGRAM), PATH)
            .label("moby.buildkit.frontend.network.none", "true")
            .label("moby.buildkit.frontend.caps", CAPS)
            .entrypoint([PATH]);
        Targets::new().product(image)
    };
    let tag = format!("{}/docker/dockerfile:1", fixtures.registry);
    let options = BuildOptions::new(work).output(Output::push()).tag(tag);
    let report = maker::make(build, fixtures, &options).context("cannot make docker/dockerfile")?;
    report.product("dockerfile").context("the build made nothing")?;
    fs::remove_dir_all(work).with_context(|| format!("cannot remove {}", work.display()))
}
