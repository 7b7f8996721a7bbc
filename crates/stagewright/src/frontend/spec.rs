//! A function from a file of a type of its own to targets.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use buildkit_gateway::{Channel, GatewayError};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use stagewright_plan::{Build, Outcome, Parameter, Parameters, Problem, Problems, Site, describe_file};

use super::fields;
use super::overlay::Overlay;
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
    const FIELDS_ARE_PARAMETERS: bool = true;

    async fn describe<C: Channel>(&self, asked: &Asked<'_, C>) -> Result<Described, GatewayError> {
        // A type that is not a struct has no fields that args could set.
        let none = Parameters::of::<()>();
        let Ok(parameters) = Parameters::of::<S>().or(none) else {
            return Err(GatewayError::new("the frontend's type for files has no JSON schema"));
        };
        let (name, text) = asked
            .entry
            .map_or(("", ""), |entry| (entry.filename.as_str(), entry.text.as_str()));
        let file = File::new(name, text);
        let parameters = file.declare(parameters);
        let plans = asked.plans(|platform| {
            let (spec, fields) = file.read::<S>(&parameters, asked.args)?;
            describe_file(|b| (self.build)(b, spec), fields, platform, asked.build_platform)
        });
        let parameters = parameters.iter().map(|parameter| file.set(parameter, &parameters)).collect();
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
    /// Those that are one word, as they are written: `1.10` is no number if it is not to be one.
    words: BTreeMap<String, String>,
}

impl<'a> File<'a> {
    fn new(name: &'a str, text: &'a str) -> Self {
        let values: Map<String, Value> = serde_saphyr::from_str(text).unwrap_or_default();
        let is_word =
            |name: &str| values.get(name).is_some_and(|value| value.is_number() || value.is_boolean());
        let words = fields::words(text, is_word);
        Self { name, text, fields: fields::places(name, text), values, words }
    }

    /// The parameters, with the places where the file sets them.
    fn declare(&self, parameters: Parameters) -> Parameters {
        self.fields
            .iter()
            .fold(parameters, |parameters, (name, at)| parameters.declared_at(name, at))
    }

    /// A parameter with the file's value as what it is unless an arg says otherwise.
    fn set(&self, parameter: &Parameter, parameters: &Parameters) -> Parameter {
        let mut parameter = parameter.clone();
        if self.fields.contains_key(&parameter.name)
            && let Some(value) = self.values.get(&parameter.name)
        {
            let word = self.words.get_key_value(&parameter.name);
            let typed = word.and_then(|word| parameters.given(&[word]).ok()?.remove(&parameter.name));
            parameter.default = Some(typed.unwrap_or_else(|| value.clone()));
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
        let kind: Value = serde_saphyr::from_str(self.text).map_err(|error| self.problem(&error))?;
        let text = match kind {
            Value::Object(_) => self.text,
            // It is read as a map without fields.
            Value::Null => "",
            _ => {
                let problem =
                    Problem::new(format!("`{}` is not a map, whose fields args could set", self.name));
                return Err(problem.into());
            }
        };
        let overlaid = serde_saphyr::with_deserializer_from_str(text, |file| {
            S::deserialize(Overlay { file, set: given })
        });
        match overlaid {
            Ok(spec) => Ok((spec, fields)),
            Err(error) => {
                // What is wrong with the file itself has a place.
                own()?;
                Err(Problem::new(format!(
                    "`{}` with the build args does not fit: {}",
                    self.name,
                    error.without_snippet()
                ))
                .into())
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

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Spec {
        version: String,
        ratio: f64,
        tested: bool,
    }

    fn read(text: &str, args: &[(&str, &str)]) -> Result<Spec, Problems> {
        let file = File::new("f.yml", text);
        let args: Vec<_> = args.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let parameters = file.declare(Parameters::of::<Spec>()?);
        Ok(file.read(&parameters, &args)?.0)
    }

    #[test]
    fn an_arg_changes_nothing_else() {
        for version in ["1.10", "on", "0x10", "1e3", "007"] {
            let text = format!("version: {version}\nratio: 1.5\ntested: yes\n");
            let spec = Spec { version: version.to_owned(), ratio: 1.5, tested: true };
            assert_eq!(read(&text, &[]).unwrap(), spec);
            assert_eq!(read(&text, &[("ratio", "2")]).unwrap(), Spec { ratio: 2.0, ..spec });
        }
        for nothing in ["", "# nothing", "null"] {
            let spec = read(nothing, &[("version", "1.10"), ("ratio", "1"), ("tested", "on")]).unwrap();
            assert_eq!(spec, Spec { version: "1.10".to_owned(), ratio: 1.0, tested: true });
        }
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        let told = |text: &str| read(text, &[("ratio", "2")]).unwrap_err().to_string();
        let unknown = told("version: 1.10\ntested: true\nratio: 1\ncolour: red\n");
        assert!(unknown.contains("f.yml:4:1") && unknown.contains("colour"), "{unknown}");
        assert!(told("[1]").contains("`f.yml` is not a map"), "{}", told("[1]"));
        assert!(told("version: [").contains("f.yml:"), "{}", told("version: ["));
        let missing = told("version: 1.10\nratio: 1\n");
        assert!(missing.contains("missing field `tested`"), "{missing}");
    }

    #[test]
    fn an_outline_has_the_files_words() {
        let text = "version: 1.10\nratio: 1.50\ntested: yes\n";
        let (file, parameters) = (File::new("f.yml", text), Parameters::of::<Spec>().unwrap());
        let set = parameters.iter().map(|it| file.set(it, &parameters).default.unwrap());
        assert_eq!(set.collect::<Vec<_>>(), [json!(1.5), json!(true), json!("1.10")]);
    }
}
