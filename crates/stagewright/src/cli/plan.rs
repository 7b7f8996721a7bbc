//! `plan`: the Plan as JSON.

use std::process::ExitCode;

use super::args::PlanArgs;
use super::error::CliError;
use super::{Program, write_out};

pub(super) fn run(program: &Program<'_>, args: &PlanArgs) -> Result<ExitCode, CliError> {
    let plan = program.plan(&args.parameters)?;
    write_out((plan.to_json() + "\n").as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
