//! `print`: the definition of one target, for `buildctl build` or for people.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use super::args::{Format, PrintArgs};
use super::error::CliError;
use super::{Met, Program, runtime, write_out};
use crate::progress::Mode;

pub(super) fn run(program: &Program<'_>, args: &PrintArgs) -> Result<ExitCode, CliError> {
    if args.format == Format::Binary && io::stdout().is_terminal() {
        return Err(CliError::Terminal);
    }
    let options = program.options(&args.what)?;
    let definition = runtime()?.block_on(async {
        let Met { builder, plans, sources } = program.meet(&args.what, &options, Mode::default()).await?;
        Ok::<_, CliError>(builder.definition(&plans[0].1, &options.sources(sources)).await?)
    })?;
    let bytes = match args.format {
        Format::Binary => definition.encode(),
        Format::Text => definition.to_string().into_bytes(),
        Format::Json => definition.to_json().into_bytes(),
        Format::Mermaid => definition.to_mermaid().into_bytes(),
    };
    write_out(&bytes)?;
    Ok(ExitCode::SUCCESS)
}
