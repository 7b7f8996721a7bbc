//! Lists and maps, passing over what cannot be read.

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer};
use stagewright_plan::Problem;
use stagewright_plan::problem::nearest;

use super::fault::Fault;
use super::{Reader, Reading, Via};
use crate::findings::quoted;
use crate::tree::{Key, Node, Scalar, Style, Value};

pub(super) struct Items<'a> {
    pub(super) items: std::slice::Iter<'a, Node>,
    pub(super) via: Option<&'a Via<'a>>,
    pub(super) reading: &'a Reading<'a>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.items.by_ref().find(|node| !self.reading.is_broken(node)) else {
            return Ok(None);
        };
        let reader = Reader { node, via: self.via, reading: self.reading };
        attempt(reader, seed).map(Some)
    }
}

/// The entries of a map: of any keys, or of a struct's.
pub(super) struct Entries<'a> {
    entries: std::slice::Iter<'a, (Key, Node)>,
    value: Option<&'a Node>,
    via: Option<&'a Via<'a>>,
    reading: &'a Reading<'a>,
    fields: Option<&'static [&'static str]>,
    /// Whether keys that begin with `x-` are the writer's own.
    extensible: bool,
}

impl<'a> Entries<'a> {
    pub(super) fn any(
        entries: &'a [(Key, Node)],
        via: Option<&'a Via<'a>>,
        reading: &'a Reading<'a>,
    ) -> Self {
        Self { entries: entries.iter(), value: None, via, reading, fields: None, extensible: false }
    }

    pub(super) fn of(
        entries: &'a [(Key, Node)],
        via: Option<&'a Via<'a>>,
        reading: &'a Reading<'a>,
        name: &str,
        fields: &'static [&'static str],
    ) -> Self {
        let extensible = name == "$file";
        Self { entries: entries.iter(), value: None, via, reading, fields: Some(fields), extensible }
    }

    /// Whether a struct has this key; if not, it is noted.
    fn is_field(&self, key: &Key) -> bool {
        let Some(fields) = self.fields else { return true };
        if fields.contains(&key.text.as_str()) {
            return true;
        }
        if !(self.extensible && key.text.starts_with("x-")) {
            self.reading.note(key.place, unknown_key(&key.text, fields));
        }
        false
    }
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        loop {
            let Some((key, node)) = self.entries.next() else { return Ok(None) };
            if self.is_field(key) && !self.reading.is_broken(node) {
                self.value = Some(node);
                if self.fields.is_some() {
                    let text: StrDeserializer<'_, Fault> = key.text.as_str().into_deserializer();
                    return seed.deserialize(text).map(Some);
                }
                let text = Scalar { text: key.text.clone(), style: Style::Quoted, span: 0..0 };
                let node = Node::new(key.place, Value::Scalar(text));
                return attempt(Reader { node: &node, via: self.via, reading: self.reading }, seed).map(Some);
            }
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let node = self.value.take().ok_or(Fault::Said)?;
        attempt(Reader { node, via: self.via, reading: self.reading }, seed)
    }
}

/// Reads a value; if that fails, it is noted, and passed over in the next reading.
fn attempt<'de, S: DeserializeSeed<'de>>(reader: Reader<'_>, seed: S) -> Result<S::Value, Fault> {
    let before = reader.reading.progress();
    seed.deserialize(reader).map_err(|fault| {
        // A mistake inside of it was noted where it is: the rest of it can be read once more.
        if !matches!(fault, Fault::Said) || reader.reading.progress() == before {
            reader.reading.blame(reader.node, fault);
        }
        Fault::Said
    })
}

pub(super) fn unknown_key(key: &str, known: &[&str]) -> Problem {
    let problem = Problem::new(format!("there is no key `{key}` here"));
    match nearest(key, known.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(format!("the keys are {}", quoted(known))),
    }
}
