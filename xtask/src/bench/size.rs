//! How large the programs are.

use std::fs;

use anyhow::{Context as _, Result};

use super::Scale;
use super::measure::Bench;
use super::rows::Samples;
use super::tools::release;
use crate::place::Place;

/// The example with the whole command line, and buildctl as `xtask` builds it: both without symbols.
pub(super) fn run(place: &Place, bench: &Bench) -> Result<Samples> {
    let ours = match bench.scale {
        Scale::Full => {
            let example = ["--package", "stagewright-examples", "--bin", "microservices"];
            release(place, &example)?.join("microservices")
        }
        // Any program has a size.
        Scale::Smoke => bench.program("bench-build"),
    };
    let size = |path: std::path::PathBuf| -> Result<f64> {
        let metadata = fs::metadata(&path).with_context(|| format!("cannot look at {}", path.display()))?;
        Ok(metadata.len() as f64)
    };
    let mut samples = Samples::default();
    samples.ours("size", size(ours)?);
    samples.peer("size", size(crate::tools::ensure(place)?.join("buildctl"))?);
    Ok(samples)
}
