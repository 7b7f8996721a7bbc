//! `plan`: the Plan as JSON.

use std::process::ExitCode;

use super::args::PlanArgs;
use super::error::CliError;
use super::{Program, write_out};
use crate::host_platform;

pub(super) fn run(program: &Program<'_>, args: &PlanArgs) -> Result<ExitCode, CliError> {
    let plan = program.plan(&args.parameters, &host_platform(), &host_platform())?;
    write_out((plan.to_json() + "\n").as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
