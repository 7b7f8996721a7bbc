//! Base images that Stagewright makes itself, on top of the first.

use std::path::Path;

use anyhow::{Result, bail};

use super::month::Month;
use crate::up::Fixtures;

/// A base image and the stages that make it.
#[derive(Clone, Copy)]
pub(super) struct Program {
    pub(super) repository: &'static str,
    pub(super) tags: &'static [&'static str],
}

impl Program {
    /// Everything that decides the content.
    pub(super) fn ingredients(&self) -> Result<String> {
        Ok(String::new())
    }
}

pub(super) fn all() -> Vec<Program> {
    vec![]
}

pub(super) fn make(_p: Program, _f: &Fixtures, _m: &Month, _a: &Path) -> Result<()> {
    bail!("later")
}
