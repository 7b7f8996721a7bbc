//! A `config.json` as it stands, before anything in it is judged.
//!
//! Keys are matched as by Go's `encoding/json`: without regard to case, of ASCII letters here, and the last of equal ones
//! counts. What secrets are is zeroized.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// A `config.json`: entries are texts of JSON, so that each is read for itself, and not copied before.
#[derive(Default)]
pub(super) struct RawConfig<'a> {
    pub(super) auths: BTreeMap<String, &'a RawValue>,
    pub(super) helpers: BTreeMap<String, &'a RawValue>,
    pub(super) store: String,
}

/// One of `auths`.
#[derive(Default)]
pub(super) struct RawEntry {
    pub(super) auth: Zeroizing<String>,
    pub(super) username: Zeroizing<String>,
    pub(super) password: Zeroizing<String>,
    pub(super) identity_token: Zeroizing<String>,
    pub(super) registry_token: Zeroizing<String>,
}

impl<'a, 'de: 'a> Deserialize<'de> for RawConfig<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object::default())
    }
}

impl<'de> Deserialize<'de> for RawEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object::default())
    }
}

/// An object that is filled from the keys that count, whose case does not.
#[derive(Default)]
struct Object<T>(T);

/// What is filled from an object.
trait Fill<'de> {
    /// Takes the value of a key in small letters. Of keys that come twice the last one counts; `null` is nothing.
    fn fill<A: MapAccess<'de>>(&mut self, key: &str, values: &mut A) -> Result<(), A::Error>;
}

impl<'de, T: Fill<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<T, A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.0.fill(&key.to_ascii_lowercase(), &mut map)?;
        }
        Ok(self.0)
    }
}

impl<'a, 'de: 'a> Fill<'de> for RawConfig<'a> {
    fn fill<A: MapAccess<'de>>(&mut self, key: &str, values: &mut A) -> Result<(), A::Error> {
        let table = match key {
            "auths" => &mut self.auths,
            "credhelpers" => &mut self.helpers,
            "credsstore" => {
                if let Some(store) = values.next_value::<Option<String>>()? {
                    self.store = store;
                }
                return Ok(());
            }
            _ => return values.next_value::<IgnoredAny>().map(drop),
        };
        // Go reads a second object into the first.
        match values.next_value::<Option<BTreeMap<String, &'de RawValue>>>()? {
            Some(entries) => table.extend(entries),
            None => table.clear(),
        }
        Ok(())
    }
}

impl<'de> Fill<'de> for RawEntry {
    fn fill<A: MapAccess<'de>>(&mut self, key: &str, values: &mut A) -> Result<(), A::Error> {
        let field = match key {
            "auth" => &mut self.auth,
            "username" => &mut self.username,
            "password" => &mut self.password,
            "identitytoken" => &mut self.identity_token,
            "registrytoken" => &mut self.registry_token,
            _ => return values.next_value::<IgnoredAny>().map(drop),
        };
        if let Some(text) = values.next_value::<Option<_>>()? {
            *field = text;
        }
        Ok(())
    }
}
