//! Texts with something to fill in: `${name}`, `${name:-default}`, `${name:?message}`, and `$$` for a dollar sign.
//!
//! A `$` before anything else is itself: `$HOME` and `$(pwd)` are the shell's.

/// How deep defaults may lie in each other.
const DEEPEST: usize = 8;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Arg(Arg<'a>),
}

/// A name to fill in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arg<'a> {
    pub(crate) name: &'a str,
    /// All of it, with `${` and `}`.
    pub(crate) whole: &'a str,
    /// Where it begins in the text, in bytes.
    pub(crate) start: usize,
    pub(crate) otherwise: Otherwise<'a>,
}

/// What happens when the value is empty.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Otherwise<'a> {
    Empty,
    /// This stands for it.
    Default(Vec<Piece<'a>>),
    /// It is an error, with this message.
    Fail(Vec<Piece<'a>>),
}

/// What is wrong with a text, and where in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) start: usize,
    pub(crate) why: String,
}

/// The parts of a text.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Wrong> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.pieces(0)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// The parts up to the end of the text or, inside of a name, up to its `}`.
    fn pieces(&mut self, depth: usize) -> Result<Vec<Piece<'a>>, Wrong> {
        let mut pieces = Vec::new();
        let mut from = self.at;
        while let Some(c) = self.text[self.at..].chars().next() {
            let rest = &self.text[self.at..];
            if depth > 0 && c == '}' {
                break;
            } else if rest.starts_with("$$") {
                pieces.push(Piece::Text(&self.text[from..=self.at]));
                self.at += 2;
                from = self.at;
            } else if rest.starts_with("${") {
                pieces.push(Piece::Text(&self.text[from..self.at]));
                pieces.push(Piece::Arg(self.arg(depth + 1)?));
                from = self.at;
            } else {
                self.at += c.len_utf8();
            }
        }
        pieces.push(Piece::Text(&self.text[from..self.at]));
        pieces.retain(|piece| *piece != Piece::Text(""));
        Ok(pieces)
    }

    fn arg(&mut self, depth: usize) -> Result<Arg<'a>, Wrong> {
        let start = self.at;
        let wrong = |why: String| Wrong { start, why };
        if depth > DEEPEST {
            return Err(wrong(format!("more than {DEEPEST} `${{…}}` lie in each other")));
        }
        let rest = &self.text[start + 2..];
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
        let Some(length) = length else { return Err(wrong("`${` has no `}`".to_owned())) };
        let (name, after) = rest.split_at(length);
        self.at = start + 2 + length;
        let otherwise = if after.starts_with('}') {
            Otherwise::Empty
        } else if after.starts_with(":-") {
            self.at += 2;
            Otherwise::Default(self.pieces(depth)?)
        } else if after.starts_with(":?") {
            self.at += 2;
            Otherwise::Fail(self.pieces(depth)?)
        } else {
            let end = rest.find('}').map_or(self.text.len(), |end| start + 2 + end + 1);
            let whole = &self.text[start..end];
            return Err(wrong(format!(
                "`{whole}` is not `${{name}}`, `${{name:-default}}` or `${{name:?message}}`"
            )));
        };
        if !self.text[self.at..].starts_with('}') {
            return Err(wrong("`${` has no `}`".to_owned()));
        }
        self.at += 1;
        Ok(Arg { name, whole: &self.text[start..self.at], start, otherwise })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn shown(pieces: &[Piece<'_>]) -> String {
        let shown = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => format!("{text:?}"),
            Piece::Arg(arg) => {
                let otherwise = match &arg.otherwise {
                    Otherwise::Empty => String::new(),
                    Otherwise::Default(pieces) => format!(" or {}", shown(pieces)),
                    Otherwise::Fail(pieces) => format!(" or fail {}", shown(pieces)),
                };
                format!("<{}{otherwise}>", arg.name)
            }
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    fn check(text: &str, expected: &Expect) {
        let actual = match pieces(text) {
            Ok(pieces) => shown(&pieces),
            Err(wrong) => format!("at {}: {}", wrong.start, wrong.why),
        };
        expected.assert_eq(&actual);
    }

    #[test]
    fn what_is_filled_in() {
        check("node:${node}-slim", &expect![[r#""node:" <node> "-slim""#]]);
        check("${a}${b_c}${d-e}", &expect!["<a> <b_c> <d-e>"]);
        check("${a:-x}y", &expect![[r#"<a or "x"> "y""#]]);
        check("${a:-}", &expect!["<a or >"]);
        check("${a:-${b:-c}d}", &expect![[r#"<a or <b or "c"> "d">"#]]);
        check("${a:?say it}", &expect![[r#"<a or fail "say it">"#]]);
    }

    #[test]
    fn what_is_the_shells() {
        check("", &expect![""]);
        check("$HOME $(pwd) $1 $", &expect![[r#""$HOME $(pwd) $1 $""#]]);
        check("$${HOME} $$x", &expect![[r#""$" "{HOME} $" "x""#]]);
        check("a } b", &expect![[r#""a } b""#]]);
    }

    #[test]
    fn what_is_wrong() {
        check("a ${b", &expect!["at 2: `${` has no `}`"]);
        check("${b:-c", &expect!["at 0: `${` has no `}`"]);
        check(
            "é ${x%.*} y",
            &expect!["at 3: `${x%.*}` is not `${name}`, `${name:-default}` or `${name:?message}`"],
        );
        check("${}", &expect!["<>"]);
        check(&"${a:-".repeat(9), &expect!["at 40: more than 8 `${…}` lie in each other"]);
    }
}
