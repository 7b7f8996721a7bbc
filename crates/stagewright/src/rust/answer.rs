//! What a compiled program answers: its parameters and its Plans.

use std::time::Duration;

use buildkit_gateway::{Channel, FileRange, Gateway, GatewayError, Ref, SolveOptions};
use buildkit_llb::Platform;
use futures_util::future::try_join_all;
use serde::Deserialize;
use stagewright_plan::params::is_predefined;
use stagewright_plan::plan::VERSION as PLAN_VERSION;
use stagewright_plan::{Parameter, Plan, Problems};
use tokio::time::timeout;

use super::error::{RustError, Texts, lines, range_of, shortened, sources};
use super::{CHUNK, Compiled, MAX_TEXT, is_vertex, steps};
use crate::description::{Description, Panic, Told, VERSION};

/// What a program answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What `--build-arg` may set.
    pub parameters: Vec<Parameter>,
    /// Its Plan, in which sites name the program's files.
    pub plan: Plan,
}

impl Compiled {
    /// The texts of the program's files, by the names that sites have for them.
    #[must_use]
    pub fn sources(&self) -> &Texts {
        &self.texts
    }

    /// What `--build-arg` may set.
    ///
    /// # Errors
    ///
    /// A program that tells nothing.
    pub async fn parameters<C: Channel>(&self, gateway: &Gateway<C>) -> Result<Vec<Parameter>, RustError> {
        Ok(self.ask(gateway, &[], &self.platform).await?.parameters)
    }

    /// The Plan for a platform, with parameters as text.
    ///
    /// Where a Plan names no platform, it serves all of them.
    ///
    /// # Errors
    ///
    /// A program that panics, refuses, or tells nothing, with its lines.
    pub async fn plan<C: Channel>(
        &self,
        gateway: &Gateway<C>,
        args: &[(String, String)],
        platform: &Platform,
    ) -> Result<Answer, RustError> {
        // What Docker predefines is no parameter, unless the program says so; and it must not count in the cache.
        let (predefined, own): (Vec<_>, Vec<_>) =
            args.iter().cloned().partition(|(name, _)| is_predefined(name));
        let mut description = self.ask(gateway, &own, platform).await?;
        let is_asked = |(name, _): &(String, String)| {
            description.parameters.iter().any(|parameter| parameter.is_named(name))
        };
        let mut declared: Vec<_> = predefined.into_iter().filter(is_asked).collect();
        if !declared.is_empty() {
            declared.extend(own);
            description = self.ask(gateway, &declared, platform).await?;
        }
        let plan = match description.outcome {
            Told::Plan(plan) => plan,
            Told::Problems(problems) => return Err(self.problems(problems)),
            Told::Panic(panic) => return Err(self.panic(panic)),
        };
        Ok(Answer { parameters: description.parameters, plan })
    }

    /// The Plans for several platforms: a single one if it serves all of them.
    ///
    /// # Errors
    ///
    /// As [`Compiled::plan`].
    pub async fn plans<C: Channel>(
        &self,
        gateway: &Gateway<C>,
        args: &[(String, String)],
        platforms: &[Platform],
    ) -> Result<Vec<Answer>, RustError> {
        let Some((first, others)) = platforms.split_first() else { return Ok(Vec::new()) };
        let mut answers = vec![self.plan(gateway, args, first).await?];
        if !answers[0].plan.serves_all_platforms() {
            let others = others.iter().map(|platform| self.plan(gateway, args, platform));
            answers.extend(try_join_all(others).await?);
        }
        Ok(answers)
    }

    /// Runs the program and reads what it tells.
    async fn ask<C: Channel>(
        &self,
        gateway: &Gateway<C>,
        args: &[(String, String)],
        platform: &Platform,
    ) -> Result<Description, RustError> {
        let platforms = [("--platform", platform), ("--build-platform", &self.platform)];
        let mut arguments: Vec<String> = Vec::new();
        for (option, platform) in platforms {
            arguments.extend([option.to_owned(), platform.to_string()]);
        }
        for (name, value) in args {
            arguments.extend(["--build-arg".to_owned(), format!("{name}={value}")]);
        }
        let about = format!("describe the build for {platform}");
        let (graph, run, made) = self.steps.run(&self.file, arguments, &about, &self.platform)?;
        let vertex = graph.digest(run)?.to_string();
        let definition = graph.definition(Some(made))?;
        let read = async {
            let made = gateway.solve(&definition, &SolveOptions::default()).await?;
            read_description(gateway, &made).await
        };
        // What it needs is there: all of this time is its own, but for that in which the daemon has no place for it.
        let limits = self.steps.limits.run();
        let text = timeout(limits.clock(), read).await.map_err(|_| self.late(limits.clock()))?;
        let text = text.map_err(|source| match source.vertex() {
            Some(failed) if is_vertex(&failed, &vertex) => {
                let reached = limits.reached(source.exit_code());
                let hint = reached.map(|reached| format!("; {reached}; {}", self.steps.limits.advice()));
                let program = self.file.filename.clone();
                RustError::Ended { program, hint: hint.unwrap_or_default(), source: Box::new(source) }
            }
            _ => RustError::Daemon(source),
        })?;
        let wrong = |why: String| RustError::Answer { program: self.file.filename.clone(), why };
        let text = text.ok_or_else(|| wrong("it ended well, and wrote none".to_owned()))?;
        description(&text).map_err(wrong)
    }

    fn late(&self, after: Duration) -> RustError {
        let line = steps::main_line(&self.file.data).and_then(|line| u32::try_from(line).ok());
        RustError::Late {
            program: self.file.filename.clone(),
            seconds: after.as_secs(),
            advice: self.steps.limits.advice(),
            sources: sources(&self.texts, line.map(|line| (self.file.filename.clone(), lines(line, line)))),
        }
    }

    fn problems(&self, problems: Vec<stagewright_plan::Problem>) -> RustError {
        let sources = sources(&self.texts, problems.iter().filter_map(|one| one.at.as_ref()).map(range_of));
        match Problems::none_of(problems) {
            Err(problems) => RustError::Problems { problems, sources },
            Ok(()) => RustError::Answer {
                program: self.file.filename.clone(),
                why: "it tells of problems, and names none".to_owned(),
            },
        }
    }

    fn panic(&self, panic: Panic) -> RustError {
        let program = match &panic.at {
            Some(at) => format!("{} panicked at {at}", self.file.filename),
            None => format!("{} panicked", self.file.filename),
        };
        let sources = sources(&self.texts, panic.at.as_ref().map(range_of));
        RustError::Panic { program, message: shortened(&panic.message, MAX_TEXT).into_owned(), sources }
    }
}

/// The text of the description, if there is one.
async fn read_description<C: Channel>(
    gateway: &Gateway<C>,
    made: &Ref,
) -> Result<Option<Vec<u8>>, GatewayError> {
    let (directory, name) = steps::DESCRIPTION.rsplit_once('/').unwrap_or_default();
    let found = gateway.read_dir(made, directory, Some(name)).await?;
    let Some(stat) = found.first() else { return Ok(None) };
    let mut text = Vec::new();
    while (text.len() as u64) < stat.size {
        let range = FileRange { offset: text.len() as u64, length: CHUNK };
        let chunk = gateway.read_file(made, steps::DESCRIPTION, Some(range)).await?;
        if chunk.is_empty() {
            break;
        }
        text.extend_from_slice(&chunk);
    }
    Ok(Some(text))
}

/// The version of a description, or of a Plan, whatever else it has.
#[derive(Deserialize)]
struct Versioned {
    version: Option<u64>,
}

/// The Plan of a description, if it has one.
#[derive(Deserialize)]
struct Planned {
    outcome: Option<PlannedOutcome>,
}

#[derive(Deserialize)]
struct PlannedOutcome {
    plan: Option<Versioned>,
}

/// Reads a description. Versions come first, since nothing else of another version need read; and nothing is kept of
/// what is passed over on the way to them.
fn description(text: &[u8]) -> Result<Description, String> {
    let unread = |error: serde_json::Error| format!("its answer does not read: {error}");
    let of_other_version = |what: &str, found: Option<u64>, known: u32| match found {
        Some(found) if found != u64::from(known) => Err(format!(
            "it tells {what} of version {found}, and version {known} is read: take a bundle of crates of the same release"
        )),
        _ => Ok(()),
    };
    let told: Versioned = serde_json::from_slice(text).map_err(unread)?;
    of_other_version("a description", told.version, VERSION)?;
    let told: Planned = serde_json::from_slice(text).map_err(unread)?;
    let plan = told.outcome.and_then(|outcome| outcome.plan);
    of_other_version("a Plan", plan.and_then(|plan| plan.version), PLAN_VERSION)?;
    serde_json::from_slice(text).map_err(unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_descriptions_of_this_version_are_read() {
        let error = |text: &str| description(text.as_bytes()).unwrap_err();
        assert!(error("{").contains("does not read"));
        assert!(error("{}").contains("missing field `version`"), "{}", error("{}"));
        assert!(
            error(r#"{"version":2,"parameters":[]}"#).contains("a description of version 2, and version 1")
        );
        let other = error(r#"{"parameters":{},"outcome":"later","version":2}"#);
        assert!(other.contains("a description of version 2"), "{other}");
        let plan =
            r#"{"version":1,"parameters":[],"outcome":{"plan":{"version":9,"stages":[],"targets":[]}}}"#;
        assert!(error(plan).contains("a Plan of version 9"));
        let told = description(plan.replace('9', "1").as_bytes()).unwrap();
        assert!(matches!(told.outcome, Told::Plan(plan) if plan.stages.is_empty()));
    }
}
