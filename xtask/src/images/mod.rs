//! Base images made of Debian packages, under the names that users write.
//!
//! An image is made once and lies in the user's cache as an OCI archive, keyed by its recipe and the
//! month; what is pushed is the archive as it is, so that its manifest stays the same and with it every
//! cache above it.

mod bootstrap;
mod cross;
mod month;
mod programs;
mod push;
mod recipe;
mod scanner;
mod stacks;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use stagewright::{BuildOptions, Output};
use stagewright_tests::{Archive, Registry};

use crate::maker;
use crate::place::Place;
use crate::process::check_interrupt;
use crate::up::Fixtures;
use month::Month;
use recipe::{Recipe, Source};

/// Makes what the cache lacks, and pushes all of it. With `cross` also the toolchain for other platforms.
pub(crate) fn ensure(place: &Place, fixtures: &Fixtures, cross: bool) -> Result<()> {
    let month = Month::now();
    let registry = Registry::new(&fixtures.registry);
    for recipe in recipe::all(cross)? {
        check_interrupt()?;
        let start = Instant::now();
        let archive = archive(place, fixtures, &recipe, &month)
            .with_context(|| format!("cannot make {}", recipe.name()))?;
        let digest = push::push(&Archive::open(&archive)?, &registry, &recipe)
            .with_context(|| format!("cannot push {}", recipe.name()))?;
        println!("{} {digest} {:.1} s", recipe.name(), start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// The archive of an image, which is made if the cache does not have it.
fn archive(place: &Place, fixtures: &Fixtures, recipe: &Recipe, month: &Month) -> Result<PathBuf> {
    let directory = place.cache.join("images").join(recipe.directory());
    let path = directory.join(format!("{month}-{}.tar", recipe.key()));
    if path.is_file() {
        return Ok(path);
    }
    println!("making {}", recipe.name());
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    // Made beside its place and moved there in one step, so that what lies there is whole.
    let work = tempfile::Builder::new().prefix(".making-").tempdir_in(&directory)?;
    let made = work.path().join("image.tar");
    match recipe.source {
        Source::Bootstrap(ref bootstrap) => bootstrap.make(month, work.path(), &made)?,
        Source::Program { build, target } => {
            let options = BuildOptions::new(work.path()).target(target).output(Output::oci(&made));
            let report = maker::make(build, fixtures, &options)?;
            report.product(target).context("the build made nothing")?;
        }
    }
    fs::rename(&made, &path).with_context(|| format!("cannot move the image to {}", path.display()))?;
    remove_past_months(&directory, month)?;
    Ok(path)
}

/// Removes archives of past months, which nothing asks for again.
fn remove_past_months(directory: &Path, month: &Month) -> Result<()> {
    let current = format!("{month}-");
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".tar") && !name.starts_with(&current) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
