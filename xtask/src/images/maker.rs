//! Making an image by a Stagewright program, on the private buildkitd.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use stagewright::{BuildOptions, Builder, Event, Output};

use super::programs::{Program, build};
use crate::process::check_interrupt;
use crate::up::Fixtures;

/// How many lines of a failed build's log are shown.
const TAIL: usize = 40;

/// Builds a program's target into an OCI archive. A failure comes with the end of its log.
pub(super) fn make(program: Program, fixtures: &Fixtures, context: &Path, archive: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let builder = Builder::at(&fixtures.buildkit_host).await?;
        let options = BuildOptions::new(context).target(program.target).output(Output::oci(archive));
        let mut running = builder.build(build, &options).await?;
        let mut log = VecDeque::new();
        loop {
            match tokio::time::timeout(Duration::from_millis(200), running.next()).await {
                Ok(Some(event)) => keep(&mut log, &event),
                Ok(None) => break,
                // Dropping the build cancels it.
                Err(_elapsed) => check_interrupt()?,
            }
        }
        let report = running.finish().await;
        if let Some((target, failure)) = report.failures().next() {
            let log: Vec<_> = log.iter().map(String::as_str).collect();
            bail!("{target}: {failure}\n{}", log.join("\n"));
        }
        report.product(program.target).map(drop).context("the build made nothing")
    })
}

fn keep(log: &mut VecDeque<String>, event: &Event) {
    let Event::Status { update, .. } = event else { return };
    for part in &update.logs {
        log.extend(String::from_utf8_lossy(&part.data).lines().map(str::to_owned));
    }
    log.drain(..log.len().saturating_sub(TAIL));
}
