//! A function from a file of a type of its own to targets.

use std::marker::PhantomData;

use buildkit_frontend::Entry;
use buildkit_gateway::{Channel, GatewayError};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stagewright_plan::{Build, Outcome, Parameters, Problem, Problems, Site, describe};

use super::program::{Asked, Described, Program};

/// A function from a file of a type of its own to targets.
pub(crate) struct SpecFunction<F, S> {
    build: F,
    spec: PhantomData<fn() -> S>,
}

impl<F, S> SpecFunction<F, S> {
    pub(crate) fn new(build: F) -> Self {
        Self { build, spec: PhantomData }
    }
}

impl<F, S, O> Program for SpecFunction<F, S>
where
    F: Fn(&Build, S) -> O,
    S: DeserializeOwned + JsonSchema,
    O: Outcome,
{
    const LANGUAGE: &'static str = "YAML";
    const READS_FILE: bool = true;

    async fn describe<C: Channel>(&self, asked: &Asked<'_, C>) -> Result<Described, GatewayError> {
        // A type that is not a struct has no fields that args could set.
        let none = Parameters::of::<()>();
        let Ok(parameters) = Parameters::of::<S>().or(none) else {
            return Err(GatewayError::new("the frontend's type for files has no JSON schema"));
        };
        let plans = asked.plans(|platform| {
            // A function of a parameter that is no argument: what it needs is read here, and anew for each platform.
            let spec = std::cell::Cell::new(Some(read::<S>(asked.entry, &parameters, asked.args)?));
            let build = |b: &Build, (): ()| match spec.take() {
                Some(spec) => Ok((self.build)(b, spec)),
                None => Err("the build was described twice"),
            };
            let nothing: [(&str, &str); 0] = [];
            describe(&build, &nothing, platform, asked.build_platform)
        });
        let parameters = parameters.iter().cloned().collect();
        Ok(Described { parameters, plans, sources: asked.sources() })
    }
}

/// What stands in the file, with what args set in place of it.
fn read<S: DeserializeOwned>(
    entry: Option<&Entry>,
    parameters: &Parameters,
    args: &[(String, String)],
) -> Result<S, Problems> {
    let (file, text) = entry.map_or(("", ""), |entry| (entry.filename.as_str(), entry.text.as_str()));
    let given = parameters.given(args)?;
    let own = || serde_saphyr::from_str::<S>(text).map_err(|error| problem(file, &error));
    if given.is_empty() {
        return own();
    }
    let mut value: Value = serde_saphyr::from_str(text).map_err(|error| problem(file, &error))?;
    match &mut value {
        Value::Object(fields) => fields.extend(given),
        Value::Null => value = Value::Object(given),
        _ => {
            let problem = Problem::new(format!("`{file}` is not a map, whose fields args could set"));
            return Err(problem.into());
        }
    }
    serde_json::from_value(value).or_else(|error| {
        // What is wrong with the file itself has a place.
        own()?;
        Err(Problem::new(format!("`{file}` with the build args does not fit: {error}")).into())
    })
}

/// What a reader of YAML says, at its place.
fn problem(file: &str, error: &serde_saphyr::Error) -> Problems {
    let error = error.without_snippet();
    let place = error.location();
    let problem = Problem::new(error.to_string());
    match place {
        None => problem.into(),
        Some(place) => {
            let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
            let site =
                Site { file: file.to_owned(), line: number(place.line()), column: number(place.column()) };
            problem.at(&site).into()
        }
    }
}
