//! A file with some of its fields set by somebody else.
//!
//! What the file says stays what it is in YAML: read as JSON in between, the text `1.10` would be a number.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// A map with other values for some of its keys, and with those that it does not have.
pub(super) struct Overlay<D> {
    pub(super) file: D,
    pub(super) set: Map<String, Value>,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Overlay<D> {
    type Error = D::Error;

    /// What wants anything else than a map, as a struct does, is shown a map, which is all that there is.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.file.deserialize_map(OverlayVisitor { visitor, set: self.set })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct OverlayVisitor<V> {
    visitor: V,
    set: Map<String, Value>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for OverlayVisitor<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, file: A) -> Result<V::Value, A::Error> {
        let added = self.set.clone().into_iter();
        self.visitor.visit_map(OverlayMap { file, set: self.set, added, value: None })
    }
}

/// First what the file has that is not set, then what is.
struct OverlayMap<A> {
    file: A,
    set: Map<String, Value>,
    added: serde_json::map::IntoIter,
    /// The value of the last key, if it is set.
    value: Option<Value>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for OverlayMap<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let mut next = self.file.next_key::<String>()?;
        while next.as_ref().is_some_and(|key| self.set.contains_key(key)) {
            let IgnoredAny = self.file.next_value()?;
            next = self.file.next_key()?;
        }
        let next = next.or_else(|| {
            let (key, value) = self.added.next()?;
            self.value = Some(value);
            Some(key)
        });
        next.map(|key| seed.deserialize(key.into_deserializer())).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(value).map_err(A::Error::custom),
            None => self.file.next_value_seed(seed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Spec {
        version: String,
        switch: String,
        #[serde(default)]
        ratio: f64,
        #[serde(default)]
        more: BTreeMap<String, String>,
    }

    fn overlaid<T: serde::de::DeserializeOwned>(text: &str, set: &Value) -> Result<T, String> {
        let set = set.as_object().unwrap().clone();
        serde_saphyr::with_deserializer_from_str(text, |file| T::deserialize(Overlay { file, set }))
            .map_err(|error| error.without_snippet().to_string())
    }

    #[test]
    fn texts_stay_texts_whatever_else_is_set() {
        let text = "version: 1.10\nswitch: on\nratio: 1.5\nmore: {a: 0x10, b: null-like, c: 007}\n";
        let spec: Spec = overlaid(text, &json!({"ratio": 2.5})).unwrap();
        assert_eq!((&*spec.version, &*spec.switch, spec.ratio), ("1.10", "on", 2.5));
        assert_eq!(spec.more.into_values().collect::<Vec<_>>(), ["0x10", "null-like", "007"]);
    }

    #[test]
    fn what_is_set_stands_in_place_of_the_files() {
        let spec: Spec = overlaid("version: [1, 2]\nswitch: on\n", &json!({"version": "2.0"})).unwrap();
        assert_eq!(spec.version, "2.0");
        let added: Spec = overlaid("version: 1.0\n", &json!({"switch": "off"})).unwrap();
        assert_eq!((&*added.version, &*added.switch), ("1.0", "off"));
        for empty in ["", "# nothing\n", "{}"] {
            let alone: Result<Spec, String> = overlaid(empty, &json!({"version": "1", "switch": "2"}));
            assert_eq!(alone.map(|spec| spec.version), Ok("1".to_owned()), "{empty:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let error = |text, set: Value| overlaid::<Spec>(text, &set).unwrap_err();
        let unknown = error("colour: red\nversion: 1\n", json!({"switch": "on"}));
        assert!(unknown.contains("unknown field `colour`"), "{unknown}");
        let missing = error("version: 1\n", json!({"ratio": 1.0}));
        assert!(missing.contains("missing field `switch`"), "{missing}");
        assert!(!error("[1]", json!({"ratio": 1.0})).is_empty());
    }
}
