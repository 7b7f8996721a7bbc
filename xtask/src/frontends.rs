//! The images of the stock frontends, made by their own program and pushed to the registry on loopback, where the
//! daemon looks for what is said to be on Docker Hub: `# syntax=stagewright/stages:1`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};
use stagewright::prelude::*;
use stagewright::{BuildOptions, Output};
use stagewright_tests::copy_program;

use crate::maker;
use crate::place::Place;
use crate::process;
use crate::up::Fixtures;

#[path = "../../frontends/stages.rs"]
#[expect(dead_code, reason = "its `main` is that of a build file")]
mod program;

use program::{BUNDLED, Frontend, RUST, YAML};

/// The images, by the names that first lines give.
const IMAGES: [(&Frontend, &str); 2] = [(&YAML, "stagewright/stages:1"), (&RUST, "stagewright/rust:1")];

/// Builds them and pushes them. What has not changed since the last time is cached by the daemon.
pub(crate) fn ensure(place: &Place, fixtures: &Fixtures) -> Result<()> {
    push(program::build, &place.root, fixtures)
}

/// Pushes images of programs that this machine compiles for itself: large and slow ones, made in seconds.
pub(crate) fn quick(place: &Place, fixtures: &Fixtures) -> Result<()> {
    // As the tests build them: with other features everything would be compiled once more.
    process::run(place.cargo().args(["build", "--workspace", "--bins", "--all-features"]))?;
    let files = tempfile::tempdir()?;
    for (frontend, _) in IMAGES {
        let root = files.path().join(frontend.target);
        let program = place.target.join("debug").join(frontend.program);
        fs::create_dir(&root)?;
        copy_program(&program, &root, frontend.program)
            .with_context(|| format!("cannot copy {}", program.display()))?;
    }
    bundle(&place.root, &files.path().join(RUST.target).join("stagewright"))
        .context("cannot put the sources together")?;
    let build = |b: &Build, (): ()| {
        IMAGES.into_iter().fold(Targets::new(), |targets, (frontend, _)| {
            let files = b.context().dir(frontend.target);
            targets.product(frontend.describe(b.runtime(frontend.target, Scratch).copy(files, "/")))
        })
    };
    push(build, files.path(), fixtures)
}

fn push<P, O>(build: impl Fn(&Build, P) -> O, context: &Path, fixtures: &Fixtures) -> Result<()>
where
    P: serde::de::DeserializeOwned + JsonSchema,
    O: stagewright::Outcome,
{
    let start = Instant::now();
    let mut options = BuildOptions::new(context).output(Output::push());
    for (frontend, name) in IMAGES {
        options = options.tag(format!("{}={}/{name}", frontend.target, fixtures.registry));
    }
    let report = maker::make(build, fixtures, &options).context("cannot make the frontends")?;
    let seconds = start.elapsed().as_secs_f64();
    for (frontend, name) in IMAGES {
        let product = report.product(frontend.target).and_then(|product| product.digest.as_deref());
        println!("{name} {} {seconds:.1} s", product.context("the daemon gave no digest")?);
    }
    Ok(())
}

/// Puts together what the program puts into the image of the Rust frontend below `/stagewright`.
fn bundle(root: &Path, destination: &Path) -> Result<()> {
    let package = destination.join("frontends/bundle");
    fs::create_dir_all(&package)?;
    let files = ["Cargo.toml", "frontends/bundle/Cargo.toml", "frontends/bundle/src"].map(str::to_owned);
    let crates = BUNDLED.map(|path| format!("crates/{path}"));
    let mut copy = Command::new("cp");
    copy.args(["-R", "--parents"])
        .args(files.iter().chain(&crates))
        .arg(destination);
    process::run(copy.current_dir(root))?;
    for entry in fs::read_dir(destination.join("crates"))? {
        let tests = entry?.path().join("tests");
        if tests.exists() {
            fs::remove_dir_all(tests)?;
        }
    }
    fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock"))?;
    let config = process::output(Command::new("cargo").args(["vendor", "vendor"]).current_dir(&package))?;
    fs::create_dir(package.join(".cargo"))?;
    Ok(fs::write(package.join(".cargo/config.toml"), config)?)
}
