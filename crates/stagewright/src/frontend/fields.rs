//! Where the fields of a file stand.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::{Location, Spanned};
use stagewright_plan::Site;

/// The places of the keys of a map. A text that is none, or does not read, has none.
pub(super) fn places(file: &str, text: &str) -> BTreeMap<String, Site> {
    let Ok(Keys(keys)) = serde_saphyr::from_str(text) else { return BTreeMap::new() };
    keys.into_iter().map(|key| (key.value, site(file, &key.referenced))).collect()
}

/// The values of some keys of a map, as they are written: scalars, not null. None if one of them is no scalar.
pub(super) fn words(text: &str, is_wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    serde_saphyr::with_deserializer_from_str(text, |file| Words(is_wanted).deserialize(file))
        .unwrap_or_default()
}

/// A place in a file.
pub(super) fn site(file: &str, place: &Location) -> Site {
    let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Site { file: file.to_owned(), line: number(place.line()), column: number(place.column()) }
}

/// The keys of a map, whatever their values are.
struct Keys(Vec<Spanned<String>>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, IgnoredAny)) = map.next_entry()? {
            keys.push(key);
        }
        Ok(Keys(keys))
    }
}

struct Words<F>(F);

impl<'de, F: Fn(&str) -> bool> DeserializeSeed<'de> for Words<F> {
    type Value = BTreeMap<String, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: Fn(&str) -> bool> Visitor<'de> for Words<F> {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut words = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.0(&key) {
                words.insert(key, map.next_value()?);
            } else {
                let IgnoredAny = map.next_value()?;
            }
        }
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_places() {
        let text = "# first\nA: 1\nlist:\n  - x: 1\n\"B\": {C: 2}\n";
        let places: Vec<String> = places("f.yml", text)
            .iter()
            .map(|(name, site)| format!("{name} {site}"))
            .collect();
        assert_eq!(places, ["A f.yml:2:1", "B f.yml:5:1", "list f.yml:3:1"]);
    }

    #[test]
    fn what_is_no_map_has_none() {
        for text in ["", "[1]", "a", "A: [", "A: 1\nA: 2"] {
            assert_eq!(places("f.yml", text), BTreeMap::new(), "{text}");
        }
    }
}
