//! What a build program needs: `use stagewright::prelude::*;`.

pub use std::process::ExitCode;

pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};

pub use crate::{
    Artifact, Build, Cache, Cross, Download, Every, FileSet, Git, Healthcheck, HttpTool, Image, Platform,
    Provenance, Reports, Root, Run, Scratch, Secret, Source, Stage, Targets, argv, oci, role, script, secs,
    sh, text, udp,
};
