//! `main` without features: the Plan as JSON, for whoever builds it.

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use stagewright_plan::{Build, Outcome, describe};

use crate::host_platform;

/// Writes the Plan as JSON to the standard output. Parameters are given as `--build-arg NAME=VALUE`.
///
/// Exits with 2 if the program or its parameters are wrong. With the feature `cli` this is a command line that
/// builds.
pub fn main<P, O>(build: impl Fn(&Build, P) -> O) -> ExitCode
where
    P: DeserializeOwned + JsonSchema,
    O: Outcome,
{
    let platform = host_platform();
    let plan = arguments(env::args().skip(1)).and_then(|parameters| {
        describe(&build, &parameters, &platform, &platform).map_err(|problems| problems.to_string())
    });
    match plan {
        Ok(plan) => match writeln!(io::stdout(), "{}", plan.to_json()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(&error.to_string()),
            _ => ExitCode::SUCCESS,
        },
        Err(message) => fail(&message),
    }
}

fn fail(message: &str) -> ExitCode {
    // There is nobody left to tell if this fails.
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::from(2)
}

fn arguments(mut arguments: impl Iterator<Item = String>) -> Result<Vec<(String, String)>, String> {
    let mut parameters = Vec::new();
    while let Some(argument) = arguments.next() {
        let given = match argument.strip_prefix("--build-arg") {
            Some("") => arguments.next(),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => return Err(format!("unknown argument `{argument}`: write --build-arg NAME=VALUE")),
        };
        match given.as_deref().and_then(|given| given.split_once('=')) {
            Some((name, value)) => parameters.push((name.to_owned(), value.to_owned())),
            None => return Err("--build-arg needs a parameter: write --build-arg NAME=VALUE".to_owned()),
        }
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_and_nothing_else() {
        let read = |given: &[&str]| arguments(given.iter().map(|text| (*text).to_owned()));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read(&["--build-arg", "a=b=c", "--build-arg=d="]),
            Ok(vec![pair("a", "b=c"), pair("d", "")])
        );
        assert!(read(&["--build-arg"]).unwrap_err().contains("NAME=VALUE"));
        assert!(read(&["--build-args=a=b"]).unwrap_err().contains("NAME=VALUE"));
        assert!(read(&["build"]).unwrap_err().contains("unknown argument `build`"));
    }
}
