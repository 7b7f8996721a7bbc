//! The JSON schema and the reader agree: what an editor has nothing against is read, and what it marks is refused.
//!
//! Both judge every block of the reference, and each of its values changed in every way below. What a schema cannot
//! say is listed, with what the reader says of it.

use std::collections::BTreeSet;

use expect_test::expect;
use serde_json::{Value, json};

use crate::{Document, docs, schema};

/// A value in a file: keys and indexes on the way to it.
type Path = Vec<String>;

/// What the reader says of a file, before any arg has a value. JSON is YAML.
fn said(file: &Value) -> Result<(), String> {
    let problems = Document::parse("stages.yaml", &file.to_string()).map(drop);
    problems.map_err(|problems| kind(&problems.iter().next().unwrap().message))
}

/// A message without its names.
fn kind(message: &str) -> String {
    message
        .split('`')
        .enumerate()
        .map(|(i, part)| if i % 2 == 0 { part } else { "`…`" })
        .collect::<String>()
        .replace("`…`, `…`", "`…`")
}

/// Whether it becomes a Plan.
fn is_built(file: &Value) -> bool {
    docs::plan(&file.to_string()).is_ok()
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft7::new(&schema()).unwrap()
}

/// The reference's blocks as an editor's parser reads them.
fn files() -> Vec<Value> {
    let read = |text: &String| {
        let mut file = serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        whole(&mut file);
        file
    };
    docs::blocks().iter().map(read).collect()
}

/// Whole numbers as such: some parsers take `0755` for a fraction.
fn whole(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            if let Some(Ok(whole)) = text.strip_suffix(".0").map(str::parse::<u64>) {
                *value = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole),
        Value::Object(entries) => entries.values_mut().for_each(whole),
        _ => {}
    }
}

fn paths(value: &Value, here: &Path, found: &mut Vec<Path>) {
    found.push(here.clone());
    let mut below = |step: String, value: &Value| paths(value, &[here.as_slice(), &[step]].concat(), found);
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| below(i.to_string(), item)),
        Value::Object(entries) => entries.iter().for_each(|(key, value)| below(key.clone(), value)),
        _ => {}
    }
}

fn at<'a>(file: &'a mut Value, path: &[String]) -> &'a mut Value {
    path.iter().fold(file, |value, step| match value {
        Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
        value => &mut value[step.as_str()],
    })
}

/// The file with one value changed, by what was done to it.
fn changed(file: &Value, path: &Path) -> Vec<(String, Value)> {
    let values = [
        json!(null),
        json!(true),
        json!(7),
        json!(1.5),
        json!(-1),
        json!("word"),
        json!("${targetos}"),
        json!([]),
        json!({}),
        json!(["word"]),
        json!([null]),
        json!({ "word": "word" }),
    ];
    let mut all: Vec<_> = values
        .into_iter()
        .map(|value| {
            let mut file = file.clone();
            *at(&mut file, path) = value.clone();
            (value.to_string(), file)
        })
        .collect();
    if let Some((key, parent)) = path.split_last() {
        let mut file = file.clone();
        if let Value::Object(entries) = at(&mut file, parent) {
            let value = entries.remove(key).unwrap();
            all.push(("without".to_owned(), file.clone()));
            at(&mut file, parent)["wrong"] = value;
            all.push(("another key".to_owned(), file));
        }
    }
    all
}

#[test]
fn both_accept_the_reference_and_refuse_the_same_changes() {
    let validator = validator();
    let (mut judged, mut refused) = (0, 0);
    let mut differ = BTreeSet::new();
    for file in files() {
        assert!(validator.is_valid(&file), "{file}");
        assert_eq!(said(&file), Ok(()), "{file}");
        let mut all = Vec::new();
        paths(&file, &Vec::new(), &mut all);
        for path in all {
            for (what, file) in changed(&file, &path) {
                judged += 1;
                let line = match (validator.is_valid(&file), said(&file)) {
                    (true, Err(said)) => format!("the reader alone: {said}"),
                    (false, Ok(())) if is_built(&file) => {
                        format!("the schema alone: {} = {what}", path.join("."))
                    }
                    (valid, _) => {
                        refused += usize::from(!valid);
                        continue;
                    }
                };
                differ.insert(line);
            }
        }
    }
    assert!(judged > 1000 && refused > 500, "{judged} judged, {refused} refused");
    expect![[r#"
        the reader alone: the default `…` is neither `…` nor `…`
        the reader alone: the default `…` is none of `…`
        the reader alone: the default `…` is not a whole number
        the reader alone: there is no arg `…`"#]]
    .assert_eq(&differ.into_iter().collect::<Vec<_>>().join("\n"));
}

/// An editor marks a word among others that an arg is to fill in; it would otherwise pass over every such mistake.
#[test]
fn the_schema_alone_refuses_words_that_are_filled_in() {
    let file = json!({
        "args": { "role": "runtime" },
        "stages": { "app": { "role": "${role}", "from": "debian:12" } },
    });
    assert!(!validator().is_valid(&file));
    assert!(is_built(&file));
}
