//! Args in a tree: whether every name is known, and what stands where they are filled in.

use stagewright_plan::Problem;

use crate::args::{Args, Values, is_of_target};
use crate::findings::Findings;
use crate::parse::HEAVIEST;
use crate::template::{self, Otherwise, Piece};
use crate::tree::{Key, Node, Place, Scalar, Style, Value};

/// Checks every text outside of `args`, and tells whether anything of the platform that is built for is asked.
pub(crate) fn check(root: &Node, source: &str, args: &Args, findings: &Findings<'_>) -> bool {
    let mut check = Check { source, args, findings, of_target: false };
    for (_, node) in outside_args(root) {
        check.node(node);
    }
    check.of_target
}

/// The tree with every text outside of `args` filled in; what fails by `:?` is noted.
pub(crate) fn fill(root: &Node, source: &str, values: &Values, findings: &Findings<'_>) -> Node {
    let mut fill = Fill { source, values, findings, filled: 0 };
    let entries: Vec<(Key, Node)> =
        outside_args(root).map(|(key, node)| (key.clone(), fill.node(node))).collect();
    Node::new(root.place, Value::Map(entries))
}

fn outside_args(root: &Node) -> impl Iterator<Item = &(Key, Node)> {
    let entries = match &*root.value {
        Value::Map(entries) => entries.as_slice(),
        _ => &[],
    };
    entries.iter().filter(|(key, _)| key.text != "args")
}

struct Check<'a> {
    source: &'a str,
    args: &'a Args,
    findings: &'a Findings<'a>,
    of_target: bool,
}

impl Check<'_> {
    fn node(&mut self, node: &Node) {
        match &*node.value {
            Value::Scalar(scalar) if node.open => match template::pieces(&scalar.text) {
                Ok(pieces) => self.pieces(node.place, scalar, &pieces),
                Err(wrong) => {
                    let problem = Problem::new(wrong.why).help("for the shell's own, write `$${`");
                    self.findings
                        .note(place_in(self.source, node.place, scalar, wrong.start), problem);
                }
            },
            Value::Scalar(_) => {}
            Value::List(items) => items.iter().for_each(|item| self.node(item)),
            Value::Map(entries) => {
                for (key, item) in entries {
                    if key.text == "when"
                        && let Value::Map(conditions) = &*item.value
                    {
                        self.of_target |= conditions.iter().any(|(key, _)| is_of_target(&key.text));
                    }
                    if key.text == "steps" {
                        let steps = match &*item.value {
                            Value::List(steps) => steps.as_slice(),
                            _ => std::slice::from_ref(item),
                        };
                        self.of_target |= steps.iter().any(|step| step.entry("cross").is_some());
                    }
                    self.node(item);
                }
            }
        }
    }

    fn pieces(&mut self, at: Place, scalar: &Scalar, pieces: &[Piece<'_>]) {
        for piece in pieces {
            let Piece::Arg(arg) = piece else { continue };
            self.of_target |= is_of_target(arg.name);
            if !self.args.knows(arg.name) {
                let problem = self.args.unknown(arg.name);
                let shell = format!("for the shell's own, write `${}`", arg.whole);
                let help = problem.help.as_ref().map_or(shell.clone(), |help| format!("{help}; {shell}"));
                self.findings
                    .note(place_in(self.source, at, scalar, arg.start), problem.help(help));
            }
            if let Otherwise::Default(pieces) | Otherwise::Fail(pieces) = &arg.otherwise {
                self.pieces(at, scalar, pieces);
            }
        }
    }
}

struct Fill<'a> {
    source: &'a str,
    values: &'a Values,
    findings: &'a Findings<'a>,
    /// What was filled in so far, in bytes.
    filled: usize,
}

impl Fill<'_> {
    fn node(&mut self, node: &Node) -> Node {
        if !node.open {
            return node.clone();
        }
        let value = match &*node.value {
            Value::Scalar(scalar) => {
                let mut text = String::new();
                if let Ok(pieces) = template::pieces(&scalar.text) {
                    self.pieces(node.place, scalar, &pieces, &mut text);
                }
                let style = if scalar.style == Style::Quoted { Style::Quoted } else { Style::Filled };
                Value::Scalar(Scalar { text, style, span: scalar.span.clone() })
            }
            Value::List(items) => Value::List(items.iter().map(|item| self.node(item)).collect()),
            Value::Map(entries) => {
                Value::Map(entries.iter().map(|(key, item)| (key.clone(), self.node(item))).collect())
            }
        };
        Node { alias: node.alias, ..Node::new(node.place, value) }
    }

    fn pieces(&mut self, at: Place, scalar: &Scalar, pieces: &[Piece<'_>], text: &mut String) {
        for piece in pieces {
            let arg = match piece {
                Piece::Text(piece) => {
                    self.push(at, piece, text);
                    continue;
                }
                Piece::Arg(arg) => arg,
            };
            let value = self.values.get(arg.name).map_or("", String::as_str);
            match &arg.otherwise {
                Otherwise::Default(default) if value.is_empty() => self.pieces(at, scalar, default, text),
                Otherwise::Fail(message) if value.is_empty() => {
                    let mut why = String::new();
                    self.pieces(at, scalar, message, &mut why);
                    let problem = Problem::new(format!("the arg `{}` is empty: {why}", arg.name));
                    let problem = problem.help(format!("give it: --build-arg {}=…", arg.name));
                    self.findings.note(place_in(self.source, at, scalar, arg.start), problem);
                }
                _ => self.push(at, value, text),
            }
        }
    }

    fn push(&mut self, at: Place, piece: &str, text: &mut String) {
        let before = self.filled;
        self.filled = before.saturating_add(piece.len());
        if self.filled <= HEAVIEST {
            text.push_str(piece);
        } else if before <= HEAVIEST {
            self.findings
                .note(at, Problem::new("the file is too large: 64 MiB, with its args filled in"));
        }
    }
}

/// The place of a `$` in a text, given where it stands once quotes and folds are gone.
fn place_in(source: &str, at: Place, scalar: &Scalar, start: usize) -> Place {
    let before = scalar.text[..start].matches('$').count();
    let raw = source.get(scalar.span.clone()).unwrap_or_default();
    let Some((offset, _)) = raw.match_indices('$').nth(before) else { return at };
    let mut place = at;
    for c in raw[..offset].chars() {
        if c == '\n' {
            place = Place { line: place.line + 1, column: 1 };
        } else {
            place.column += 1;
        }
    }
    place
}
