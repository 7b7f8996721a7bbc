//! `main` without features: the Plan as JSON, for whoever builds it.

use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

use buildkit_llb::Platform;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use stagewright_plan::{Build, Outcome, Parameters, Site, describe};

use crate::description::{Description, Panic, Told};
use crate::host_platform;

/// Writes the Plan as JSON to the standard output.
///
/// Arguments, in any order:
///
/// * `--build-arg NAME=VALUE` sets a parameter.
/// * `--platform OS/ARCH` is built for, and `--build-platform OS/ARCH` builds; without them, this machine's.
/// * `--describe FILE` writes a description into a file instead: a JSON object with `version` (1), `parameters` (a
///   list) and `outcome`, which is `{"plan": …}`, `{"problems": […]}` or `{"panic": {"message": …, "at": …}}`. It exits
///   with 0 whatever the outcome is, so that a daemon keeps the answer.
///
/// Otherwise it exits with 2 if the program or its parameters are wrong. With the feature `cli` this is a command line
/// that builds.
pub fn main<P, O>(build: impl Fn(&Build, P) -> O) -> ExitCode
where
    P: DeserializeOwned + JsonSchema,
    O: Outcome,
{
    #[cfg(feature = "frontend")]
    if buildkit_frontend::is_inside() {
        return crate::frontend::serve_build(&build);
    }
    let asked = match Asked::read(env::args().skip(1)) {
        Ok(asked) => asked,
        Err(message) => return fail(&message),
    };
    if let Some(file) = &asked.describe {
        let text = serde_json::to_string(&description(&build, &asked)).map_err(io::Error::from);
        return match text.and_then(|text| fs::write(file, text)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&format!("cannot write {file}: {error}")),
        };
    }
    match describe(&build, &asked.parameters, &asked.platform, &asked.build_platform) {
        Ok(plan) => match writeln!(io::stdout(), "{}", plan.to_json()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(&error.to_string()),
            _ => ExitCode::SUCCESS,
        },
        Err(problems) => fail(&problems.to_string()),
    }
}

/// What a program's arguments say.
#[derive(Debug, PartialEq)]
struct Asked {
    parameters: Vec<(String, String)>,
    platform: Platform,
    build_platform: Platform,
    /// Where a description goes, if one is asked for.
    describe: Option<String>,
}

impl Asked {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self {
            parameters: Vec::new(),
            platform: host_platform(),
            build_platform: host_platform(),
            describe: None,
        };
        while let Some(argument) = arguments.next() {
            let (option, value) = match argument.split_once('=') {
                Some((option, value)) => (option, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let form = match option {
                "--build-arg" => "NAME=VALUE",
                "--platform" | "--build-platform" => "OS/ARCH",
                "--describe" => "FILE",
                _ => {
                    let known = "--build-arg NAME=VALUE, --platform, --build-platform or --describe FILE";
                    return Err(format!("unknown argument `{argument}`: write {known}"));
                }
            };
            let Some(value) = value.or_else(|| arguments.next()) else {
                return Err(format!("{option} needs a value: write {option} {form}"));
            };
            let platform = || -> Result<Platform, String> {
                let platform: Platform = value.parse().map_err(|error| format!("{option}: {error}"))?;
                Ok(platform.normalized())
            };
            match option {
                "--platform" => asked.platform = platform()?,
                "--build-platform" => asked.build_platform = platform()?,
                "--describe" => asked.describe = Some(value),
                _ => match value.split_once('=') {
                    Some((name, value)) => asked.parameters.push((name.to_owned(), value.to_owned())),
                    None => return Err(format!("{option} needs a parameter: write {option} {form}")),
                },
            }
        }
        Ok(asked)
    }
}

fn description<P, O>(build: &impl Fn(&Build, P) -> O, asked: &Asked) -> Description
where
    P: DeserializeOwned + JsonSchema,
    O: Outcome,
{
    let parameters = match Parameters::of::<P>() {
        Ok(parameters) => parameters.iter().cloned().collect(),
        Err(problems) => return Description::new(Vec::new(), Told::Problems(problems.into_iter().collect())),
    };
    let told = caught(|| describe(build, &asked.parameters, &asked.platform, &asked.build_platform));
    let outcome = match told {
        Ok(Ok(plan)) => Told::Plan(plan),
        Ok(Err(problems)) => Told::Problems(problems.into_iter().collect()),
        Err(panic) => Told::Panic(panic),
    };
    Description::new(parameters, outcome)
}

/// What a call gives, or its panic, which is told on the standard error, too.
fn caught<T>(call: impl FnOnce() -> T) -> Result<T, Panic> {
    static LAST: Mutex<Option<Panic>> = Mutex::new(None);
    let last = || LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        usual(info);
        let message = info.payload_as_str().unwrap_or_default().to_owned();
        *last() = Some(Panic { message, at: info.location().map(Site::from) });
    }));
    let outcome = panic::catch_unwind(AssertUnwindSafe(call));
    // The hook before it was moved into the one that goes.
    drop(panic::take_hook());
    outcome.map_err(|_| last().take().unwrap_or_default())
}

fn fail(message: &str) -> ExitCode {
    // There is nobody left to tell if this fails.
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::{Scratch, Targets};

    fn read(given: &[&str]) -> Result<Asked, String> {
        Asked::read(given.iter().map(|text| (*text).to_owned()))
    }

    #[test]
    fn arguments_are_read_and_nothing_else() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let asked = read(&["--build-arg", "a=b=c", "--build-arg=d=", "--platform=linux/aarch64"]).unwrap();
        assert_eq!(asked.parameters, [pair("a", "b=c"), pair("d", "")]);
        assert_eq!(asked.platform, Platform::new("linux", "arm64"));
        assert_eq!((asked.build_platform, asked.describe), (host_platform(), None));
        assert_eq!(read(&["--describe", "/out/d"]).unwrap().describe.as_deref(), Some("/out/d"));

        for (given, expected) in [
            (&["--build-arg"][..], "write --build-arg NAME=VALUE"),
            (&["--build-arg", "a"], "write --build-arg NAME=VALUE"),
            (&["--build-args=a=b"], "unknown argument `--build-args=a=b`"),
            (&["--platform", "arm64"], "--platform: platform \"arm64\" has 1 components"),
            (&["build"], "unknown argument `build`"),
        ] {
            let error = read(given).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(default)]
    struct Params {
        how: String,
    }

    impl Default for Params {
        fn default() -> Self {
            Self { how: "well".to_owned() }
        }
    }

    fn build(b: &Build, p: Params) -> Result<Targets, String> {
        match p.how.as_str() {
            "well" => Ok(Targets::new().product(b.runtime("app", Scratch))),
            "panic" => panic!("no {}", p.how),
            how => Err(format!("cannot build {how}")),
        }
    }

    #[test]
    fn every_outcome_is_described() {
        let told = |given: &[&str]| {
            let description = description(&build, &read(given).unwrap());
            assert_eq!(description.parameters[0].name, "how");
            let json = serde_json::to_string(&description).unwrap();
            serde_json::from_str::<Description>(&json).unwrap().outcome
        };
        assert!(matches!(told(&[]), Told::Plan(plan) if plan.stages.len() == 1));
        assert!(matches!(
            told(&["--build-arg=how=ill"]),
            Told::Problems(problems) if problems[0].message == "the build function failed: cannot build ill"
        ));
        assert!(matches!(
            told(&["--build-arg=who=me"]),
            Told::Problems(problems) if problems[0].message == "there is no parameter `who`"
        ));
        let Told::Panic(panic) = told(&["--build-arg=how=panic"]) else { panic!("a panic") };
        assert_eq!(panic.message, "no panic");
        assert!(panic.at.unwrap().file.ends_with("plain.rs"));
    }
}
