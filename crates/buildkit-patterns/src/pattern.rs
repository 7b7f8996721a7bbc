//! Path patterns as `.dockerignore`, includes and excludes mean them.
//!
//! Exactly what moby's `patternmatcher` does (v0.6.1), quirks included, because daemon and client must
//! agree about every file: `*` and `?` stay within a component, `**` spans them, `[a-z]` and `[^a-z]`
//! are classes (`[!` is not a negation), `\` escapes, `!` in front makes an exception, a later pattern
//! beats an earlier one, and a pattern that matches a directory matches all below it. Patterns and
//! paths are bytes; a byte that is not UTF-8 counts as one U+FFFD to a wildcard, as in Go.
//!
//! Unlike moby, every pattern is compiled at once, so that a bad one is an error before any file is
//! looked at, and the error names it.

use regex::Regex;

use crate::glob;
use crate::gomatch;
use crate::path;

/// A pattern that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// `!` without anything behind it.
    #[error("pattern \"!\" makes no exception: a path must follow")]
    LoneException,
    /// Not a well-formed pattern.
    #[error("pattern {pattern} is malformed: {reason}")]
    Malformed {
        /// The pattern, in quotes.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Well formed, but too large to be compiled.
    #[error("pattern {pattern} is too large")]
    TooLarge {
        /// The pattern, in quotes.
        pattern: String,
    },
}

/// Whether these patterns can be used, without making them ready for use.
///
/// # Errors
///
/// The first that is not well formed. [`Matcher::new`] finds nothing more, but for a pattern that is too large.
pub fn check<P: AsRef<[u8]>>(patterns: impl IntoIterator<Item = P>) -> Result<(), PatternError> {
    patterns
        .into_iter()
        .try_for_each(|pattern| Translated::of(pattern.as_ref()).map(drop))
}

/// An ordered list of patterns.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    patterns: Vec<Pattern>,
}

/// Which patterns matched a directory: what its children need to know of it.
///
/// The default says nothing of the parents, and then each of them is matched too.
#[derive(Clone, Debug, Default)]
pub struct Matched(Vec<bool>);

impl Matcher {
    /// Compiles patterns; empty ones are dropped.
    pub fn new<P: AsRef<[u8]>>(patterns: impl IntoIterator<Item = P>) -> Result<Self, PatternError> {
        let patterns = patterns.into_iter().filter_map(|p| Pattern::parse(p.as_ref()).transpose());
        Ok(Self { patterns: patterns.collect::<Result<_, _>>()? })
    }

    /// Whether there is no pattern at all.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether the path, or a directory above it, is matched and not excepted.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.evaluate(path, &Matched::default(), None)
    }

    /// The same for a path whose directory was matched before, with what is known of that.
    pub fn matches_below(&self, path: &[u8], parent: &Matched) -> bool {
        self.evaluate(path, parent, None)
    }

    /// The same for a directory, and what its children need.
    pub fn matches_directory(&self, path: &[u8], parent: &Matched) -> (bool, Matched) {
        let mut matched = vec![false; self.patterns.len()];
        let result = self.evaluate(path, parent, Some(&mut matched));
        (result, Matched(matched))
    }

    /// Whether a path below this directory, which itself is not matched, could be.
    pub fn could_match_inside(&self, directory: &[u8]) -> bool {
        self.patterns.iter().any(|p| !p.exception && p.could_match_inside(directory))
    }

    /// Whether a path below this directory, which itself is matched, could be excepted.
    pub fn could_except_inside(&self, directory: &[u8]) -> bool {
        self.patterns.iter().any(|p| p.exception && p.could_match_inside(directory))
    }

    fn evaluate(&self, path: &[u8], parent: &Matched, mut record: Option<&mut Vec<bool>>) -> bool {
        let mut matched = false;
        for (index, pattern) in self.patterns.iter().enumerate() {
            let inherited = parent.0.get(index).copied().unwrap_or(false);
            // A pattern that could not change the result is not looked at, and its children will not
            // be told that it matched. That is moby's behaviour, and results depend on it.
            if !inherited && pattern.exception != matched {
                continue;
            }
            let hit = inherited
                || pattern.matches(path)
                || (parent.0.is_empty() && parents(path).any(|p| pattern.matches(p)));
            if hit {
                matched = !pattern.exception;
            }
            if let Some(record) = record.as_deref_mut() {
                record[index] = hit;
            }
        }
        matched
    }
}

/// The directories above a path, from the outermost.
fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter()
        .enumerate()
        .filter(|(_, b)| **b == b'/')
        .map(move |(at, _)| &path[..at])
}

#[derive(Clone, Debug)]
struct Pattern {
    text: Vec<u8>,
    exception: bool,
    rule: Rule,
}

#[derive(Clone, Debug)]
enum Rule {
    /// The text itself.
    Exact,
    /// The text without its trailing `**` begins the path.
    Prefix,
    /// The text without its leading `**` ends the path.
    Suffix,
    Regex(Regex),
}

/// A pattern that is read, before its expression is compiled.
struct Translated {
    text: Vec<u8>,
    exception: bool,
    rule: glob::Rule,
}

impl Translated {
    /// `None` for a pattern without content.
    fn of(pattern: &[u8]) -> Result<Option<Self>, PatternError> {
        let trimmed = path::trim(pattern);
        if trimmed.is_empty() {
            return Ok(None);
        }
        let mut text = path::clean(trimmed);
        let exception = text[0] == b'!';
        if exception {
            text.remove(0);
            if text.is_empty() {
                return Err(PatternError::LoneException);
            }
        }
        let malformed = |reason| PatternError::Malformed { pattern: path::quoted(pattern), reason };
        // moby asks no more of a pattern than this, and leaves the rest to the expression.
        gomatch::matches(&text, b".").map_err(malformed)?;
        let rule = glob::translate(&path::go_text(&text)).map_err(malformed)?;
        Ok(Some(Self { text, exception, rule }))
    }
}

impl Pattern {
    /// `None` for a pattern without content.
    fn parse(pattern: &[u8]) -> Result<Option<Self>, PatternError> {
        let Some(Translated { text, exception, rule }) = Translated::of(pattern)? else { return Ok(None) };
        let rule = match rule {
            glob::Rule::Exact => Rule::Exact,
            glob::Rule::Prefix => Rule::Prefix,
            glob::Rule::Suffix => Rule::Suffix,
            glob::Rule::Regex(regex) => Rule::Regex(
                Regex::new(&regex).map_err(|_| PatternError::TooLarge { pattern: path::quoted(pattern) })?,
            ),
        };
        Ok(Some(Self { text, exception, rule }))
    }

    fn matches(&self, path: &[u8]) -> bool {
        match &self.rule {
            Rule::Exact => path == self.text,
            Rule::Prefix => path.starts_with(&self.text[..self.text.len() - 2]),
            Rule::Suffix => {
                let suffix = &self.text[2..];
                path.ends_with(suffix) || suffix.strip_prefix(b"/") == Some(path)
            }
            Rule::Regex(regex) => regex.is_match(&path::go_text(path)),
        }
    }

    /// A match below `directory` begins with the pattern's components before the first wildcard: the
    /// directory must lie on the way to them, or, if a wildcard follows, below them.
    fn could_match_inside(&self, directory: &[u8]) -> bool {
        let text = self
            .text
            .strip_suffix(b"/**")
            .or_else(|| self.text.strip_suffix(b"/*"))
            .unwrap_or(&self.text);
        if !text.iter().any(|b| b"*?[]^\\".contains(b)) {
            return path::is_below(text, directory);
        }
        // Beside a wildcard, `|` lets a match begin anywhere, and `{` takes back what stands before it.
        if text.contains(&b'|') {
            return true;
        }
        let literal = text.split(|b| b"*?[]^\\{".contains(b)).next().unwrap_or_default();
        let literal = path::split(literal).0;
        path::is_below(literal, directory) || path::is_below(directory, literal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(patterns: &[&str]) -> Matcher {
        Matcher::new(patterns).unwrap_or_else(|e| panic!("{patterns:?}: {e}"))
    }

    /// Checks both ways of asking: with parents looked up, and walking down from the root.
    fn check(patterns: &[&str], path: &str, expected: bool) {
        let matcher = matcher(patterns);
        let path = path.as_bytes();
        assert_eq!(matcher.matches(path), expected, "{patterns:?} on {}", path::quoted(path));
        let mut known = Matched::default();
        for parent in parents(path) {
            known = matcher.matches_directory(parent, &known).1;
        }
        assert_eq!(
            matcher.matches_below(path, &known),
            expected,
            "{patterns:?} walking to {}",
            path::quoted(path)
        );
    }

    #[test]
    fn single_patterns() {
        for (pattern, path, expected) in [
            ("**", "file", true),
            ("**/", "file", true),
            ("**", "dir/file", true),
            ("**/**", "dir/file", true),
            ("dir/**", "dir/file", true),
            ("dir/**", "dir/dir2/file", true),
            ("dir/**", "dir", false),
            ("dir/**", "dirx/file", false),
            ("**/dir", "dir", true),
            ("**/dir", "dir/file", true),
            ("**/dir", "a/dir/b/c", true),
            ("**/dir2/*", "dir/dir2/file", true),
            ("**/dir2/**", "dir/dir2/dir3/file", true),
            ("**file", "file", true),
            ("**file", "dir/other.file", true),
            ("**/file", "dir/other.file", false),
            ("**/file*txt", "a/b/file.txt", true),
            ("**/**/*.txt", "a/b/file.txt", true),
            ("**/**/*.txt2", "a/b/file.txt", false),
            ("**/*.txt", "file.txt", true),
            ("a**/*.txt", "a/file.txt", true),
            ("a**/*.txt", "a/b/c/file.txt", true),
            ("a/*.txt", "a/b/file.txt", false),
            ("a/*.txt**", "a/file.txt", true),
            ("*", "a", true),
            ("*", "a/b", true),
            ("*/b", "a/b", true),
            ("*.go", "a/b.go", false),
            ("a[b-d]e", "ace", true),
            ("a[b-d]e", "aae", false),
            ("a[^b-d]e", "aze", true),
            ("a[^b-d]e", "ace", false),
            (".*", ".foo", true),
            (".*", "foo", false),
            ("abc.def", "abcZdef", false),
            ("abc?def", "abcZdef", true),
            ("abc?def", "abcdef", false),
            ("a?b", "a/b", false),
            ("a\\\\", "a\\", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("**/.foo", ".foo", true),
            ("**/.foo", "bar.foo", false),
            ("a(b)c/def", "a(b)c/def", true),
            ("a.|)$(}+{bc", "a.|)$(}+{bc", true),
            ("dist/*.whl", "dist/x-2.4.0rc3.dev36+g08-py3.whl", true),
            ("a?b", "a\u{263a}b", true),
            ("a???b", "a\u{263a}b", false),
            ("a[^a]b", "a\u{263a}b", true),
            ("[a-\u{3b6}]*", "\u{3b1}", true),
            ("*[a-\u{3b6}]", "A", false),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("docs/", "docs/README.md", true),
            ("./docs", "docs", true),
            ("a/../b", "b", true),
            (" docs ", "docs", true),
        ] {
            check(&[pattern], path, expected);
        }
    }

    #[test]
    fn classes_are_gos_not_the_shells() {
        // A class with `!` in it, not "anything but a".
        check(&["[!a]"], "!", true);
        check(&["[!a]"], "a", true);
        check(&["[!a]"], "b", false);
        for (pattern, path, expected) in [
            ("[\\]a]", "]", true),
            ("[\\-]", "-", true),
            ("[x\\-]", "z", false),
            ("[\\-x]", "-", true),
            ("[a&&b]", "&", true),
            ("[a&&b]", "b", true),
            ("[a~~b]", "~", true),
            ("[a[b]", "[", true),
            ("[[:digit:]]", "5", true),
            ("[\\d]x", "7x", true),
            ("\\d", "7", true),
            ("\\d", "d", false),
            ("\\x61b", "ab", true),
            ("\\x{263a}*", "\u{263a}", true),
            ("\\141*", "ab", true),
            ("\\Qa|b*", "a|bx", false),
            ("x|\\Qa|b\\E", "a|b", true),
            ("\u{feff}a?", "ab", true),
            ("[.]", ".", true),
            ("[.]", "a", false),
            // Wildcards are rewritten inside classes too.
            ("[*]", "//]", true),
            ("[*]", "*", false),
            // Without a wildcard all characters are themselves; beside one, these are operators.
            ("a{2}", "a{2}", true),
            ("a{2}?", "aab", true),
            ("{a,b}?", "{a,b}c", true),
            ("a|b", "a|b", true),
            ("a|b?", "a/x", true),
        ] {
            check(&[pattern], path, expected);
        }
    }

    #[test]
    fn order_and_exceptions() {
        for (patterns, path, expected) in [
            (&["!fileutils.go", "*.go"][..], "fileutils.go", true),
            (&["*.go", "!fileutils.go"], "fileutils.go", false),
            (&["docs", "!docs/README.md"], "docs/README.md", false),
            (&["docs", "!docs/README.md"], "docs/other.md", true),
            (&["docs/*", "!docs/README.md"], "docs/README.md", false),
            (&["**", "!util/docker/web"], "util/docker/web/foo", false),
            (&["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo", true),
            (&["**", "!dist/*.whl"], "dist/a.whl", false),
            (&["*", "!src", "src/*.o"], "src/a.o", true),
            (&["*", "!src", "src/*.o"], "src/a.c", false),
            (&[], "any/path", false),
        ] {
            check(patterns, path, expected);
        }
    }

    #[test]
    fn names_need_not_be_utf8() {
        let matcher = Matcher::new([b"a?c".as_slice(), b"lit\xff", b"*.\xfe"]).unwrap();
        for (path, expected) in [
            (b"a\xffc".as_slice(), true),
            (b"a\xff\xffc", false),
            (b"lit\xff", true),
            (b"lit\xfe", false),
            (b"x.\xfe", true),
        ] {
            assert_eq!(matcher.matches(path), expected, "{}", path::quoted(path));
        }
    }

    #[test]
    fn dots_stop_at_newlines_and_stars_do_not() {
        check(&["*.txt"], "a\nb.txt", true);
        check(&["**/*.txt"], "a\nb/c.txt", false);
        check(&["**/c"], "a\nb/c", true);
    }

    #[test]
    fn bad_patterns_are_named() {
        for pattern in [
            "[",
            "[^",
            "[^bc",
            "a[",
            "[]a]",
            "[-]",
            "[x-]",
            "[-x]",
            "[a-b-c]",
            "\\",
            "a\\",
            "[Local-Only]/",
            "\\y",
            "[\\y]",
            "\\pL",
            "\\x6",
            "\\x{}",
            "\\x{d800}",
            "\\1",
        ] {
            let Err(PatternError::Malformed { pattern: named, .. }) = Matcher::new([pattern]) else {
                panic!("{pattern} was accepted");
            };
            assert_eq!(named, format!("{pattern:?}"));
        }
        assert_eq!(Matcher::new(["a", " ! "]).unwrap_err(), PatternError::LoneException);
    }

    #[test]
    fn directories_are_entered_only_where_something_may_match() {
        for (pattern, directory, expected) in [
            ("a/b/c", "a", true),
            ("a/b/c", "a/b", true),
            ("a/b/c", "a/x", false),
            ("a/b/c", "ab", false),
            ("a/b/*", "a", true),
            ("a/b/**", "x", false),
            ("a/*.c", "a", true),
            ("a/*.c", "b", false),
            ("a/*/c", "a/b", true),
            ("**/c", "x/y", true),
            ("*/c", "x", true),
            ("a/b|c*", "x", true),
            ("a/b{0}c/*d", "a", true),
            ("a/b{0}c/*d", "x", false),
        ] {
            assert_eq!(
                matcher(&[pattern]).could_match_inside(directory.as_bytes()),
                expected,
                "{pattern} in {directory}"
            );
            let exception = matcher(&[&format!("!{pattern}")]);
            assert_eq!(
                exception.could_except_inside(directory.as_bytes()),
                expected,
                "!{pattern} in {directory}"
            );
            assert!(!exception.could_match_inside(directory.as_bytes()));
        }
    }
}
