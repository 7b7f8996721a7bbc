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

/// The same as text, as it is committed.
#[must_use]
pub fn schema_text() -> String {
    let mut text = serde_json::to_string_pretty(&schema()).expect("a schema has string keys");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;

    #[test]
    fn the_committed_schema_is_that_of_the_types() {
        expect_file!["../../../docs/stages.schema.json"].assert_eq(&schema_text());
    }
}
