//! `print`: the definition of one target, for `buildctl build`.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use super::args::PrintArgs;
use super::error::CliError;
use super::{Program, runtime, write_out};

pub(super) fn run(program: &Program<'_>, args: &PrintArgs) -> Result<ExitCode, CliError> {
    if io::stdout().is_terminal() {
        return Err(CliError::Terminal);
    }
    let options = args.what.options()?;
    let definition = runtime()?.block_on(async {
        let (builder, plan) = program.meet(&args.what).await?;
        Ok::<_, CliError>(builder.definition(&plan, &options).await?)
    })?;
    write_out(&definition.encode())?;
    Ok(ExitCode::SUCCESS)
}
