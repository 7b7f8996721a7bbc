//! `lock`: what every source is now, written beside the build file.

use std::process::ExitCode;

use stagewright_plan::lock::Change;

use super::args::LockArgs;
use super::error::{CliError, FAILED};
use super::{Met, Program, runtime, tell, write_out};
use crate::builder::{Relocked, Renew};
use crate::progress::Mode;

pub(super) fn run(program: &Program<'_>, args: &LockArgs) -> Result<ExitCode, CliError> {
    if !args.what.targets.is_empty() {
        return Err(CliError::LockTargets);
    }
    let options = program.options(&args.what)?;
    let renew = match &args.update {
        _ if args.check => Renew::All,
        None => Renew::Missing,
        Some(names) if names.iter().all(String::is_empty) => Renew::All,
        Some(names) => Renew::Named(names.clone()),
    };
    runtime()?.block_on(async {
        let Met { builder, plans, .. } = program.meet(&args.what, &options, Mode::default()).await?;
        let relocked = builder.lock(plans.clone(), &options, &renew).await?;
        let changes = relocked.changes();
        let lines: String = changes.iter().map(|change| format!("{change}\n")).collect();
        write_out(lines.as_bytes())?;
        tell(&summary(&relocked, args.check));
        if args.check {
            return Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) });
        }
        relocked.write().await.map_err(crate::builder::StartError::from)?;
        if args.fetch {
            builder.fetch(plans, &options).await?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn summary(relocked: &Relocked, check: bool) -> String {
    let path = relocked.path().display();
    let changes = relocked.changes();
    let moved = changes.iter().any(|change| matches!(change, Change::Moved { .. }));
    match (changes.len(), check) {
        (0, _) => format!("{path}: up to date, {} pinned\n", relocked.pins()),
        (_, true) if !relocked.is_written() => format!("there is no {path}: `lock` writes it\n"),
        (changed, true) => {
            let right = if moved { "lock --update" } else { "lock" };
            format!("{path}: {changed} of what it says is not so any more: run `{right}`\n")
        }
        (changed, false) => format!("{path}: {changed} changed, {} pinned\n", relocked.pins()),
    }
}
