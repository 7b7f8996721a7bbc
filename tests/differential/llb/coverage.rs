//! How often descriptions use each op, option and constraint.
//!
//! What there is to use is read off the JSON schema of the description itself: `Exec.user` for a field,
//! `Network.host` for a variant. A use is a field that says something; a number says something unless it is 0.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::description::Build;

pub(crate) struct Coverage {
    schema: Value,
    uses: BTreeMap<String, usize>,
}

impl Coverage {
    /// Everything that there is, not used yet.
    pub(crate) fn new() -> Self {
        let schema = schemars::schema_for!(Build).to_value();
        let mut uses = BTreeMap::new();
        let types = schema["$defs"].as_object().expect("definitions of types");
        for (name, schema) in types.iter().chain([(&"Build".to_owned(), &schema)]) {
            for option in options(schema) {
                uses.insert(format!("{name}.{option}"), 0);
            }
        }
        Self { schema, uses }
    }

    pub(crate) fn add(&mut self, description: &Value) {
        let Self { schema, uses } = self;
        Visit { types: &schema["$defs"], uses }.visit("Build", schema, description);
    }

    /// What is used less often than that.
    pub(crate) fn below(&self, least: usize) -> Vec<String> {
        let rare = self.uses.iter().filter(|(_, uses)| **uses < least);
        rare.map(|(option, uses)| format!("{option} ({uses})")).collect()
    }
}

/// Goes through a value with its schema.
struct Visit<'a> {
    types: &'a Value,
    uses: &'a mut BTreeMap<String, usize>,
}

impl<'a> Visit<'a> {
    fn visit(&mut self, name: &str, schema: &'a Value, value: &Value) {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap_or(reference);
            return self.visit(name, &self.types[name], value);
        }
        for alternative in alternatives(schema) {
            self.visit(name, alternative, value);
        }
        match value {
            Value::Object(members) => {
                let Some(properties) = schema["properties"].as_object() else { return };
                for (key, value) in members {
                    let Some(schema) = properties.get(key) else { continue };
                    if *value != 0 {
                        self.count(name, key);
                    }
                    self.visit(name, schema, value);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.visit(name, &schema["items"], item);
                }
            }
            Value::String(text) if constants(schema).any(|constant| constant == text) => {
                self.count(name, text);
            }
            _ => {}
        }
    }

    fn count(&mut self, name: &str, option: &str) {
        *self.uses.get_mut(&format!("{name}.{option}")).expect("an option of the schema") += 1;
    }
}

/// A table of four columns.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<String> =
            self.uses.iter().map(|(option, uses)| format!("{uses:>7} {option}")).collect();
        let rows = cells.len().div_ceil(4);
        for row in 0..rows {
            let cells = cells.iter().skip(row).step_by(rows);
            let line: String = cells.map(|cell| format!("{cell:<38}")).collect();
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The fields and variants of a type.
fn options(schema: &Value) -> Vec<String> {
    let fields = schema["properties"].as_object().into_iter().flat_map(Map::keys).cloned();
    let variants = constants(schema).map(str::to_owned);
    let inner = alternatives(schema).flat_map(options);
    fields.chain(variants).chain(inner).collect()
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"]
        .into_iter()
        .filter_map(|key| schema[key].as_array())
        .flatten()
}

fn constants(schema: &Value) -> impl Iterator<Item = &str> {
    schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .chain([&schema["const"]])
        .filter_map(Value::as_str)
}
