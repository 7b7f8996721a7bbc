//! One parameter, and what stands in for its value.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{same_name, schema};
use crate::problem::Problem;
use crate::site::Site;

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
    pub(super) schema: Value,
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

    /// A problem with it, and where it is declared.
    pub(super) fn problem(&self, message: String) -> Problem {
        let problem = Problem::new(message);
        match &self.at {
            Some(at) => problem.at(at).label("declared here"),
            None => problem,
        }
    }
}

/// The parameters that the properties of a schema are.
pub(super) fn parameters(schema: &Value) -> Vec<Parameter> {
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
            values: schema::values(schema),
            required: required.contains(&name.as_str()),
            at: None,
            kind: schema::kind(schema),
            schema: schema.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;

    use super::*;
    use crate::params::Parameters;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    #[allow(dead_code, reason = "only its schema is of interest")]
    enum Env {
        Staging,
        Production,
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
}
