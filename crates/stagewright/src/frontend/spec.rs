//! A function from a file of a type of its own to targets.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use buildkit_frontend::Entry;
use buildkit_gateway::{Channel, GatewayError};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use stagewright_plan::{Build, Outcome, Parameter, Parameters, Problem, Problems, Site, describe_file};

use super::fields;
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
        let file = File::new(asked.entry);
        let parameters = file.declare(parameters);
        let plans = asked.plans(|platform| {
            let (spec, fields) = file.read::<S>(&parameters, asked.args)?;
            describe_file(|b| (self.build)(b, spec), fields, platform, asked.build_platform)
        });
        let parameters = parameters.iter().map(|parameter| file.set(parameter)).collect();
        Ok(Described { parameters, plans, sources: asked.sources() })
    }
}

/// The file that the user names.
struct File<'a> {
    name: &'a str,
    text: &'a str,
    /// Its fields, if it is a map: where each stands.
    fields: BTreeMap<String, Site>,
    /// What the fields are; none of them if the file does not read.
    values: Map<String, Value>,
}

impl<'a> File<'a> {
    fn new(entry: Option<&'a Entry>) -> Self {
        let (name, text) = entry.map_or(("", ""), |entry| (entry.filename.as_str(), entry.text.as_str()));
        let values = serde_saphyr::from_str(text).unwrap_or_default();
        Self { name, text, fields: fields::places(name, text), values }
    }

    /// The parameters, with the places where the file sets them.
    fn declare(&self, parameters: Parameters) -> Parameters {
        self.fields
            .iter()
            .fold(parameters, |parameters, (name, at)| parameters.declared_at(name, at))
    }

    /// A parameter with the file's value as what it is unless an arg says otherwise.
    fn set(&self, parameter: &Parameter) -> Parameter {
        let mut parameter = parameter.clone();
        if self.fields.contains_key(&parameter.name)
            && let Some(value) = self.values.get(&parameter.name)
        {
            parameter.default = Some(value.clone());
            parameter.required = false;
        }
        parameter
    }

    /// What stands in the file, with what args set in place of it; and the places of the fields that are the file's.
    fn read<S: DeserializeOwned>(
        &self,
        parameters: &Parameters,
        args: &[(String, String)],
    ) -> Result<(S, BTreeMap<String, Site>), Problems> {
        let given = parameters.given(args)?;
        let own = || serde_saphyr::from_str::<S>(self.text).map_err(|error| self.problem(&error));
        if given.is_empty() {
            return Ok((own()?, self.fields.clone()));
        }
        let mut fields = self.fields.clone();
        fields.retain(|name, _| !given.contains_key(name));
        let mut value: Value = serde_saphyr::from_str(self.text).map_err(|error| self.problem(&error))?;
        match &mut value {
            Value::Object(values) => values.extend(given),
            Value::Null => value = Value::Object(given),
            _ => {
                let problem =
                    Problem::new(format!("`{}` is not a map, whose fields args could set", self.name));
                return Err(problem.into());
            }
        }
        match serde_json::from_value(value) {
            Ok(spec) => Ok((spec, fields)),
            Err(error) => {
                // What is wrong with the file itself has a place.
                own()?;
                Err(Problem::new(format!("`{}` with the build args does not fit: {error}", self.name)).into())
            }
        }
    }

    /// What a reader of YAML says, at its place.
    fn problem(&self, error: &serde_saphyr::Error) -> Problems {
        let error = error.without_snippet();
        let problem = Problem::new(error.to_string());
        match error.location() {
            None => problem.into(),
            Some(place) => problem.at(&fields::site(self.name, &place)).into(),
        }
    }
}
