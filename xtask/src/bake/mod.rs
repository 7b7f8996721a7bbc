//! All that `docker-bake.hcl` names, built for real by docker buildx, pushed to the registry on loopback, and looked at;
//! and the guide to frontends, followed.
//!
//! It compiles every program for two platforms, so it is no part of `cargo xtask test`, which looks at what bake reads.
//! Everything that it says it has checked.

mod buildx;
mod elf;
mod guide;
mod run;

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use stagewright_tests::Registry;

use crate::place::Place;
use crate::pushed::{Member, Pushed};
use crate::up::{self, Fixtures};
use crate::{frontends, images, packages};
use buildx::{Buildx, Target};

/// The groups, in the order in which they are pushed: the examples are built by frontends of the first one.
const GROUPS: [&str; 2] = ["programs", "examples"];

/// The build file of what has a program of this repository in it.
const PROGRAMS: &str = "frontends/stages.rs";

/// What BuildKit reads of a frontend's image.
const NETWORK: &str = "moby.buildkit.frontend.network.none";
const CAPS: &str = "moby.buildkit.frontend.caps";

/// Builds what is named, or else everything, and looks at it; stops what it started.
pub(crate) fn bake(place: &Place, names: &[String]) -> Result<()> {
    packages::ensure(&run::EMULATORS)?;
    let fixtures = up::up(place)?;
    let baked = images::ensure(place, &fixtures, true)
        // Its first line names one of these.
        .and_then(|()| frontends::ensure(place, &fixtures))
        .and_then(|()| build(place, &fixtures, names));
    let stopped = fixtures.stop_started(place);
    baked?;
    stopped
}

fn build(place: &Place, fixtures: &Fixtures, names: &[String]) -> Result<()> {
    let buildx = Buildx::new(place, fixtures)?;
    let registry = Registry::new(&fixtures.registry);
    if !names.is_empty() {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return push(&buildx, &registry, &names);
    }
    for group in GROUPS {
        push(&buildx, &registry, &[group])?;
    }
    println!("\nthe guide");
    guide::follow(place, &buildx, &registry).context("docs/your-own-frontend.md, done as it says")
}

fn push(buildx: &Buildx, registry: &Registry, names: &[&str]) -> Result<()> {
    let targets = buildx.print(names)?;
    let start = Instant::now();
    buildx.push(names)?;
    let (names, seconds) = (names.join(", "), start.elapsed().as_secs_f64());
    println!("\n{names}: {} targets, built and pushed in {seconds:.1} s", targets.len());
    for (name, target) in &targets {
        look(registry, name, target).with_context(|| format!("the target {name}"))?;
    }
    Ok(())
}

/// Looks at what a target has made.
fn look(registry: &Registry, name: &str, target: &Target) -> Result<()> {
    let (repository, tag) = target.image(registry.address())?;
    let pushed = Pushed::read(registry, repository, tag)?;
    pushed.print(&format!("{name}: {repository}:{tag}"));
    if target.dockerfile != PROGRAMS {
        return ensure_that(pushed.members.len() == 1, "it is an image for one platform");
    }
    let platforms: Vec<&str> = pushed.members.iter().map(|member| &*member.platform).collect();
    ensure!(
        target.platforms.is_empty() || platforms == target.platforms,
        "it is for {platforms:?}, and was to be for {:?}",
        target.platforms
    );
    for (key, text) in target.annotations() {
        let said = |what: &str, said: &Value| {
            ensure!(said[key] == text, "the {what} says {key}={}, and not {text:?}", said[key]);
            Ok(())
        };
        if target.platforms.len() > 1 {
            said("index", pushed.index.as_ref().context("it is no index")?)?;
        }
        for member in &pushed.members {
            said("manifest", &member.annotations)?;
            said("config", &member.config["Labels"])?;
        }
    }
    for member in &pushed.members {
        look_at_program(registry, repository, name, member)
            .with_context(|| format!("the image for {}", member.platform))?;
    }
    Ok(())
}

fn look_at_program(registry: &Registry, repository: &str, name: &str, member: &Member) -> Result<()> {
    let entrypoint = member.config["Entrypoint"][0].as_str().context("it has no entrypoint")?;
    let program = member.file(registry, repository, entrypoint.trim_start_matches('/'))?;
    let machine = elf::machine(&program)?;
    ensure!(member.platform == format!("linux/{}", machine.architecture()), "its program is for {machine:?}");
    println!(
        "    {entrypoint}: {:.2} MB, {machine:?}, static",
        crate::pushed::megabytes(program.len() as u64)
    );
    let told = run::run(&program, machine)?;
    println!("    {}: {}", told.command, told.text.trim_end());
    if name == "cli" {
        let version = concat!("stagewright ", env!("CARGO_PKG_VERSION"));
        return ensure_that(told.code == Some(0) && told.text.trim_end() == version, "it tells its version");
    }
    let is_outside = told.code == Some(2) && told.text.contains("this program is a BuildKit frontend");
    ensure_that(is_outside, "outside of a daemon it says what it is")?;
    let labels = &member.config["Labels"];
    ensure_that(labels[NETWORK] == "true", "it needs no network")?;
    let caps = labels[CAPS].as_str().unwrap_or_default();
    ensure_that(caps.split(',').any(|cap| cap == "moby.buildkit.frontend.contexts"), "it says what it can")?;
    if name == "stages" {
        frontends::check_size(&member.platform, member.size())?;
    }
    Ok(())
}

fn ensure_that(holds: bool, what: &str) -> Result<()> {
    ensure!(holds, "this does not hold: {what}");
    Ok(())
}
