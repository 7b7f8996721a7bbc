//! The command line for build files, which no program of the user's stands around.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use buildkit_llb::Platform;
use clap::{Arg, ArgAction, ArgMatches, FromArgMatches as _, value_parser};
use stagewright_yaml::Document;

use super::args::{self, Cli};
use super::error::{CliError, USAGE};
use super::{Program, run_command, rust_file, write_out};
use crate::build_file;

/// The build files that are looked for in the directory of the context, in this order.
const FILES: [&str; 2] = ["stages.yaml", "stages.rs"];

/// The command line for build files: `stagewright build -f stages.yaml .`, with all that build programs take.
///
/// A file whose name ends with `.rs` is a build program: the daemon compiles it, see [`mod@crate::rust`]. Without `-f`,
/// the file is `stages.yaml` in the directory that is built, or else `stages.rs`. `stagewright schema` writes the JSON schema
/// of the form. Exits as [`main`](crate::main) does.
#[must_use]
pub fn tool() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if asked(&words, "schema") {
        return schema().unwrap_or_else(CliError::report);
    }
    match find(&words) {
        Ok(Some(file)) if file.extension().is_some_and(|extension| extension == "rs") => rust(file, &words),
        Ok(Some(file)) => match read(&file) {
            Ok(document) => yaml(file, &document, &words),
            Err(error) => error.report(),
        },
        // Only the help and its like are of use without a file.
        Ok(None) => match command(NO_FILE).try_get_matches_from(&words) {
            Ok(_) => CliError::NoFile { tried: FILES.join("` or `") }.report(),
            Err(error) => told(&error),
        },
        Err(error) => error.report(),
    }
}

const NO_FILE: &str = "Name a build file by -f to see its parameters.";

fn rust(file: PathBuf, words: &[OsString]) -> ExitCode {
    let matches = lenient().try_get_matches_from(words).unwrap_or_default();
    let asked = matches.subcommand().map(|(_, matches)| matches);
    let list = match asked.filter(|asked| asked.get_flag("help")) {
        // Only who asks for them waits for the daemon.
        Some(asked) => rust_file::parameter_list(&file, given::<String>(asked, "builder").as_deref()),
        None => String::new(),
    };
    run(&Program::RustFile(file), &list, words)
}

fn yaml(file: PathBuf, document: &Document, words: &[OsString]) -> ExitCode {
    let describe = |parameters: &[(String, String)], platform: &Platform, build_platform: &Platform| {
        document.plan(parameters, platform, build_platform)
    };
    let program = Program::YamlFile { file, describe: &describe };
    run(&program, &args::parameter_list(document.parameters().iter()), words)
}

fn run(program: &Program<'_>, list: &str, words: &[OsString]) -> ExitCode {
    match command(list).try_get_matches_from(words) {
        Ok(matches) => match Cli::from_arg_matches(&matches) {
            Ok(cli) => run_command(program, &cli),
            Err(error) => told(&error),
        },
        Err(error) => told(&error),
    }
}

/// The build file that is asked for, or that is there.
fn find(words: &[OsString]) -> Result<Option<PathBuf>, CliError> {
    let matches = lenient().try_get_matches_from(words).unwrap_or_default();
    let matches = matches.subcommand().map(|(_, matches)| matches);
    if let Some(file) = matches.and_then(|matches| given::<PathBuf>(matches, "file")) {
        return Ok(Some(file));
    }
    let context = matches.and_then(|matches| given::<String>(matches, "context"));
    let directory = PathBuf::from(context.unwrap_or_else(|| ".".to_owned()));
    let files = FILES.iter().map(|name| match directory == Path::new(".") {
        true => PathBuf::from(name),
        false => directory.join(name),
    });
    Ok(files.into_iter().find(|file| file.is_file()))
}

/// A word, if the command has it.
fn given<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Option<T> {
    matches.try_get_one::<T>(name).ok().flatten().cloned()
}

fn read(file: &Path) -> Result<Document, CliError> {
    let fail = |source| CliError::File { path: file.to_owned(), source };
    let text = build_file::read(file).map_err(fail)?;
    Ok(Document::parse(&file.to_string_lossy(), &text)?)
}

fn schema() -> Result<ExitCode, CliError> {
    write_out(stagewright_yaml::schema_text().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The words of a build program, and the build file.
fn command(list: &str) -> clap::Command {
    let schema = clap::Command::new("schema").about("Write the JSON schema of stages.yaml, for editors");
    let file = || {
        Arg::new("file")
            .short('f')
            .long("file")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("The build file [default: stages.yaml or stages.rs in the context]")
    };
    let command = args::COMMANDS.into_iter().fold(args::command(list), |command, name| {
        command.mut_subcommand(name, |subcommand| subcommand.arg(file()))
    });
    command
        .name("stagewright")
        .about("Builds container images that a build file describes")
        .subcommand(schema)
}

/// The same, for a look at what is needed before anything can be judged.
fn lenient() -> clap::Command {
    let command = args::COMMANDS.into_iter().fold(command(""), |command, name| {
        let help = Arg::new("help").short('h').long("help").action(ArgAction::SetTrue);
        command.mut_subcommand(name, |subcommand| {
            subcommand.ignore_errors(true).disable_help_flag(true).arg(help)
        })
    });
    command.ignore_errors(true)
}

fn asked(words: &[OsString], name: &str) -> bool {
    words.len() == 2 && words[1] == name
}

fn told(error: &clap::Error) -> ExitCode {
    // Help is no error, and whoever closed the pipe has read enough of it.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_consistent() {
        command("").debug_assert();
    }

    #[test]
    fn the_file_is_found_among_any_words() {
        let find = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            find(&words).unwrap()
        };
        let file = Some(PathBuf::from("x.yaml"));
        assert_eq!(find(&["stagewright", "build", "-f", "x.yaml", "."]), file);
        assert_eq!(find(&["stagewright", "print", "--file=x.yaml", "--no-such-flag", "."]), file);
        assert_eq!(find(&["stagewright", "build", "--help", "-fx.yaml"]), file);
        assert_eq!(find(&["stagewright", "targets", "-f", "x.yaml", "--build-arg"]), file);
        assert_eq!(find(&["stagewright", "build", "/nowhere"]), None);
    }
}
