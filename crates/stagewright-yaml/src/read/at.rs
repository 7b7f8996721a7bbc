//! The containers that keep places and order, and that go on after a mistake.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::Reader;
use super::fault::Fault;
use crate::tree::Place;

pub(super) const AT: &str = "$at";
pub(super) const LIST: &str = "$list";

/// A value, its place, and the aliases that it came through, outermost first.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) place: Place,
    pub(crate) via: Vec<Place>,
    pub(crate) value: T,
}

/// A list, of which a single item may stand alone.
#[derive(Clone, Debug)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

/// A map of any keys, in the order in which they are written.
#[derive(Clone, Debug)]
pub(crate) struct Map<T>(pub(crate) Vec<(At<String>, T)>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Default for Map<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// What `$at` hands out: line and column, the aliases, the value.
pub(super) struct Parts<'a> {
    reader: Reader<'a>,
    next: usize,
}

impl<'a> Parts<'a> {
    pub(super) fn new(reader: Reader<'a>) -> Self {
        Self { reader, next: 0 }
    }

    fn via(&self) -> Vec<(u32, u32)> {
        self.reader.within(|via| {
            let mut places = Vec::new();
            let mut at = via;
            while let Some(via) = at {
                places.push((via.place.line, via.place.column));
                at = via.up;
            }
            places.reverse();
            places
        })
    }
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.next += 1;
        let place = self.reader.node.place;
        match self.next {
            1 => seed.deserialize(place.line.into_deserializer()).map(Some),
            2 => seed.deserialize(place.column.into_deserializer()).map(Some),
            3 => {
                let via = self.via().into_iter().map(|(line, column)| vec![line, column]);
                let via: Vec<Vec<u32>> = via.collect();
                seed.deserialize(via.into_deserializer()).map(Some)
            }
            4 => seed.deserialize(self.reader).map(Some),
            _ => Ok(None),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reading<T> {
            type Value = At<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<At<T>, A::Error> {
                let lost = || <A::Error as de::Error>::custom("a value without its place");
                let line = parts.next_element()?.ok_or_else(lost)?;
                let column = parts.next_element()?.ok_or_else(lost)?;
                let via: Vec<(u32, u32)> = parts.next_element()?.ok_or_else(lost)?;
                let value = parts.next_element()?.ok_or_else(lost)?;
                let via = via.into_iter().map(|(line, column)| Place { line, column });
                Ok(At { place: Place { line, column }, via: via.collect(), value })
            }
        }

        deserializer.deserialize_tuple_struct(AT, 4, Reading(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reading<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                loop {
                    match items.next_element() {
                        Ok(Some(item)) => list.push(item),
                        Ok(None) => return Ok(List(list)),
                        // It was noted: the others are read all the same.
                        Err(_) => {}
                    }
                }
            }
        }

        deserializer.deserialize_tuple_struct(LIST, 0, Reading(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Map<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reading<T> {
            type Value = Map<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Map<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(key) = entries.next_key()? {
                    // A value that is wrong was noted: the others are read all the same.
                    if let Ok(value) = entries.next_value() {
                        list.push((key, value));
                    }
                }
                Ok(Map(list))
            }
        }

        deserializer.deserialize_map(Reading(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ListOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        schemars::json_schema!({ "anyOf": [item, { "type": "array", "items": item }, { "type": "null" }] })
    }
}

impl<T: JsonSchema> JsonSchema for Map<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("MapOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        schemars::json_schema!({ "type": ["object", "null"], "additionalProperties": value })
    }
}
