//! The form as a JSON schema.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::form::File;

/// The JSON schema of `stages.yaml`, draft 7: what editors know.
#[must_use]
pub fn schema() -> Value {
    let mut schema = SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<File>()
        .to_value();
    schema["title"] = json!("stages.yaml");
    schema
}
