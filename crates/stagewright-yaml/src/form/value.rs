//! Single values.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use stagewright_plan::lint::Code;

/// A text; a number or a truth value is taken as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

/// Permission bits, in octal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode(pub(crate) u32);

/// Where something is, or a platform: a text with a slash.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Path(pub(crate) String);

/// The code of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Finding(pub(crate) String);

/// A user and a group, by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ids(pub(crate) u32, pub(crate) u32);

/// A port and its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port(pub(crate) String);

/// What lists what is in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sbom {
    /// Nothing does.
    Off,
    /// The daemon's own scanner.
    Daemon,
    /// The scanner of this image.
    By(String),
}

/// A length of time, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) u64);

/// A whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Number(pub(crate) u32);

/// A truth value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Flag(pub(crate) bool);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Parsed("permission bits", |text: &str| {
            let digits = text.strip_prefix("0o").unwrap_or(text);
            match u32::from_str_radix(digits, 8) {
                Ok(mode) if digits.starts_with(|c: char| c.is_ascii_digit()) => Ok(Self(mode)),
                _ => Err(format!("`{text}` is not permission bits in octal digits, as in `0644`")),
            }
        }))
    }
}

impl<'de> Deserialize<'de> for Ids {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Parsed("ids of a user and a group", |text: &str| {
            let ids = text.split_once(':').map(|(user, group)| (user.parse(), group.parse()));
            match ids {
                Some((Ok(user), Ok(group))) => Ok(Self(user, group)),
                _ => Err(format!("`{text}` is not the ids of a user and a group, as in `1000:1000`")),
            }
        }))
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Parsed("a port", |text: &str| {
            let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
            match number.parse::<u16>() {
                Ok(number) if number > 0 && matches!(protocol, "tcp" | "udp" | "sctp") => {
                    Ok(Self(format!("{number}/{protocol}")))
                }
                _ => Err(format!("`{text}` is not a port, as in `3000` or `53/udp`")),
            }
        }))
    }
}

impl<'de> Deserialize<'de> for Sbom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Parsed("a scanner", |text: &str| match text {
            "true" => Ok(Self::Daemon),
            "false" => Ok(Self::Off),
            image if image.contains([':', '/', '@']) => Ok(Self::By(image.to_owned())),
            _ => Err(format!("`{text}` is neither `true`, `false` nor a scanner's image, as in `scanner:1`")),
        }))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Parsed("a time", |text: &str| match nanoseconds(text) {
            Some(nanoseconds) => Ok(Self(nanoseconds)),
            None => Err(format!("`{text}` is not a length of time, as in `30s` or `1m30s`")),
        }))
    }
}

/// A value that is parsed from a text, by what is expected and how it is read.
struct Parsed<F>(&'static str, F);

impl<T, F: FnOnce(&str) -> Result<T, String>> Visitor<'_> for Parsed<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text).map_err(E::custom)
    }
}

/// A length of time as Go and compose write it: numbers with units, `1h30m`, `1.5s`, `100ms`.
fn nanoseconds(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|at| *at > 0)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit: u64 = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mut part = whole.parse::<u64>().ok()?.checked_mul(unit)?;
        let mut worth = unit;
        for digit in fraction.chars() {
            worth /= 10;
            part = part.checked_add(worth.checked_mul(u64::from(digit.to_digit(10)?))?)?;
        }
        total = total.checked_add(part)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// What stands for a value that is filled in.
const FILLED: &str = r"\$\{";

macro_rules! schemas {
    ($($type:ident: $schema:tt)*) => {$(
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

schemas! {
    Text: { "type": ["string", "number", "boolean"] }
    Mode: { "type": ["integer", "string"], "pattern": format!("^(0o)?[0-7]+$|{FILLED}"), "minimum": 0 }
    Path: { "type": "string", "pattern": format!("/|{FILLED}") }
    Finding: {
        "anyOf": [
            { "enum": Code::ALL.map(Code::name) },
            { "type": "string", "pattern": FILLED }
        ]
    }
    Ids: { "type": "string", "pattern": format!("^[0-9]+:[0-9]+$|{FILLED}") }
    Port: {
        "type": ["integer", "string"],
        "pattern": format!("^[0-9]+(/(tcp|udp|sctp))?$|{FILLED}"),
        "minimum": 1,
        "maximum": 65535
    }
    Sbom: { "type": ["boolean", "string"], "pattern": format!("^(true|false)$|[:/@]|{FILLED}") }
    Time: { "type": "string", "pattern": format!("^([0-9.]+(ns|us|µs|ms|s|m|h))+$|{FILLED}") }
    Number: { "type": ["integer", "string"], "pattern": format!("^[0-9]+$|{FILLED}"), "minimum": 0 }
    Flag: { "type": ["boolean", "string"], "pattern": FILLED }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let second = 1_000_000_000;
        let cases = [
            ("30s", Some(30 * second)),
            ("1m30s", Some(90 * second)),
            ("1.5s", Some(second + second / 2)),
            ("100ms", Some(second / 10)),
            ("1h", Some(3600 * second)),
            ("", None),
            ("30", None),
            ("s", None),
            ("3x", None),
            ("1.2.3s", None),
            ("99999999999999999999h", None),
            ("9999999999h", None),
        ];
        for (text, expected) in cases {
            assert_eq!(nanoseconds(text), expected, "{text}");
        }
    }
}
