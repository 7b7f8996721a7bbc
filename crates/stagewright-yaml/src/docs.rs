//! The documentation says what holds: every block of YAML in it becomes a Plan.

use stagewright_plan::{Plan, Platform, Problems};

use crate::Document;

const REFERENCE: &str = include_str!("../../../docs/stages-yaml.md");
const MICROSERVICES: &str = include_str!("../../../examples/microservices/stages.yaml");

/// The stages that blocks of steps stand among.
const AROUND: &str = "\
stages:
  build: { role: builder, from: 'debian:12' }
  other:
    role: runtime
    from: debian:12
    steps:
";

pub(crate) fn plan(text: &str) -> Result<Plan, Problems> {
    let (arm, amd64) = (Platform::new("linux", "arm64"), Platform::new("linux", "amd64"));
    let none: [(&str, &str); 0] = [];
    Document::parse("stages.yaml", text)?.plan(&none, &arm, &amd64)
}

/// The blocks of YAML in the reference, as whole files.
pub(crate) fn blocks() -> Vec<String> {
    let blocks = REFERENCE
        .split("```yaml\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap());
    let whole = blocks.map(|block| match block.starts_with("- ") {
        true => AROUND.to_owned() + &block.lines().map(|line| format!("      {line}\n")).collect::<String>(),
        false => block.to_owned(),
    });
    whole.collect()
}

#[test]
fn every_block_of_the_reference_is_right() {
    let blocks = blocks();
    assert!(blocks.len() >= 15, "{} blocks", blocks.len());
    for text in blocks {
        if let Err(problems) = plan(&text) {
            panic!("{problems}\n\n{text}");
        }
    }
}

#[test]
fn every_key_is_in_the_reference() {
    fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
        match schema {
            serde_json::Value::Object(object) => {
                if let Some(properties) = object.get("properties").and_then(|value| value.as_object()) {
                    found.extend(properties.keys().cloned());
                }
                object.values().for_each(|value| keys(value, found));
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| keys(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    keys(&crate::schema(), &mut found);
    assert!(found.len() > 50, "{found:?}");
    for key in found {
        assert!(REFERENCE.contains(&format!("{key}:")), "`{key}` has no example");
    }
}

#[test]
fn the_example_is_right() {
    assert_eq!(plan(MICROSERVICES).unwrap().products().count(), 3);
}
