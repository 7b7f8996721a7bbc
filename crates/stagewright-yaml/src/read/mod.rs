//! Tree to types: a serde deserializer that goes on after a mistake.
//!
//! A struct of serde's derive stops at its first mistake. So a value that could not be read is noted and passed over,
//! in a list or a map at once, in a struct by reading everything again without it, until nothing new is found.
//!
//! Three names of types mean something here. `$at` is a value with its place. `$list` is a list, of which a single
//! item may stand alone. Any other name of an enum that begins with `$` is a choice by what is written: its variants
//! are named `$text`, `$list` and `$map` for that, `$path` for a text with a slash, or after the key that a map must have.

mod at;
mod choice;
mod collection;
mod fault;

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::{self, DeserializeOwned, Visitor};
use stagewright_plan::Problem;

pub(crate) use at::{At, List, Map};
use choice::Chosen;
use collection::{Entries, Items};
use fault::Fault;

use crate::findings::Findings;
use crate::tree::{Node, Place, Scalar, Style, Value};

/// How often a tree with mistakes is read: more mistakes than this in one map can be left for the next time.
const PASSES: usize = 16;

/// Reads a tree, or notes everything that is wrong with it. Without `all`, what stands in a text that is not filled
/// in yet is not judged.
pub(crate) fn read<T: DeserializeOwned>(node: &Node, findings: &Findings<'_>, all: bool) -> Option<T> {
    let reading = Reading { findings, all, broken: RefCell::default() };
    let before = findings.len();
    for _ in 0..PASSES {
        let progress = reading.progress();
        let reader = Reader { node, via: None, reading: &reading };
        match T::deserialize(reader) {
            Ok(value) if findings.len() == before && reading.broken.borrow().is_empty() => {
                return Some(value);
            }
            Ok(_) => {}
            Err(fault) => {
                reading.blame(node, fault);
            }
        }
        if reading.progress() == progress {
            break;
        }
    }
    None
}

/// One reading of a tree.
struct Reading<'a> {
    findings: &'a Findings<'a>,
    all: bool,
    /// The values that cannot be read, by their addresses.
    broken: RefCell<BTreeSet<*const Node>>,
}

impl Reading<'_> {
    fn progress(&self) -> usize {
        self.findings.len() + self.broken.borrow().len()
    }

    fn is_broken(&self, node: &Node) -> bool {
        self.broken.borrow().contains(&std::ptr::from_ref(node))
    }

    /// Notes a fault of a value, which is passed over from now on.
    fn blame(&self, node: &Node, fault: Fault) {
        if let Some(problem) = fault.problem()
            && (self.all || !(node.open && matches!(&*node.value, Value::Scalar(_))))
        {
            self.findings.note(node.place, problem);
        }
        self.broken.borrow_mut().insert(std::ptr::from_ref(node));
    }

    fn note(&self, place: Place, problem: Problem) {
        self.findings.note(place, problem);
    }
}

/// The aliases that were followed, innermost first.
#[derive(Clone, Copy)]
struct Via<'a> {
    place: Place,
    up: Option<&'a Self>,
}

/// The deserializer of one value.
#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    via: Option<&'a Via<'a>>,
    reading: &'a Reading<'a>,
}

impl<'a> Reader<'a> {
    fn scalar(&self, wanted: &str) -> Result<&'a Scalar, Fault> {
        match &*self.node.value {
            Value::Scalar(scalar) if !self.node.is_nothing() => Ok(scalar),
            _ => Err(self.not(wanted)),
        }
    }

    fn not(&self, wanted: &str) -> Fault {
        match self.node.is_nothing() {
            true => Fault::why(format!("{wanted} is expected here, and nothing stands here")),
            false => Fault::why(format!("{wanted} is expected here, not {}", self.node.kind())),
        }
    }

    /// Reads with the alias of this value, if one brought it here, among the places on the way.
    fn within<T>(self, read: impl FnOnce(Option<&Via<'_>>) -> T) -> T {
        match self.node.alias {
            Some(place) => read(Some(&Via { place, up: self.via })),
            None => read(self.via),
        }
    }
}

macro_rules! whole_numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let scalar = self.scalar("a whole number")?;
            match scalar.text.parse::<u64>() {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => Err(Fault::why(format!("`{}` is not a whole number", scalar.text))),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &*self.node.value {
            Value::Scalar(_) => self.deserialize_str(visitor),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let scalar = self.scalar("`true` or `false`")?;
        match (scalar.text.as_str(), scalar.style) {
            ("true", Style::Plain | Style::Filled) => visitor.visit_bool(true),
            ("false", Style::Plain | Style::Filled) => visitor.visit_bool(false),
            (text, _) => Err(Fault::why(format!("`{text}` is neither `true` nor `false`"))),
        }
    }

    whole_numbers! { deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(&self.scalar("a text")?.text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.node.is_nothing() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let items = match &*self.node.value {
            Value::List(items) => items.as_slice(),
            _ if self.node.is_nothing() => &[],
            _ => return Err(self.not("a list")),
        };
        self.within(|via| visitor.visit_seq(Items { items: items.iter(), via, reading: self.reading }))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let entries = match &*self.node.value {
            Value::Map(entries) => entries.as_slice(),
            _ if self.node.is_nothing() => &[],
            _ => return Err(self.not("a map")),
        };
        self.within(|via| visitor.visit_map(Entries::any(entries, via, self.reading)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let entries = match &*self.node.value {
            Value::Map(entries) => entries.as_slice(),
            _ if self.node.is_nothing() => &[],
            _ => return Err(self.not("a map")),
        };
        self.within(|via| {
            let access = Entries::of(entries, via, self.reading, name, fields);
            match visitor.visit_map(access) {
                // What could not be read was noted.
                Err(Fault::Missing(key)) if self.node.entry(key).is_some() => Err(Fault::Said),
                other => other,
            }
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match name {
            at::AT => visitor.visit_seq(at::Parts::new(self)),
            at::LIST if !matches!(&*self.node.value, Value::List(_)) && !self.node.is_nothing() => {
                let items = std::slice::from_ref(self.node).iter();
                visitor.visit_seq(Items { items, via: self.via, reading: self.reading })
            }
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let variant = if name.starts_with('$') {
            choice::by_form(&self, variants)?
        } else {
            choice::by_name(&self.scalar("a text")?.text, variants)?
        };
        visitor.visit_enum(Chosen { variant, reader: self })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.node.is_nothing() { visitor.visit_unit() } else { Err(self.not("nothing")) }
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u128 f32 f64 char bytes byte_buf unit_struct tuple
    }
}
