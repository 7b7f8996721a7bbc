//! Enums: a word among others, or a choice by what is written.

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use stagewright_plan::Problem;
use stagewright_plan::problem::nearest;

use super::Reader;
use super::fault::Fault;
use crate::findings::quoted;
use crate::tree::Value;

/// A variant that was chosen for a value.
pub(super) struct Chosen<'a> {
    pub(super) variant: &'static str,
    pub(super) reader: Reader<'a>,
}

/// The variant that a word names.
pub(super) fn by_name(word: &str, variants: &'static [&'static str]) -> Result<&'static str, Fault> {
    if let Some(variant) = variants.iter().find(|variant| **variant == word) {
        return Ok(variant);
    }
    let problem = Problem::new(format!("`{word}` is none of {}", quoted(variants)));
    Err(Fault::Why(Box::new(match nearest(word, variants.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    })))
}

/// The variant for what is written: `$path`, `$text`, `$list`, `$map`, or the one whose key a map has.
pub(super) fn by_form(reader: &Reader<'_>, variants: &'static [&'static str]) -> Result<&'static str, Fault> {
    let has = |form: &str| variants.iter().copied().find(|variant| *variant == form);
    let keys = || variants.iter().copied().filter(|variant| !variant.starts_with('$'));
    let entries = match &*reader.node.value {
        Value::Scalar(_) if reader.node.is_nothing() => {
            return has("$map").ok_or_else(|| reader.not(&wanted(variants)));
        }
        Value::Scalar(scalar) if scalar.text.contains('/') && has("$path").is_some() => return Ok("$path"),
        Value::Scalar(_) => return has("$text").ok_or_else(|| reader.not(&wanted(variants))),
        Value::List(_) => return has("$list").ok_or_else(|| reader.not(&wanted(variants))),
        Value::Map(entries) => entries,
    };
    // The first in the order of the variants: a command has variables and a user of its own.
    match keys().find(|variant| entries.iter().any(|(key, _)| key.text == *variant)) {
        Some(variant) => Ok(variant),
        None => {
            if let Some(map) = has("$map") {
                return Ok(map);
            }
            if keys().next().is_none() {
                return Err(reader.not(&wanted(variants)));
            }
            let problem = Problem::new(format!("none of {} is here", quoted(keys())));
            let near = entries
                .iter()
                .find_map(|(key, _)| nearest(&key.text, keys()).map(|near| (key, near)));
            Err(Fault::Why(Box::new(match near {
                Some((key, near)) => problem.help(format!("did you mean `{near}` by `{}`?", key.text)),
                None => problem,
            })))
        }
    }
}

/// The forms that there are, for a sentence.
fn wanted(variants: &[&str]) -> String {
    let mut forms = Vec::new();
    for variant in variants {
        let form = match *variant {
            "$text" | "$path" => "a text",
            "$list" => "a list",
            _ => "a map",
        };
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms.join(" or ")
}

impl<'de, 'a> de::EnumAccess<'de> for Chosen<'a> {
    type Error = Fault;
    type Variant = Variant<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Variant<'a>), Fault> {
        let name: StrDeserializer<'_, Fault> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, Variant(self.reader)))
    }
}

/// What a variant is made of: the value itself.
pub(super) struct Variant<'a>(Reader<'a>);

impl<'de> de::VariantAccess<'de> for Variant<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        de::Deserializer::deserialize_seq(self.0, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        de::Deserializer::deserialize_struct(self.0, "", fields, visitor)
    }
}
