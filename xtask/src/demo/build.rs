//! One build through the library door, with a line for each command that starts or ends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use stagewright::{BuildOptions, Builder, Plan};

use super::facts::{Facts, News};
use crate::process::check_interrupt;

/// How often it is looked whether the user wants to stop.
const TICK: Duration = Duration::from_millis(100);

/// How many lines of a failed step are shown.
const LOG_LINES: usize = 30;

/// A build that succeeded.
pub(crate) struct Built {
    pub(crate) seconds: f64,
    pub(crate) facts: Facts,
    /// The digest of each image's manifest, by target, if it was exported.
    pub(crate) digests: BTreeMap<String, String>,
}

/// Builds to the end.
pub(crate) async fn build(builder: &Builder, plan: &Plan, options: &BuildOptions) -> Result<Built> {
    check_interrupt()?;
    let begin = Instant::now();
    let mut running = builder.build_plan(plan.clone(), options).await?;
    let mut facts = Facts::default();
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            event = running.next() => match event {
                Some(event) => facts.take(&event).iter().for_each(print),
                None => break,
            },
            _ = ticks.tick() => if check_interrupt().is_err() {
                running.cancel();
            },
        }
    }
    let report = running.finish().await;
    let seconds = begin.elapsed().as_secs_f64();
    check_interrupt()?;

    if let Some((target, failure)) = report.failures().next() {
        for (name, log) in facts.failed_logs() {
            println!("  {name}");
            let lines: Vec<&str> = log.lines().collect();
            lines[lines.len().saturating_sub(LOG_LINES)..]
                .iter()
                .for_each(|line| println!("    {line}"));
        }
        bail!("cannot build {target}: {failure}");
    }
    let digests = report.targets.iter().filter_map(|target| {
        let digest = report.product(&target.target)?.digest.clone()?;
        Some((target.target.clone(), digest))
    });
    let digests = digests.collect();
    Ok(Built { seconds, facts, digests })
}

fn print(news: &News) {
    match news {
        News::Starts(name) => println!("    starts  {name}"),
        News::Ended { name, failed: true, .. } => println!("    failed  {name}"),
        News::Ended { name, seconds, failed: false } => println!("  {seconds:6.1} s  {name}"),
    }
}
