//! Looking for all forms of all secrets in a stream of bytes, whatever its pieces.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::mem;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use memchr::memchr3_iter;

use super::form::{Form, needles};
use crate::builder::Secret;

/// How much is read at a time.
const PIECE: usize = 64 << 10;

/// What is looked for. Cheap to clone.
#[derive(Clone)]
pub(in crate::builder) struct Wanted {
    /// How many secrets.
    pub(super) secrets: usize,
    /// Forms that stand as they are.
    plain: Arc<Automaton>,
    /// Forms that are found with spaces and line ends taken out.
    spaced: Arc<Automaton>,
}

/// Something found: the id of a secret, and its form.
pub(in crate::builder) type Hit = (String, Form);

/// Finds any of some byte strings.
struct Automaton {
    matcher: AhoCorasick,
    /// What each of them says.
    hits: Vec<Hit>,
    longest: usize,
}

/// A search in one stream.
pub(in crate::builder) struct Search<'a> {
    plain: Half<'a>,
    spaced: Half<'a>,
}

struct Half<'a> {
    automaton: &'a Automaton,
    /// The end of what has come, in which a match may have begun.
    rest: Vec<u8>,
    found: BTreeSet<usize>,
}

impl Wanted {
    /// All forms of these secrets, by id.
    pub(in crate::builder) fn new<'a>(secrets: impl IntoIterator<Item = (&'a String, &'a Secret)>) -> Self {
        let (mut plain, mut spaced, mut count) = (Vec::new(), Vec::new(), 0);
        for (id, secret) in secrets {
            count += 1;
            for needle in needles(secret.bytes()) {
                let list = if needle.spaced { &mut spaced } else { &mut plain };
                list.push(((id.clone(), needle.form), needle.bytes));
            }
        }
        Self {
            secrets: count,
            plain: Arc::new(Automaton::new(plain)),
            spaced: Arc::new(Automaton::new(spaced)),
        }
    }

    /// Begins a search.
    pub(in crate::builder) fn search(&self) -> Search<'_> {
        Search { plain: Half::new(&self.plain), spaced: Half::new(&self.spaced) }
    }

    /// A path to be shown: up to the directory before the first name in which a secret stands.
    pub(in crate::builder) fn shown(&self, path: &str) -> String {
        let is_clean = |path: &&str| self.in_bytes(path.as_bytes()).is_empty();
        if is_clean(&path) {
            return path.to_owned();
        }
        let cuts = path.match_indices('/').map(|(at, _)| &path[..=at]);
        let clean = cuts.rev().find(is_clean).unwrap_or_default();
        format!("{clean}…")
    }

    /// What stands in these bytes.
    pub(in crate::builder) fn in_bytes(&self, bytes: &[u8]) -> BTreeSet<Hit> {
        let mut search = self.search();
        search.push(bytes);
        search.found()
    }

    /// What stands in a stream, read to its end.
    pub(super) fn in_stream(&self, stream: &mut impl Read) -> io::Result<BTreeSet<Hit>> {
        let mut search = self.search();
        let mut piece = vec![0; PIECE];
        loop {
            match stream.read(&mut piece) {
                Ok(0) => return Ok(search.found()),
                Ok(length) => search.push(&piece[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Search<'_> {
    /// Takes the next bytes.
    pub(in crate::builder) fn push(&mut self, bytes: &[u8]) {
        self.plain.push([bytes]);
        let mut begin = 0;
        let spaces = memchr3_iter(b'\n', b'\r', b' ', bytes).chain([bytes.len()]);
        self.spaced
            .push(spaces.map(|end| &bytes[mem::replace(&mut begin, end + 1)..end]));
    }

    /// What has been found.
    pub(in crate::builder) fn found(&self) -> BTreeSet<Hit> {
        let halves = [&self.plain, &self.spaced].into_iter();
        halves
            .flat_map(|half| half.found.iter().map(|at| half.automaton.hits[*at].clone()))
            .collect()
    }
}

impl Automaton {
    fn new(needles: Vec<(Hit, Vec<u8>)>) -> Self {
        let (hits, bytes): (Vec<_>, Vec<_>) = needles.into_iter().unzip();
        let longest = bytes.iter().map(Vec::len).max().unwrap_or(1);
        let matcher = AhoCorasick::new(bytes).expect("secrets have a limit far below that of an automaton");
        Self { matcher, hits, longest }
    }
}

impl<'a> Half<'a> {
    fn new(automaton: &'a Automaton) -> Self {
        Self { automaton, rest: Vec::new(), found: BTreeSet::new() }
    }

    fn push<'b>(&mut self, pieces: impl IntoIterator<Item = &'b [u8]>) {
        for piece in pieces {
            self.rest.extend_from_slice(piece);
        }
        let found = self.automaton.matcher.find_overlapping_iter(&self.rest);
        self.found.extend(found.map(|found| found.pattern().as_usize()));
        let done = self.rest.len().saturating_sub(self.automaton.longest - 1);
        self.rest.drain(..done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        let secrets = [("token", "correct horse"), ("key", "battery staple\n")];
        let secrets: Vec<(String, Secret)> =
            secrets.map(|(id, value)| (id.to_owned(), Secret::value(value).unwrap())).into();
        Wanted::new(secrets.iter().map(|(id, secret)| (id, secret)))
    }

    #[test]
    fn pieces_do_not_hide_anything() {
        let wanted = wanted();
        let text = b"x battery staple, Y29ycmVjdCBob3JzZQ==, 636f 7272 6563 7420\n686f 7273 65";
        let whole = wanted.in_bytes(text);
        let expected = [("key", Form::Value), ("token", Form::Base64), ("token", Form::Hex)];
        assert_eq!(whole, expected.map(|(id, form)| (id.to_owned(), form)).into());
        for size in 1..text.len() {
            let mut search = wanted.search();
            text.chunks(size).for_each(|piece| search.push(piece));
            assert_eq!(search.found(), whole, "pieces of {size}");
        }
    }

    #[test]
    fn a_path_is_shown_without_secrets() {
        let wanted = wanted();
        for (path, expected) in [
            ("/reports/unit.xml", "/reports/unit.xml"),
            ("/reports/correct horse/unit.xml", "/reports/…"),
            ("/reports/a-correct horse", "/reports/…"),
            ("correct horse", "…"),
        ] {
            assert_eq!(wanted.shown(path), expected);
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        assert!(wanted().in_bytes(&vec![b'a'; 1 << 20]).is_empty());
        let none: [(&String, &Secret); 0] = [];
        assert!(Wanted::new(none).in_bytes(b"correct horse").is_empty());
    }
}
