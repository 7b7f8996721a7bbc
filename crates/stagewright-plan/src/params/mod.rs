//! Parameters: what `--build-arg` may set.
//!
//! They are a plain serde type; its JSON schema gives names, defaults, values and documentation. Values arrive as
//! text and are coerced by that schema: booleans as true/false, yes/no, on/off, 1/0; lists by comma or as JSON; an
//! empty text is nothing where nothing is allowed; a `String` stays as it is.

mod coercion;
mod parameter;
mod schema;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use parameter::{Parameter, StandIn};

use crate::problem::{Problem, Problems, nearest};
use crate::site::Site;
use coercion::coerce;
use parameter::parameters;

/// The parameters of a build function.
#[derive(Clone, Debug)]
pub struct Parameters {
    list: Vec<Parameter>,
    /// Whether the type is `()`.
    none: bool,
}

impl Parameters {
    /// The parameters that a type has.
    ///
    /// # Errors
    ///
    /// A type that is neither a struct with named fields nor `()`.
    pub fn of<P: JsonSchema>() -> Result<Self, Problems> {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let schema = settings.into_generator().into_root_schema_for::<P>().to_value();
        Self::of_schema(&schema).map_err(|_| {
            let problem = Problem::new(format!("`{}` cannot be the parameters of a build", P::schema_name()));
            problem.help("take a struct with named fields, or `_: ()` for none").into()
        })
    }

    /// The parameters that a JSON schema describes: the properties of an object, without `$ref`.
    ///
    /// # Errors
    ///
    /// A schema of anything but an object with properties or `null`, which has none.
    pub fn of_schema(schema: &Value) -> Result<Self, Problems> {
        match schema["type"].as_str() {
            Some("null") => Ok(Self { list: Vec::new(), none: true }),
            Some("object") => Ok(Self { list: parameters(schema), none: false }),
            _ => {
                let problem = Problem::new("the parameters of a build are the properties of an object");
                Err(problem.help("a schema with `\"type\": \"object\"`").into())
            }
        }
    }

    /// The same with the place where a parameter is declared; one that is not there is passed over.
    #[must_use]
    pub fn declared_at(mut self, name: &str, at: &Site) -> Self {
        for parameter in self.list.iter_mut().filter(|parameter| parameter.name == name) {
            parameter.at = Some(at.clone());
        }
        self
    }

    /// The parameters in the order of their names.
    pub fn iter(&self) -> std::slice::Iter<'_, Parameter> {
        self.list.iter()
    }

    /// A value of the type from what was given as text, each name once.
    ///
    /// Names match whatever their case and `-` or `_`. What Docker predefines (proxies, `BUILDKIT_…`,
    /// `SOURCE_DATE_EPOCH`) is no parameter of the program and passes.
    ///
    /// # Errors
    ///
    /// Every unknown name, wrong value and missing parameter, together.
    pub fn parse<P: DeserializeOwned>(
        &self,
        given: &[(impl AsRef<str>, impl AsRef<str>)],
    ) -> Result<P, Problems> {
        let values = self.values(given)?;
        // `()` is written as null, a struct, fields or not, as an object.
        let values = if self.none { Value::Null } else { Value::Object(values) };
        serde_json::from_value(values)
            .map_err(|e| Problem::new(format!("the parameters do not fit: {e}")).into())
    }

    /// The values that were given as text, by the names of the parameters, coerced; without those that were not.
    ///
    /// # Errors
    ///
    /// As [`Parameters::parse`].
    pub fn values(
        &self,
        given: &[(impl AsRef<str>, impl AsRef<str>)],
    ) -> Result<Map<String, Value>, Problems> {
        let (values, mut problems) = self.read(given);
        for parameter in self.list.iter().filter(|parameter| parameter.required) {
            if !values.contains_key(&parameter.name)
                && !given.iter().any(|(name, _)| same_name(&parameter.name, name.as_ref()))
            {
                problems.push(
                    parameter
                        .problem(format!("parameter `{}` is not given and has no default", parameter.name))
                        .help(format!("give it: --build-arg {}=…", parameter.name)),
                );
            }
        }
        Problems::none_of(problems)?;
        Ok(values)
    }

    /// The same where a parameter that is not given may come from somewhere else.
    ///
    /// # Errors
    ///
    /// Every unknown name and wrong value, together.
    pub fn given(
        &self,
        given: &[(impl AsRef<str>, impl AsRef<str>)],
    ) -> Result<Map<String, Value>, Problems> {
        let (values, problems) = self.read(given);
        Problems::none_of(problems)?;
        Ok(values)
    }

    fn read(&self, given: &[(impl AsRef<str>, impl AsRef<str>)]) -> (Map<String, Value>, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut values = Map::new();
        for (name, text) in given {
            let (name, text) = (name.as_ref(), text.as_ref());
            match self.list.iter().find(|parameter| same_name(&parameter.name, name)) {
                Some(parameter) => match coerce(&parameter.schema, text) {
                    Ok(value) => {
                        values.insert(parameter.name.clone(), value);
                    }
                    Err(why) => {
                        problems.push(parameter.problem(format!("parameter `{}`: {why}", parameter.name)));
                    }
                },
                None if is_predefined(name) => {}
                None => problems.push(self.unknown(name)),
            }
        }
        (values, problems)
    }

    fn unknown(&self, name: &str) -> Problem {
        let problem = Problem::new(format!("there is no parameter `{name}`"));
        let names: Vec<&str> = self.list.iter().map(|parameter| parameter.name.as_str()).collect();
        match nearest(name, names.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None if names.is_empty() => problem.help("this build has no parameters"),
            None => problem.help(format!("the parameters are {}", quoted(&names))),
        }
    }
}

/// Whether an arg is one that Docker gives to every build (docs of `docker build`, predefined ARGs).
#[must_use]
pub fn is_predefined(name: &str) -> bool {
    let upper = name.to_uppercase();
    name.starts_with("BUILDKIT_")
        || name == "SOURCE_DATE_EPOCH"
        || ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"].contains(&upper.as_str())
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn same_name(a: &str, b: &str) -> bool {
    let fold = |s: &str| s.to_lowercase().replace('-', "_");
    fold(a) == fold(b)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Env {
        Staging,
        Production,
    }

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(default)]
    struct Params {
        /// Major version of Node.
        node: String,
        target_env: Env,
        replicas: u8,
        debug: bool,
        services: Vec<String>,
        proxy: Option<String>,
    }

    impl Default for Params {
        fn default() -> Self {
            Self {
                node: "18".to_owned(),
                target_env: Env::Production,
                replicas: 2,
                debug: false,
                services: Vec::new(),
                proxy: None,
            }
        }
    }

    fn parse(given: &[(&str, &str)]) -> Result<Params, String> {
        Parameters::of::<Params>()
            .unwrap()
            .parse(given)
            .map_err(|problems| problems.to_string())
    }

    #[test]
    fn texts_become_values_by_the_schema() {
        let params = parse(&[
            ("NODE", "20"),
            ("TARGET-ENV", "staging"),
            ("replicas", "7"),
            ("debug", "yes"),
            ("services", "api, web"),
            ("proxy", ""),
            ("HTTP_PROXY", "http://proxy:3128"),
        ]);
        let expected = Params {
            node: "20".to_owned(),
            target_env: Env::Staging,
            replicas: 7,
            debug: true,
            services: vec!["api".to_owned(), "web".to_owned()],
            proxy: None,
        };
        assert_eq!(params, Ok(expected));
        assert_eq!(parse(&[]), Ok(Params::default()));
    }

    #[test]
    fn all_mistakes_come_at_once() {
        let given =
            [("nodes", "1"), ("target_env", "stagging"), ("replicas", "300"), ("debug", "maybe"), ("x", "")];
        let expected = "\
parameter `debug`: `maybe` is neither true nor false
parameter `replicas`: 300 is more than 255
parameter `target_env`: there is no `stagging`; did you mean `staging`? (it is one of `staging`, `production`)
there is no parameter `nodes`
  help: did you mean `node`?
there is no parameter `x`
  help: the parameters are `debug`, `node`, `proxy`, `replicas`, `services`, `target_env`";
        assert_eq!(parse(&given).unwrap_err(), expected);
    }

    #[test]
    fn no_parameters() {
        let none = Parameters::of::<()>().unwrap();
        assert_eq!(none.iter().count(), 0);
        assert_eq!(none.parse::<()>(&[("SOURCE_DATE_EPOCH", "0")]), Ok(()));
        assert!(none.parse::<()>(&[("node", "18")]).is_err());
        assert!(Parameters::of::<String>().is_err());
    }

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    struct Empty {}

    #[test]
    fn a_struct_without_fields() {
        assert_eq!(
            Parameters::of::<Empty>().unwrap().parse::<Empty>(&[("BUILDKIT_SYNTAX", "")]),
            Ok(Empty {})
        );
    }

    #[test]
    fn documentation_and_defaults_come_from_the_type() {
        let all = Parameters::of::<Params>().unwrap();
        let node = all.iter().find(|parameter| parameter.name == "node").unwrap();
        assert_eq!(node.description.as_deref(), Some("Major version of Node."));
        assert_eq!(node.default, Some(Value::String("18".to_owned())));
    }
}
