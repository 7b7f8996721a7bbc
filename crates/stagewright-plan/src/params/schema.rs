//! What a JSON schema says of one value.

use serde_json::Value;

/// The texts that a schema lists: of an enum, or of variants that are documented one by one.
pub(super) fn values(schema: &Value) -> Vec<String> {
    let own = schema["enum"].as_array().into_iter().flatten().chain(schema.get("const"));
    let own = own.filter_map(Value::as_str).map(str::to_owned);
    own.chain(alternatives(schema).flat_map(values)).collect()
}

/// What a value is that is no text; of a list, what is in it.
pub(super) fn kind(schema: &Value) -> Option<String> {
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

/// Whether a value may be of this type of JSON.
pub(super) fn allows(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::String(only) => only == kind,
        Value::Array(several) => several.iter().any(|one| one == kind),
        _ => alternatives(schema).any(|one| allows(one, kind)),
    }
}

/// The schemas of which a value fits one.
pub(super) fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"]
        .into_iter()
        .filter_map(|key| schema[key].as_array())
        .flatten()
}
