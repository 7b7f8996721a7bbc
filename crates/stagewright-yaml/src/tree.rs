//! YAML as a tree: every value with its place in the text.

use std::ops::Range;
use std::sync::Arc;

/// A place in the text, line and column from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A value and where it stands. What an alias repeats is shared, not copied.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    /// Where the alias stands that brought the value here.
    pub(crate) alias: Option<Place>,
    pub(crate) weight: usize,
    /// Whether a text in it has something to fill in.
    pub(crate) open: bool,
    pub(crate) value: Arc<Value>,
}

#[derive(Debug)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) style: Style,
    /// Its bytes in the source.
    pub(crate) span: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Bare: it may be a number, a truth value or nothing.
    Plain,
    /// In quotes or as a block: a text.
    Quoted,
    /// Bare, with something filled in: a text, a number or a truth value, but never nothing.
    Filled,
}

impl Node {
    pub(crate) fn new(place: Place, value: Value) -> Self {
        // A node's own memory, in round numbers.
        const OWN: usize = 64;
        let (inner, open) = match &value {
            Value::Scalar(scalar) => {
                (scalar.text.len(), scalar.style != Style::Filled && scalar.text.contains('$'))
            }
            Value::List(items) => sum(items.iter().map(|item| (item.weight, item.open))),
            Value::Map(entries) => {
                sum(entries.iter().map(|(key, item)| (key.text.len() + item.weight, item.open)))
            }
        };
        Self { place, alias: None, weight: inner.saturating_add(OWN), open, value: Arc::new(value) }
    }

    /// Whether nothing is written here.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(&*self.value, Value::Scalar(scalar)
            if scalar.style == Style::Plain && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What it is, for a sentence.
    pub(crate) fn kind(&self) -> &'static str {
        match &*self.value {
            Value::Scalar(_) if self.is_nothing() => "nothing",
            Value::Scalar(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The entry of this key, if it is a map that has one.
    pub(crate) fn entry(&self, key: &str) -> Option<&Self> {
        match &*self.value {
            Value::Map(entries) => entries.iter().find(|(known, _)| known.text == key).map(|(_, node)| node),
            _ => None,
        }
    }
}

fn sum(parts: impl Iterator<Item = (usize, bool)>) -> (usize, bool) {
    parts.fold((0, false), |(weight, open), (part, part_open)| {
        (usize::saturating_add(weight, part), open || part_open)
    })
}
