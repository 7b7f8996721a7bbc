//! `build`: build targets, and show how it goes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rustix::fs::{Access, access};
use rustix::io::Errno;
use stagewright_plan::{Problem, Problems};
use tokio::sync::mpsc::Receiver;

use super::args::BuildArgs;
use super::error::{CLOSED, CliError, FAILED, problems};
use super::follow::{Followed, follow};
use super::interrupt::Interrupt;
use super::{Met, Program, inputs, raw, runtime, tell, terminal, write_out};
use crate::builder::{Failure, Halted, Halts, Output, Product, Report, Running, TargetReport};
use crate::diagnostics;
use crate::driver::DriveError;
use crate::progress::Display;

/// How long what is left of a build may take to remove its files. A thread that reads a context may hang for longer.
const SHUTDOWN_LIMIT: Duration = Duration::from_millis(300);

pub(super) fn run(program: &Program<'_>, args: &BuildArgs) -> Result<ExitCode, CliError> {
    let runtime = runtime()?;
    let code = runtime.block_on(build(program, args));
    runtime.shutdown_timeout(SHUTDOWN_LIMIT);
    code
}

async fn build(program: &Program<'_>, args: &BuildArgs) -> Result<ExitCode, CliError> {
    let interrupt = Interrupt::listen()?;
    let running = tokio::select! {
        running = start(program, args) => running?,
        code = interrupt.came() => return Ok(ExitCode::from(code)),
    };
    let (running, halted) = running;
    interrupt.begun(running.written());
    let debugger = args.on_error.as_ref().zip(halted);
    let Followed { report, display, told } = follow(running, args.progress, &interrupt, debugger).await;
    let code = exit_code(&report, interrupt.code());
    match code {
        0 if args.outputs.is_empty() => tell(&hints(&report)),
        0 => {}
        _ => tell(&failures(&report, &display, told.as_deref())),
    }
    if args.on_error.is_some() && told.is_none() && code == FAILED {
        tell("note: what failed runs nothing, so there is no shell for it\n");
    }
    if let Some(directory) = &args.reports {
        tell(&reports(directory, &report));
    }
    let summary = summary(&report);
    let shown = if args.outputs.iter().any(Output::is_stdout) {
        tell(&summary);
        Ok(())
    } else {
        write_out(summary.as_bytes())
    };
    if let Some(path) = &args.metadata_file {
        write_metadata(path, &report)?;
    }
    shown?;
    Ok(ExitCode::from(code))
}

/// Starts a build, with the steps that it halts at if somebody is to look into them.
async fn start(
    program: &Program<'_>,
    args: &BuildArgs,
) -> Result<(Running, Option<Receiver<Halted>>), CliError> {
    if args.on_error.is_some() && !raw::is_possible() {
        return Err(CliError::NoTerminal);
    }
    if let Some(path) = &args.metadata_file {
        check_metadata(path)?;
    }
    if args.outputs.iter().any(Output::is_stdout) && io::stdout().is_terminal() {
        return Err(CliError::Archive);
    }
    let mut options = program.options(&args.what)?;
    for tag in &args.tags {
        options = options.tag(tag);
    }
    for output in &args.outputs {
        options = options.output(output.clone());
    }
    // A file may be a pipe that nobody writes to yet.
    let given = args.secrets.clone();
    let secrets = tokio::task::spawn_blocking(move || inputs::secrets(&given));
    for (id, secret) in secrets.await.expect("reading secrets does not panic")? {
        options = options.secret(id, secret);
    }
    for (id, agent) in inputs::ssh(&args.ssh)? {
        options = options.ssh(id, agent);
    }
    if let Some(directory) = &args.reports {
        options = options.reports(directory);
    }
    if args.audit_secrets {
        options = options.audit_secrets();
    }
    if args.offline {
        options = options.offline();
    }
    if args.push {
        options = options.push();
    }
    for cache in &args.cache_to {
        let cache = inputs::cache(cache)?.check_export().map_err(inputs::InputError::from)?;
        options = options.cache_to(cache);
    }
    for (kind, given) in [("provenance", &args.provenance), ("sbom", &args.sbom)] {
        match given.as_deref() {
            None => {}
            Some("false") => options = options.without_attest(kind),
            // The daemon's defaults.
            Some("true") => options = options.attest(kind, ""),
            Some(given) => options = options.attest(kind, given),
        }
    }
    let mut halted = None;
    if args.on_error.is_some() {
        let (halts, receiver) = Halts::new();
        options.halts = Some(halts);
        halted = Some(receiver);
    }
    let Met { builder, plans, sources } = program.meet(&args.what, &options, args.progress).await?;
    Ok((builder.build_plans(plans, &options.sources(sources)).await?, halted))
}

/// What became of the targets decides, not that a signal came: it may have come too late, or after a failure.
fn exit_code(report: &Report, interrupted: Option<u8>) -> u8 {
    let cancelled = report.failures().any(|(_, failure)| failure.is_cancelled());
    let quiet = |failure: &Failure| failure.is_cancelled() || failure.is_closed_pipe();
    match interrupted {
        _ if report.is_success() => 0,
        Some(code) if cancelled => code,
        _ if report.reports.is_err() => FAILED,
        _ if report.failures().all(|(_, failure)| quiet(failure)) => CLOSED,
        _ => FAILED,
    }
}

/// A line for each target that was built: its name, the image's digest, and where it went.
fn summary(report: &Report) -> String {
    let mut text = String::new();
    for target in &report.targets {
        if let Ok(product) = &target.outcome {
            let what = match (&product.digest, target.role.is_image()) {
                (Some(digest), _) => digest,
                (None, true) => "built",
                (None, false) if target.reports => "reported",
                (None, false) => "passed",
            };
            let files = product.files.iter().map(|file| file.display().to_string());
            let places: String = product
                .names
                .iter()
                .cloned()
                .chain(files)
                .map(|place| format!(" {place}"))
                .collect();
            text.push_str(&format!("{} {what}{places}\n", target.target));
        }
    }
    text
}

/// Where the reports are.
fn reports(directory: &Path, report: &Report) -> String {
    match &report.reports {
        Ok(testers) if testers.is_empty() => String::new(),
        Ok(testers) => format!("note: reports of {} are in {}\n", testers.join(", "), directory.display()),
        Err(error) => format!("error: the reports are lost: {error}\n"),
    }
}

/// What a person may not expect of a build that went well.
fn hints(report: &Report) -> String {
    let went_nowhere = |product: &Product| product.digest.is_none() && product.files.is_empty();
    let mut kept = report.targets.iter().filter(|target| target.role.is_image());
    if kept.any(|target| target.outcome.as_ref().is_ok_and(went_nowhere)) {
        return "note: images without a tag or an output stay in the daemon's cache: see --tag, --push and --output\n"
            .to_owned();
    }
    String::new()
}

/// Every failure once, with the step, its output and the lines of the program. Who cancels a build knows that it did.
fn failures(report: &Report, display: &Display<io::Stderr>, told: Option<&str>) -> String {
    let mut of_program: Vec<Problem> = Vec::new();
    let mut of_daemon: Vec<diagnostics::Failure<'_>> = Vec::new();
    // Targets by what failed them: one `.dockerignore` fails all that read it.
    let mut others: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for TargetReport { target, gates, outcome, .. } in report.targets.iter().map(AsRef::as_ref) {
        let Err(failure) = outcome else { continue };
        if failure.is_cancelled() || failure.is_closed_pipe() || told == Some(target) {
            continue;
        }
        let found = failure.drive().and_then(DriveError::problems);
        match (found, failure.daemon()) {
            (Some(found), _) => of_program.extend(found),
            (None, Some(error)) if names_itself(failure) => {
                of_daemon.push(diagnostics::Failure { target, gates, error });
            }
            _ => others.entry(failure.to_string()).or_default().push(format!("`{target}`")),
        }
    }
    let mut text = String::new();
    if let Err(found) = Problems::none_of(of_program) {
        text.push_str(&problems(&found));
    }
    for (reason, targets) in others {
        text.push_str(&format!("error: {} failed: {reason}\n", targets.join(", ")));
    }
    if !of_daemon.is_empty() {
        text.push_str(&diagnostics::failures(&of_daemon, display.state(), terminal::style()));
    }
    text
}

/// Whether the daemon's error says all: the others stand for a question that it was asked.
fn names_itself(failure: &Failure) -> bool {
    !matches!(failure.drive(), Some(DriveError::Ping(_) | DriveError::Ignore { .. }))
}

/// Finds before the build that its metadata could not be written after it.
fn check_metadata(path: &Path) -> Result<(), CliError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let access = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(Errno::ISDIR),
        Ok(_) => access(path, Access::WRITE_OK),
        Err(_) => access(parent.unwrap_or(Path::new(".")), Access::WRITE_OK | Access::EXEC_OK),
    };
    access.map_err(|error| CliError::Metadata { path: path.to_owned(), source: error.into() })
}

fn write_metadata(path: &Path, report: &Report) -> Result<(), CliError> {
    let metadata: BTreeMap<&str, &BTreeMap<String, String>> = report
        .targets
        .iter()
        .filter_map(|target| Some((target.target.as_str(), &target.outcome.as_ref().ok()?.metadata)))
        .collect();
    let failed = |source| CliError::Metadata { path: path.to_owned(), source };
    let text = serde_json::to_string_pretty(&metadata).map_err(|error| failed(error.into()))?;
    fs::write(path, text + "\n").map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use buildkit_client::BuildError;
    use buildkit_client::session::filesend::ExportError;
    use buildkit_gateway::GatewayError;
    use stagewright_plan::plan::Role;

    use super::*;
    use crate::builder::TargetReport;

    #[test]
    fn the_report_decides_the_exit_code() {
        let done = || Ok(Product::default());
        let failed = || Err(Failure::from(BuildError::Solve(GatewayError::new("no"))));
        let cancelled = || Err(Failure::from(BuildError::Cancelled));
        let check = |outcomes: Vec<Result<Product, Failure>>, interrupted: Option<u8>, expected: u8| {
            let target = |outcome| {
                Arc::new(TargetReport {
                    target: "app".to_owned(),
                    role: Role::Runtime,
                    reports: false,
                    gates: Vec::new(),
                    outcome,
                })
            };
            let report =
                Report { targets: outcomes.into_iter().map(target).collect(), reports: Ok(Vec::new()) };
            assert_eq!(exit_code(&report, interrupted), expected, "{report:?}");
        };
        check(vec![done()], None, 0);
        check(vec![done(), failed()], None, 1);
        check(vec![done(), done()], Some(130), 0);
        check(vec![done(), failed()], Some(130), 1);
        check(vec![failed(), cancelled()], Some(143), 143);
        let closed = |target: &str, path: Option<&str>| {
            let source = io::Error::from(io::ErrorKind::BrokenPipe);
            let (target, path) = (target.to_owned(), path.map(Into::into));
            Err(Failure::from(ExportError::Write { target, path, source }))
        };
        check(vec![done(), closed("standard output", None)], None, 141);
        check(vec![failed(), closed("standard output", None)], None, 1);
        check(vec![done(), closed("/run/pipe", Some("/run/pipe"))], None, 1);
    }
}
