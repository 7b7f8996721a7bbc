//! Text to tree.

use std::collections::BTreeMap;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};
use stagewright_plan::Problem;

use crate::findings::Findings;
use crate::tree::{Key, Node, Place, Scalar, Style, Value};

/// How deep values may lie in each other.
const DEEPEST: usize = 64;

/// What a file may weigh, with everything counted as often as it is used: bytes of text, and 64 for each value.
pub(crate) const HEAVIEST: usize = 64 << 20;

/// The tree of the only document in a text, or nothing where it cannot be read. Keys that are written twice and
/// the like are noted, and reading goes on.
pub(crate) fn parse(text: &str, findings: &Findings<'_>) -> Option<Node> {
    let mut builder =
        Builder { findings, open: Vec::new(), anchors: BTreeMap::new(), root: None, documents: 0, load: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(e) => {
                findings.note(place(e.marker()), Problem::new(format!("not YAML: {}", e.info())));
                return None;
            }
        };
        builder.event(event, &span).ok()?;
    }
    if builder.root.is_none() {
        findings.note(
            Place { line: 1, column: 1 },
            Problem::new("the file is empty").help("begin with `stages:`, a map from names to stages"),
        );
    }
    builder.root
}

struct Builder<'a> {
    findings: &'a Findings<'a>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
    documents: usize,
    /// What was read or copied by `<<` so far, as weight.
    load: usize,
}

/// A collection that is not at its end.
struct Open {
    place: Place,
    anchor: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map(Entries),
}

#[derive(Default)]
struct Entries {
    list: Vec<(Key, Node)>,
    /// The position of each key.
    index: BTreeMap<String, usize>,
    key: Option<Key>,
    /// What `<<` brings.
    merged: Vec<Node>,
}

/// What was noted cannot be read over.
struct Stop;

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Stop> {
        let at = place(&span.start);
        self.bear(at, 64 + event.scalar().map_or(0, |(text, _)| text.len()))?;
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let problem = Problem::new("a second document begins here");
                    return Err(self.stop(at, problem.help("a build is one document: leave out the `---`")));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let forced = self.tag(at, tag.as_deref());
                let style = if style == ScalarStyle::Plain && !forced { Style::Plain } else { Style::Quoted };
                let span = span.byte_range().unwrap_or_default();
                let scalar = Scalar { text: text.into_owned(), style, span };
                self.add(Node::new(at, Value::Scalar(scalar)), anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(at, tag.as_deref());
                self.start(Open { place: at, anchor, inside: Inside::List(Vec::new()) })?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(at, tag.as_deref());
                self.start(Open { place: at, anchor, inside: Inside::Map(Entries::default()) })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let value = match open.inside {
                        Inside::List(items) => Value::List(items),
                        Inside::Map(entries) => Value::Map(self.merge(entries)?),
                    };
                    self.add(Node::new(open.place, value), open.anchor)?;
                }
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => self.add(Node { alias: Some(at), ..node.clone() }, 0)?,
                None => {
                    return Err(self.stop(at, Problem::new("this alias stands inside of what it stands for")));
                }
            },
            _ => {}
        }
        Ok(())
    }

    /// Whether a tag makes a text of a scalar. Other tags mean nothing here.
    fn tag(&self, at: Place, tag: Option<&Tag>) -> bool {
        match tag {
            Some(tag) if tag.is_yaml_core_schema_tag("str") => return true,
            Some(tag) if !tag.is_yaml_core_schema() => {
                let problem = Problem::new(format!("the tag `{}` means nothing here", tag.original()));
                self.findings.note(at, problem.help("leave it out"));
            }
            _ => {}
        }
        false
    }

    /// Counts what is kept, so that too much of it is noticed before all of it is there.
    fn bear(&mut self, at: Place, weight: usize) -> Result<(), Stop> {
        self.load = self.load.saturating_add(weight);
        if self.load > HEAVIEST { Err(self.stop(at, too_large())) } else { Ok(()) }
    }

    fn stop(&self, at: Place, problem: Problem) -> Stop {
        self.findings.note(at, problem);
        Stop
    }

    fn start(&mut self, open: Open) -> Result<(), Stop> {
        if self.open.len() == DEEPEST {
            return Err(
                self.stop(open.place, Problem::new(format!("more than {DEEPEST} values lie in each other")))
            );
        }
        self.open.push(open);
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        let at = node.alias.unwrap_or(node.place);
        if node.weight > HEAVIEST {
            return Err(self.stop(at, too_large()));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map(entries)) => match entries.key.take() {
                None => match &*node.value {
                    Value::Scalar(scalar) => {
                        entries.key = Some(Key { text: scalar.text.clone(), place: at });
                    }
                    _ => {
                        let problem = Problem::new(format!("a key is a word, not {}", node.kind()));
                        return Err(self.stop(at, problem));
                    }
                },
                Some(key) if key.text == "<<" => entries.merged.push(node),
                Some(key) => match entries.index.get(&key.text) {
                    Some(first) => {
                        let first = self.findings.site(entries.list[*first].0.place);
                        let problem = Problem::new(format!("the key `{}` is here twice", key.text));
                        self.findings.note(key.place, problem.related(&first, "this is the first"));
                    }
                    None => {
                        entries.index.insert(key.text.clone(), entries.list.len());
                        entries.list.push((key, node));
                    }
                },
            },
        }
        Ok(())
    }

    /// The entries of a map with those that `<<` brings: what is written stands before what is merged.
    fn merge(&mut self, mut entries: Entries) -> Result<Vec<(Key, Node)>, Stop> {
        for node in std::mem::take(&mut entries.merged) {
            let sources = match &*node.value {
                Value::List(items) => items.as_slice(),
                _ => std::slice::from_ref(&node),
            };
            for source in sources {
                let Value::Map(more) = &*source.value else {
                    let problem = Problem::new(format!("`<<` takes a map, not {}", source.kind()));
                    self.findings.note(source.alias.unwrap_or(source.place), problem);
                    continue;
                };
                self.bear(source.alias.unwrap_or(source.place), more.len() * 64)?;
                for (key, value) in more {
                    if !entries.index.contains_key(&key.text) {
                        entries.index.insert(key.text.clone(), entries.list.len());
                        entries.list.push((key.clone(), value.clone()));
                    }
                }
            }
        }
        Ok(entries.list)
    }
}

fn too_large() -> Problem {
    Problem::new("the file is too large: 64 MiB, counting what aliases repeat")
}

pub(crate) fn place(mark: &Marker) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { line: number(mark.line()), column: number(mark.col()).saturating_add(1) }
}
