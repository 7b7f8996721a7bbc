//! What the base images are: names, tags, and what each is made of.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use stagewright::{Build, Targets};

use super::bootstrap::Bootstrap;
use super::programs::{INGREDIENTS, PROGRAMS};
use super::stacks::STACKS;
use super::{cross, programs, scanner, stacks};
use crate::tools::hex;

/// The host's certificates, at the same path inside every image: where TLS passes through a local
/// authority, npm and its like need them.
pub(super) const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// One base image.
pub(super) struct Recipe {
    /// The repository: `library/debian`.
    pub(super) repository: &'static str,
    /// Its tags; the first one is its name here.
    pub(super) tags: &'static [&'static str],
    /// How it is made.
    pub(super) source: Source,
    /// Everything that decides its content, as text.
    ingredients: String,
}

/// How an image is made.
pub(super) enum Source {
    /// From nothing, by mmdebstrap.
    Bootstrap(Bootstrap),
    /// A target of a Stagewright program, on top of the others.
    Program { build: fn(&Build, ()) -> Targets, target: &'static str },
}

/// All images, in the order in which they are made. With `cross` also the toolchain for other platforms.
pub(super) fn all(cross: bool) -> Result<Vec<Recipe>> {
    let certificates = fs::read(CERTIFICATES)
        .with_context(|| format!("cannot read {CERTIFICATES} (package ca-certificates)"))?;
    let debian = Bootstrap::bookworm(Path::new(CERTIFICATES))?;
    let mut recipes = vec![Recipe {
        repository: "library/debian",
        tags: &["bookworm-slim"],
        ingredients: ingredients(&debian, &certificates)?,
        source: Source::Bootstrap(debian),
    }];
    // What is made of an image has its ingredients, too.
    let debian = recipes[0].ingredients.clone();
    let on_debian = format!("{debian}{INGREDIENTS}");
    recipes.extend(PROGRAMS.map(|program| Recipe {
        repository: program.repository,
        tags: program.tags,
        source: Source::Program { build: programs::build, target: program.target },
        ingredients: on_debian.clone(),
    }));
    recipes.push(Recipe {
        repository: "stagewright-tests/scanner",
        tags: &["1"],
        ingredients: format!("{on_debian}{}", scanner::INGREDIENTS),
        source: Source::Program { build: scanner::build, target: "scanner" },
    });
    let stacks = format!("{debian}{}", stacks::INGREDIENTS);
    recipes.extend(STACKS.map(|program| Recipe {
        repository: program.repository,
        tags: program.tags,
        source: Source::Program { build: stacks::build, target: program.target },
        ingredients: stacks.clone(),
    }));
    let rust = Bootstrap::rust(Path::new(CERTIFICATES))?;
    let rust = Recipe {
        repository: "library/rust",
        tags: &["1-slim"],
        ingredients: ingredients(&rust, &certificates)?,
        source: Source::Bootstrap(rust),
    };
    let on_rust = format!("{}{}", rust.ingredients, cross::INGREDIENTS);
    recipes.push(rust);
    if cross {
        recipes.push(Recipe {
            repository: "library/rust-cross",
            tags: &["1-slim"],
            ingredients: on_rust,
            source: Source::Program { build: cross::build, target: "rust-cross" },
        });
    }
    Ok(recipes)
}

impl Recipe {
    /// The name as users write it: `debian:bookworm-slim`.
    pub(super) fn name(&self) -> String {
        let short = self.repository.strip_prefix("library/").unwrap_or(self.repository);
        format!("{short}:{}", self.tags[0])
    }

    /// The name as that of a directory.
    pub(super) fn directory(&self) -> String {
        self.name().replace([':', '/'], "_")
    }

    /// Says whether two recipes make the same.
    pub(super) fn key(&self) -> String {
        hex(&Sha256::digest(&self.ingredients))[..16].to_owned()
    }
}

fn ingredients(recipe: &impl Serialize, certificates: &[u8]) -> Result<String> {
    let recipe = serde_json::to_string(recipe)?;
    Ok(format!("{recipe}{}", hex(&Sha256::digest(certificates))))
}
