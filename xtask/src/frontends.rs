//! The images of the stock frontends, made by their own program and pushed to the registry on loopback, where the
//! daemon looks for what is said to be on Docker Hub: `# syntax=stagewright/stages:1`.

use std::time::Instant;

use anyhow::{Context as _, Result};
use stagewright::{BuildOptions, Output};

use crate::maker;
use crate::place::Place;
use crate::up::Fixtures;

#[path = "../../frontends/stages.rs"]
#[expect(dead_code, reason = "its `main` is that of a build file")]
mod program;

/// The images: the target, and the name that a first line gives.
const IMAGES: [(&str, &str); 1] = [("stages", "stagewright/stages:1")];

/// Builds them and pushes them. What has not changed since the last time is cached by the daemon.
pub(crate) fn ensure(place: &Place, fixtures: &Fixtures) -> Result<()> {
    let start = Instant::now();
    let mut options = BuildOptions::new(&place.root).output(Output::push());
    for (target, name) in IMAGES {
        options = options.tag(format!("{target}={}/{name}", fixtures.registry));
    }
    let report = maker::make(program::build, fixtures, &options).context("cannot make the frontends")?;
    let seconds = start.elapsed().as_secs_f64();
    for (target, name) in IMAGES {
        let product = report.product(target).and_then(|product| product.digest.as_deref());
        println!("{name} {} {seconds:.1} s", product.context("the daemon gave no digest")?);
    }
    Ok(())
}
