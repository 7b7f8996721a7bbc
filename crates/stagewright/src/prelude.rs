//! What a build program needs: `use stagewright::prelude::*;`.

pub use std::process::ExitCode;

pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};

pub use crate::{
    Artifact, Build, Cache, FileSet, Healthcheck, Image, Platform, Run, Scratch, Secret, Source, Stage,
    Targets, argv, role, secs, sh, text, udp,
};
