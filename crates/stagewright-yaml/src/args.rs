//! Args: what the person who builds may set, and what the build sets by itself.

use std::collections::BTreeMap;

use serde_json::{Map as Object, Value, json};
use stagewright_plan::problem::nearest;
use stagewright_plan::{Cross as _, Parameters, Platform, Problem, Problems};

use crate::findings::{Findings, quoted};
use crate::form::{Arg, ArgSpec, ArgType};
use crate::read::{self, At, Map};
use crate::tree::Node;

/// What the build sets by itself; the first six depend on what is built for.
const BUILT_IN: [&str; 12] = [
    "targetplatform",
    "targetos",
    "targetarch",
    "targetvariant",
    "targetrust",
    "targetdebian",
    "buildplatform",
    "buildos",
    "buildarch",
    "buildvariant",
    "buildrust",
    "builddebian",
];

/// The args of a file.
#[derive(Clone, Debug)]
pub(crate) struct Args {
    pub(crate) parameters: Parameters,
    /// The texts of the defaults.
    defaults: BTreeMap<String, String>,
    /// The values that each may have, if they are listed.
    values: BTreeMap<String, Vec<String>>,
}

/// What is filled in, by name.
pub(crate) type Values = BTreeMap<String, String>;

impl Args {
    /// The args that a file declares.
    pub(crate) fn declared(root: &Node, findings: &Findings<'_>) -> Self {
        let declared = root.entry("args").and_then(|node| read::read::<Map<Arg>>(node, findings, true));
        let mut declaration = Declaration::new(findings);
        for (name, arg) in declared.unwrap_or_default().0 {
            declaration.add(&name, arg);
        }
        declaration.finish()
    }

    /// Whether a name can be filled in.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.values.contains_key(name) || BUILT_IN.contains(&name)
    }

    /// The values that an arg may have, if they are listed.
    pub(crate) fn values_of(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// What to say of a name that nothing declares.
    pub(crate) fn unknown(&self, name: &str) -> Problem {
        let problem = Problem::new(format!("there is no arg `{name}`"));
        let known = || self.values.keys().map(String::as_str);
        match nearest(name, known().chain(BUILT_IN)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None if self.values.is_empty() => problem.help(format!("declare it: `args: {{ {name}: … }}`")),
            None => problem.help(format!("declare it under `args`; the args are {}", quoted(known()))),
        }
    }

    /// What is filled in, from what was given as text.
    pub(crate) fn given(
        &self,
        given: &[(impl AsRef<str>, impl AsRef<str>)],
        platform: &Platform,
        build_platform: &Platform,
    ) -> Result<Values, Problems> {
        let mut values = built_in(platform, build_platform);
        values.extend(self.defaults.clone());
        values.extend(
            self.parameters
                .values(given)?
                .into_iter()
                .map(|(name, value)| (name, text(&value))),
        );
        Ok(values)
    }
}

/// Whether a name stands for something of the platform that is built for.
pub(crate) fn is_of_target(name: &str) -> bool {
    BUILT_IN[..BUILT_IN.len() / 2].contains(&name)
}

fn built_in(platform: &Platform, build_platform: &Platform) -> Values {
    let parts = |of: &Platform| {
        let own = [of.to_string(), of.os.clone(), of.architecture.clone(), of.variant.clone()];
        own.into_iter().chain([of.rust(), of.debian()])
    };
    let values = parts(platform).chain(parts(build_platform));
    BUILT_IN.into_iter().map(str::to_owned).zip(values).collect()
}

/// A value as it is filled in.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

struct Declaration<'a> {
    findings: &'a Findings<'a>,
    properties: Object<String, Value>,
    required: Vec<String>,
    defaults: BTreeMap<String, String>,
    values: BTreeMap<String, Vec<String>>,
    places: Vec<(String, crate::tree::Place)>,
}

impl<'a> Declaration<'a> {
    fn new(findings: &'a Findings<'a>) -> Self {
        Self {
            findings,
            properties: Object::new(),
            required: Vec::new(),
            defaults: BTreeMap::new(),
            values: BTreeMap::new(),
            places: Vec::new(),
        }
    }

    fn add(&mut self, name: &At<String>, arg: Arg) {
        self.name(name);
        let spec = match arg {
            Arg::Spec(spec) => spec,
            Arg::Default(default) => {
                let default = At { place: name.place, via: Vec::new(), value: default };
                ArgSpec { default: Some(default), ..ArgSpec::default() }
            }
        };
        let listed: Vec<String> = spec.values.0.iter().map(|value| value.value.0.clone()).collect();
        if spec.kind != ArgType::String
            && let Some(first) = spec.values.0.first()
        {
            let problem = Problem::new("only the values of a `string` are listed");
            self.findings.note(first.place, problem);
        }
        let mut property = Object::new();
        let kind = match spec.kind {
            ArgType::String => "string",
            ArgType::Bool => "boolean",
            ArgType::Int => "integer",
        };
        property.insert("type".to_owned(), json!(kind));
        if !listed.is_empty() {
            property.insert("enum".to_owned(), json!(listed));
        }
        if let Some(description) = spec.description {
            property.insert("description".to_owned(), json!(description.0));
        }
        match spec.default {
            None => self.required.push(name.value.clone()),
            Some(default) => match value(spec.kind, &listed, &default.value.0) {
                Ok(value) => {
                    self.defaults.insert(name.value.clone(), text(&value));
                    property.insert("default".to_owned(), value);
                }
                Err(why) => self.findings.note(default.place, Problem::new(why)),
            },
        }
        self.properties.insert(name.value.clone(), Value::Object(property));
        let known = match spec.kind {
            ArgType::Bool => vec!["true".to_owned(), "false".to_owned()],
            _ => listed,
        };
        self.values.insert(name.value.clone(), known);
        self.places.push((name.value.clone(), name.place));
    }

    fn name(&self, name: &At<String>) {
        let text = name.value.as_str();
        let fold = |s: &str| s.to_lowercase().replace('-', "_");
        let word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let problem = if !word {
            Problem::new(format!("`{text}` is not an arg's name"))
                .help("a letter, then letters, digits, `-` and `_`")
        } else if BUILT_IN.contains(&fold(text).as_str()) {
            Problem::new(format!("the arg `{text}` is there by itself")).help("use it, and do not declare it")
        } else if let Some((other, place)) = self.places.iter().find(|(other, _)| fold(other) == fold(text)) {
            Problem::new(format!("the args `{other}` and `{text}` differ in nothing that counts"))
                .related(&self.findings.site(*place), "this is the first")
                .help("case, `-` and `_` do not tell args apart")
        } else {
            return;
        };
        self.findings.note(name.place, problem);
    }

    fn finish(self) -> Args {
        let schema = json!({ "type": "object", "properties": self.properties, "required": self.required });
        let mut parameters =
            Parameters::of_schema(&schema).expect("an object with properties describes parameters");
        for (name, place) in &self.places {
            parameters = parameters.declared_at(name, &self.findings.site(*place));
        }
        Args { parameters, defaults: self.defaults, values: self.values }
    }
}

/// A default as the value that it is.
fn value(kind: ArgType, listed: &[String], text: &str) -> Result<Value, String> {
    match kind {
        ArgType::String if listed.is_empty() || listed.iter().any(|value| value == text) => Ok(json!(text)),
        ArgType::String => Err(format!("the default `{text}` is none of {}", quoted(listed))),
        ArgType::Bool => match text {
            "true" => Ok(json!(true)),
            "false" => Ok(json!(false)),
            _ => Err(format!("the default `{text}` is neither `true` nor `false`")),
        },
        ArgType::Int => match text.parse::<i64>() {
            Ok(number) => Ok(json!(number)),
            Err(_) => Err(format!("the default `{text}` is not a whole number")),
        },
    }
}
