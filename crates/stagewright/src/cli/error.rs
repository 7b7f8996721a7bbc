//! Why a command stops, as people read it.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

#[cfg(all(feature = "yaml", feature = "rust"))]
use buildkit_client::BuildError;
use stagewright_plan::Problems;
#[cfg(all(feature = "yaml", feature = "rust"))]
use stagewright_plan::{Problem, Site};

use super::inputs::InputError;
use super::settings::SettingError;
use super::{tell, terminal};
#[cfg(all(feature = "yaml", feature = "rust"))]
use crate::builder::RustFileError;
use crate::builder::{BuilderError, DefinitionError, RelockError, StartError};
use crate::diagnostics;
use crate::driver::DriveError;
#[cfg(all(feature = "yaml", feature = "rust"))]
use crate::rust::RustError;
use crate::sources;

/// The exit code of a failed build.
pub(super) const FAILED: u8 = 1;
/// The exit code of a wrong command line or program.
pub(super) const USAGE: u8 = 2;
/// The exit code of a build that SIGINT ended: 128 and the number of the signal.
pub(super) const INTERRUPTED: u8 = 130;
/// The exit code of a build that SIGTERM ended.
pub(super) const TERMINATED: u8 = 143;

/// The exit code of a build whose reader wanted no more: as if SIGPIPE had ended it.
pub(super) const CLOSED: u8 = 141;

/// Why a command stops.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The program or its parameters are wrong.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// The build file cannot be read.
    #[cfg(all(feature = "yaml", feature = "rust"))]
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no build file.
    #[cfg(all(feature = "yaml", feature = "rust"))]
    #[error("there is no `{tried}` in the directory that is built: name the build file by -f")]
    NoFile {
        /// What was looked for.
        tried: String,
    },
    /// The build file in Rust gives no Plan.
    #[cfg(all(feature = "yaml", feature = "rust"))]
    #[error(transparent)]
    RustFile(#[from] RustFileError),
    /// An argument does not read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// An argument for every step does not read.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// No daemon.
    #[error(transparent)]
    Builder(#[from] BuilderError),
    /// The build does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// There is no definition to print.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// A lock cannot be made.
    #[error(transparent)]
    Relock(#[from] RelockError),
    /// A lock of some targets would drop the sources of all others.
    #[error("a lock is of all targets: leave out --target")]
    LockTargets,
    /// Bytes for a person.
    #[error("a definition is not text: pipe it into a file, or into `buildctl build`")]
    Terminal,
    /// An archive for a person.
    #[error("an archive is not text: pipe it into a file or a program, or name a file with dest=PATH")]
    Archive,
    /// A shell for nobody.
    #[error("--on-error shell needs a terminal: standard input and standard error are to be one")]
    NoTerminal,
    /// The standard output does not take what was asked for.
    #[error("cannot write to the standard output: {0}")]
    Write(io::Error),
    /// The file for metadata cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system gives no threads or signals.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

impl CliError {
    /// Tells it, and gives the exit code.
    pub(super) fn report(self) -> ExitCode {
        #[cfg(all(feature = "yaml", feature = "rust"))]
        if let Some(text) = self.of_rust_file() {
            tell(&text);
            return ExitCode::from(self.code());
        }
        match self.problems() {
            Some(found) => tell(&problems(&found)),
            None => tell(&format!("error: {self}\n")),
        }
        ExitCode::from(self.code())
    }

    /// What is wrong with the program, if that is it.
    fn problems(&self) -> Option<Problems> {
        match self {
            Self::Problems(problems)
            | Self::Start(StartError::Plan(problems))
            | Self::Definition(DefinitionError::Start(StartError::Plan(problems))) => Some(problems.clone()),
            Self::Relock(RelockError::Start(StartError::Plan(problems))) => Some(problems.clone()),
            Self::Definition(DefinitionError::Failed(failure))
            | Self::Relock(RelockError::Failed(failure)) => failure.drive().and_then(DriveError::problems),
            _ => None,
        }
    }

    /// What is wrong with a build file in Rust, with its lines: they came with the error, as its names for its files
    /// are its own.
    #[cfg(all(feature = "yaml", feature = "rust"))]
    fn of_rust_file(&self) -> Option<String> {
        let Self::RustFile(RustFileError::Build(BuildError::Drive(error))) = self else { return None };
        let found = match error {
            RustError::Problems { problems, .. } => problems.clone(),
            RustError::Panic { .. } | RustError::Declared { .. } => {
                let problem = Problem::new(error.to_string());
                let place = error
                    .sources()
                    .first()
                    .and_then(|source| Some((source, source.ranges.first()?)));
                Problems::from(match place {
                    None => problem,
                    Some((source, range)) => {
                        let line = u32::try_from(range.start.line).unwrap_or_default();
                        problem.at(&Site { file: source.info.filename.clone(), line, column: 1 })
                    }
                })
            }
            // rustc has shown the lines.
            _ => return None,
        };
        let text = |file: &str| {
            let source = error.sources().iter().find(|source| source.info.filename == file)?;
            String::from_utf8(source.info.data.clone()).ok()
        };
        Some(diagnostics::problems(&found, &text, terminal::style()))
    }

    fn code(&self) -> u8 {
        match self {
            Self::Start(error)
            | Self::Definition(DefinitionError::Start(error))
            | Self::Relock(RelockError::Start(error)) => match error {
                StartError::Session(_) => FAILED,
                _ => USAGE,
            },
            Self::Builder(_)
            | Self::Definition(DefinitionError::Failed(_))
            | Self::Relock(RelockError::Failed(_))
            | Self::Write(_)
            | Self::Metadata { .. }
            | Self::Runtime(_) => FAILED,
            #[cfg(all(feature = "yaml", feature = "rust"))]
            Self::File { .. } | Self::NoFile { .. } => USAGE,
            #[cfg(all(feature = "yaml", feature = "rust"))]
            Self::RustFile(RustFileError::Read { .. } | RustFileError::Directory(_)) => USAGE,
            #[cfg(all(feature = "yaml", feature = "rust"))]
            Self::RustFile(RustFileError::Build(BuildError::Drive(error))) if error.daemon().is_none() => {
                USAGE
            }
            #[cfg(all(feature = "yaml", feature = "rust"))]
            Self::RustFile(_) => FAILED,
            Self::Problems(_)
            | Self::Input(_)
            | Self::Setting(_)
            | Self::Definition(_)
            | Self::Relock(_)
            | Self::LockTargets
            | Self::Terminal
            | Self::NoTerminal
            | Self::Archive => USAGE,
        }
    }
}

/// Problems with the lines that they are about.
pub(super) fn problems(problems: &Problems) -> String {
    let texts = sources::read(problems.iter().flat_map(sources::sites_of_problem));
    diagnostics::problems(problems, &|file| texts.get(file).cloned(), terminal::style())
}

#[cfg(test)]
mod tests {
    use buildkit_client::SessionError;
    use buildkit_gateway::GatewayError;

    use super::*;
    use crate::builder::OptionsError;

    #[test]
    fn what_does_not_start_has_one_code_for_every_command() {
        let check = |error: fn() -> StartError, code: u8| {
            assert_eq!(CliError::Start(error()).code(), code);
            assert_eq!(CliError::Definition(DefinitionError::Start(error())).code(), code);
        };
        check(|| StartError::Session(SessionError::Refused(GatewayError::new("no"))), FAILED);
        check(|| StartError::Options(OptionsError::MainContext), USAGE);
    }
}
