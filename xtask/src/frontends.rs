//! The images of the stock frontends, made by their own program and pushed to the registry on loopback, where the
//! daemon looks for what is said to be on Docker Hub: `# syntax=stagewright/stages:1`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use stagewright::prelude::*;
use stagewright::{BuildOptions, Outcome, Output};
use stagewright_tests::{Registry, copy_program};

use crate::maker;
use crate::place::Place;
use crate::process;
use crate::pushed::{Pushed, megabytes};
use crate::up::Fixtures;

#[path = "../../frontends/stages.rs"]
#[expect(dead_code, reason = "its `main` is that of a build file")]
mod program;

use program::{BUNDLED, Image, Params, RUST, YAML};

/// The images, by the repositories that first lines name.
const IMAGES: [(&Image, &str); 2] = [(&YAML, "stagewright/stages"), (&RUST, "stagewright/rust")];

/// The tag of that name.
const TAG: &str = "1";

/// What the image of the YAML frontend may have, compressed, in bytes: it is pulled before a first build can begin.
pub(crate) const YAML_LIMIT: u64 = 2_000_000;

/// How images are compressed that are pulled before a build can begin, also if the daemon has a layer of them in another
/// form. BuildKit reads it since v0.9.
const COMPRESSION: [(&str, &str); 3] =
    [("compression", "zstd"), ("compression-level", "22"), ("force-compression", "true")];

/// Builds them and pushes them. What has not changed since the last time is cached by the daemon.
pub(crate) fn ensure(place: &Place, fixtures: &Fixtures) -> Result<()> {
    push(place, program::build, &place.root, fixtures, &COMPRESSION)?;
    let registry = Registry::new(&fixtures.registry);
    for member in Pushed::read(&registry, IMAGES[0].1, TAG)?.members {
        check_size(&member.platform, member.size())?;
    }
    Ok(())
}

/// Fails when an image of the YAML frontend is too large.
pub(crate) fn check_size(platform: &str, size: u64) -> Result<()> {
    if size > YAML_LIMIT {
        let (size, limit) = (megabytes(size), megabytes(YAML_LIMIT));
        bail!("the image of the YAML frontend for {platform} has {size:.2} MB, and may have {limit:.2} MB");
    }
    Ok(())
}

/// Pushes images of programs that this machine compiles for itself: large and slow ones, made in seconds.
pub(crate) fn quick(place: &Place, fixtures: &Fixtures) -> Result<()> {
    let programs = place.build_programs()?;
    let files = tempfile::tempdir()?;
    for (image, _) in IMAGES {
        let root = files.path().join(image.target);
        let program = programs.join(image.program);
        fs::create_dir(&root)?;
        copy_program(&program, &root, image.program)
            .with_context(|| format!("cannot copy {}", program.display()))?;
    }
    bundle(&place.root, &files.path().join(RUST.target).join("stagewright"))
        .context("cannot put the sources together")?;
    let build = |b: &Build, p: Params| {
        IMAGES.into_iter().fold(Targets::new(), |targets, (image, _)| {
            let files = b.context().dir(image.target);
            let made = b.runtime(image.target, Scratch).copy(files, "/");
            targets.product(image.describe_frontend(made, &p))
        })
    };
    // As fast as may be: these are pulled from loopback.
    push(place, build, files.path(), fixtures, &[])
}

fn push<O>(
    place: &Place,
    build: impl Fn(&Build, Params) -> O,
    context: &Path,
    fixtures: &Fixtures,
    attrs: &[(&str, &str)],
) -> Result<()>
where
    O: Outcome,
{
    let registry = Registry::new(&fixtures.registry);
    let Commit { revision, created } = Commit::of(place);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let said = Params { version, revision, created, ..Params::default() };
    for (image, repository) in IMAGES {
        let start = Instant::now();
        let annotations = said.annotations(image.title, image.description);
        let output = attrs
            .iter()
            .fold(Output::push(), |output, (key, text)| output.attr(*key, *text));
        let output = annotations
            .iter()
            .fold(output, |output, (key, text)| output.attr(format!("annotation.{key}"), text));
        let options = BuildOptions::new(context)
            .target(image.target)
            .arg("version", &said.version)
            .arg("revision", &said.revision)
            .arg("created", &said.created)
            .tag(format!("{}/{repository}:{TAG}", fixtures.registry))
            .output(output);
        let _made =
            maker::make(&build, fixtures, &options).with_context(|| format!("cannot make {repository}"))?;
        let pushed = Pushed::read(&registry, repository, TAG)?;
        pushed.print(&format!("pushed {}/{repository}:{TAG}", fixtures.registry));
        println!("  in {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// The commit that is checked out. Both are empty without git.
#[derive(Default)]
pub(crate) struct Commit {
    /// Its name, with a mark when files differ from it.
    pub(crate) revision: String,
    /// When it was made, as RFC 3339 writes it.
    pub(crate) created: String,
}

impl Commit {
    pub(crate) fn of(place: &Place) -> Self {
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            let output = git
                .args(arguments)
                .current_dir(&place.root)
                .stderr(Stdio::null())
                .output()
                .ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            output.status.success().then(|| text.trim().to_owned())
        };
        let revision = git(&["describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]);
        let created = git(&["log", "-1", "--format=%cI"]);
        Self { revision: revision.unwrap_or_default(), created: created.unwrap_or_default() }
    }
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
