//! Texts as the values that a schema asks for.

use serde_json::Value;

use super::schema::{allows, alternatives, values};
use super::{quoted, same_name};
use crate::problem::nearest;

/// A text as the value that a schema asks for, or why it is none.
pub(super) fn coerce(schema: &Value, text: &str) -> Result<Value, String> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_written_with_commas_or_as_json() {
        let ports = json!({ "type": "array", "items": { "type": "integer", "maximum": 65535 } });
        assert_eq!(coerce(&ports, "80, 443"), Ok(json!([80, 443])));
        assert_eq!(coerce(&ports, " [80]"), Ok(json!([80])));
        assert_eq!(coerce(&ports, ""), Ok(json!([])));
        assert_eq!(coerce(&ports, "80,70000"), Err("70000 is more than 65535".to_owned()));
        assert_eq!(coerce(&ports, "80,1.5"), Err("`1.5` is not a whole number".to_owned()));
    }
}
