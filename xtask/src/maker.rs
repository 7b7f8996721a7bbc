//! Making images by a Stagewright program, on the private buildkitd.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Result, bail};
use stagewright::schemars::JsonSchema;
use stagewright::serde::de::DeserializeOwned;
use stagewright::{Build, BuildOptions, Builder, Event, Outcome, Report};

use crate::process::check_interrupt;
use crate::up::Fixtures;

/// How many lines of a failed build's log are shown.
const TAIL: usize = 40;

/// Builds what the options ask for. A failure comes with the end of its log.
pub(crate) fn make<P, O>(
    program: impl Fn(&Build, P) -> O,
    fixtures: &Fixtures,
    options: &BuildOptions,
) -> Result<Report>
where
    P: DeserializeOwned + JsonSchema,
    O: Outcome,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let builder = Builder::at(&fixtures.buildkit_host).await?;
        let mut running = builder.build(program, options).await?;
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
        Ok(report)
    })
}

fn keep(log: &mut VecDeque<String>, event: &Event) {
    let Event::Status { update, .. } = event else { return };
    for part in &update.logs {
        log.extend(String::from_utf8_lossy(&part.data).lines().map(str::to_owned));
    }
    log.drain(..log.len().saturating_sub(TAIL));
}
