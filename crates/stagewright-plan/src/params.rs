//! Parameters: what `--build-arg` may set.
//!
//! They are a plain serde type; its JSON schema gives names, defaults, values and documentation. Values arrive as
//! text and are coerced by that schema: booleans as true/false, yes/no, on/off, 1/0; lists by comma or as JSON; an
//! empty text is nothing where nothing is allowed; a `String` stays as it is.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::problem::{Problem, Problems, nearest};
use crate::site::Site;

/// The parameters of a build function.
#[derive(Clone, Debug)]
pub struct Parameters {
    list: Vec<Parameter>,
    /// Whether the type is `()`.
    none: bool,
}

/// One parameter.
///
/// Read back from JSON it tells people what there is, and no longer turns texts into values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it means, in the words of its documentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its default, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The values that it may have, if they can be listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Whether it must be given.
    pub required: bool,
    /// Where it is declared, if that is a text that people see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Site>,
    /// What its value, or each in a list of them, is if it is no text: `boolean`, `integer` or `number`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip)]
    schema: Value,
}

/// A text for a value that was not given, for who asks of a build what it is before it was given everything.
#[derive(Clone, Debug, PartialEq)]
pub enum StandIn {
    /// A text that is in no other one by chance, and no part of another stand-in: where it is found, the value would be.
    Marked(String),
    /// A value like any other.
    Plain(String),
}

impl StandIn {
    /// The text that is given.
    #[must_use]
    pub fn text(&self) -> &str {
        let (Self::Marked(text) | Self::Plain(text)) = self;
        text
    }
}

impl Parameter {
    /// Whether this name means it: case, and `-` or `_`, do not matter.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        same_name(&self.name, name)
    }

    /// What stands in for its value.
    #[must_use]
    pub fn stand_in(&self) -> StandIn {
        match (self.values.first(), self.kind.as_deref()) {
            (Some(value), _) => StandIn::Plain(value.clone()),
            (None, Some("boolean")) => StandIn::Plain("false".to_owned()),
            (None, Some(_)) => StandIn::Plain("1".to_owned()),
            // It may become a part of a name of an image. No name has a dot here, so none goes on where another ends.
            (None, None) => {
                let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
                let name: String = self.name.chars().map(word).collect();
                StandIn::Marked(format!("value-of-{}.x", name.trim_end_matches('-')))
            }
        }
    }
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

impl Parameter {
    fn problem(&self, message: String) -> Problem {
        let problem = Problem::new(message);
        match &self.at {
            Some(at) => problem.at(at).label("declared here"),
            None => problem,
        }
    }
}

fn parameters(schema: &Value) -> Vec<Parameter> {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, schema)| Parameter {
            name: name.clone(),
            description: schema["description"].as_str().map(str::to_owned),
            default: schema.get("default").cloned(),
            values: values(schema),
            required: required.contains(&name.as_str()),
            at: None,
            kind: kind(schema),
            schema: schema.clone(),
        })
        .collect()
}

/// The texts that a schema lists: of an enum, or of variants that are documented one by one.
fn values(schema: &Value) -> Vec<String> {
    let own = schema["enum"].as_array().into_iter().flatten().chain(schema.get("const"));
    let own = own.filter_map(Value::as_str).map(str::to_owned);
    own.chain(alternatives(schema).flat_map(values)).collect()
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"]
        .into_iter()
        .filter_map(|key| schema[key].as_array())
        .flatten()
}

/// What a value is that is no text; of a list, what is in it.
fn kind(schema: &Value) -> Option<String> {
    let alternative = alternatives(schema).find(|one| !allows(one, "null"));
    match (alternative, schema.get("items")) {
        (Some(schema), _) | (None, Some(schema)) => kind(schema),
        (None, None) => {
            let kinds = ["string", "boolean", "integer", "number"];
            let found = kinds.into_iter().find(|kind| allows(schema, kind));
            found.filter(|kind| *kind != "string").map(str::to_owned)
        }
    }
}

fn allows(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::String(only) => only == kind,
        Value::Array(several) => several.iter().any(|one| one == kind),
        _ => alternatives(schema).any(|one| allows(one, kind)),
    }
}

/// A text as the value that a schema asks for, or why it is none.
fn coerce(schema: &Value, text: &str) -> Result<Value, String> {
    if text.is_empty() && allows(schema, "null") {
        return Ok(Value::Null);
    }
    let listed = values(schema);
    if !listed.is_empty() {
        return match listed.iter().find(|value| same_name(value, text)) {
            Some(value) => Ok(Value::String(value.clone())),
            None => Err(one_of(text, &listed)),
        };
    }
    if let Some(alternative) = alternatives(schema).find(|one| !allows(one, "null")) {
        return coerce(alternative, text);
    }
    if allows(schema, "string") {
        Ok(Value::String(text.to_owned()))
    } else if allows(schema, "boolean") {
        match text.to_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Value::Bool(true)),
            "false" | "0" | "no" | "off" => Ok(Value::Bool(false)),
            _ => Err(format!("`{text}` is neither true nor false")),
        }
    } else if allows(schema, "integer") || allows(schema, "number") {
        number(schema, text)
    } else if allows(schema, "array") {
        list(schema, text)
    } else {
        serde_json::from_str(text).map_err(|e| format!("`{text}` is not JSON: {e}"))
    }
}

fn number(schema: &Value, text: &str) -> Result<Value, String> {
    let whole = !allows(schema, "number");
    let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let fits = if whole { value.is_i64() || value.is_u64() } else { value.is_number() };
    let Some(given) = value.as_f64().filter(|_| fits) else {
        return Err(format!("`{text}` is not a {}", if whole { "whole number" } else { "number" }));
    };
    if let Some(least) = schema["minimum"].as_f64().filter(|least| given < *least) {
        return Err(format!("{text} is less than {least}"));
    }
    if let Some(most) = schema["maximum"].as_f64().filter(|most| given > *most) {
        return Err(format!("{text} is more than {most}"));
    }
    Ok(value)
}

fn list(schema: &Value, text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).map_err(|e| format!("`{text}` is not a JSON list: {e}"));
    }
    if text.is_empty() {
        return Ok(Value::Array(Vec::new()));
    }
    text.split(',').map(|item| coerce(&schema["items"], item.trim())).collect()
}

fn one_of(text: &str, listed: &[String]) -> String {
    let names: Vec<&str> = listed.iter().map(String::as_str).collect();
    match nearest(text, names.iter().copied()) {
        Some(near) => {
            format!("there is no `{text}`; did you mean `{near}`? (it is one of {})", quoted(&names))
        }
        None => format!("`{text}` is none of {}", quoted(&names)),
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn same_name(a: &str, b: &str) -> bool {
    let fold = |s: &str| s.to_lowercase().replace('-', "_");
    fold(a) == fold(b)
}

/// Whether an arg is one that Docker gives to every build (docs of `docker build`, predefined ARGs).
#[must_use]
pub fn is_predefined(name: &str) -> bool {
    let upper = name.to_uppercase();
    name.starts_with("BUILDKIT_")
        || name == "SOURCE_DATE_EPOCH"
        || ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"].contains(&upper.as_str())
}

#[cfg(test)]
mod tests {
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

    #[derive(Debug, Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema is of interest")]
    struct Required {
        node: String,
        node_version_: String,
        debug: bool,
        replicas: u8,
        ratio: Option<f64>,
        ports: Vec<u16>,
        env: Env,
    }

    #[test]
    fn what_was_not_given_has_a_stand_in_that_fits_even_after_it_was_told() {
        let all = Parameters::of::<Required>().unwrap();
        let json = serde_json::to_string(&all.iter().collect::<Vec<_>>()).unwrap();
        let told: Vec<Parameter> = serde_json::from_str(&json).unwrap();
        let own: Vec<StandIn> = all.iter().map(Parameter::stand_in).collect();
        let stand_ins: Vec<StandIn> = told.iter().map(Parameter::stand_in).collect();
        assert_eq!(stand_ins, own);
        let texts: Vec<&str> = own.iter().map(StandIn::text).collect();
        let expected = ["false", "staging", "value-of-node.x", "value-of-node-version.x", "1", "1", "1"];
        assert_eq!(texts, expected);
        let given: Vec<(&str, &str)> = told.iter().map(|it| it.name.as_str()).zip(texts).collect();
        assert!(all.parse::<Required>(&given).is_ok());
    }

    #[test]
    fn documentation_and_defaults_come_from_the_type() {
        let all = Parameters::of::<Params>().unwrap();
        let node = all.iter().find(|parameter| parameter.name == "node").unwrap();
        assert_eq!(node.description.as_deref(), Some("Major version of Node."));
        assert_eq!(node.default, Some(Value::String("18".to_owned())));
    }
}
