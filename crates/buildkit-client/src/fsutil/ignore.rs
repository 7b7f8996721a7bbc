//! `.dockerignore` files: text in, exclude patterns out.
//!
//! The rules are those of moby's `ignorefile`: a byte order mark is dropped, a line that *starts* with
//! `#` is a comment, surrounding space is cut, paths are cleaned, and a leading `/` is dropped, also
//! behind a `!`. What the patterns mean is [`Matcher`](super::pattern::Matcher)'s matter.

use super::path;

/// A `.dockerignore` that cannot be taken at its word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IgnoreError {
    /// Patterns travel as JSON text to the daemon, which would silently change these bytes.
    #[error("line {line} of the ignore file is not UTF-8")]
    NotUtf8 {
        /// Line, counted from one.
        line: usize,
    },
}

/// Patterns of an ignore file, in their order.
///
/// A lone `!` is kept: it is an error of the pattern, and reported as such.
pub fn parse(text: &[u8]) -> Result<Vec<String>, IgnoreError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut patterns = Vec::new();
    for (index, line) in text.split(|b| *b == b'\n').enumerate() {
        if line.starts_with(b"#") {
            continue;
        }
        let line = std::str::from_utf8(line)
            .map_err(|_| IgnoreError::NotUtf8 { line: index + 1 })?
            .trim();
        if line.is_empty() {
            continue;
        }
        let (exception, path) = match line.strip_prefix('!') {
            Some(path) => ("!", path.trim()),
            None => ("", line),
        };
        patterns.push(format!("{exception}{}", relative(path)));
    }
    Ok(patterns)
}

fn relative(pattern: &str) -> String {
    if pattern.is_empty() {
        return String::new();
    }
    let cleaned = String::from_utf8(path::clean(pattern.as_bytes())).unwrap_or_else(|_| pattern.to_owned());
    match cleaned.strip_prefix('/') {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => cleaned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(parse(text.as_bytes()).unwrap(), expected, "{text:?}");
    }

    #[test]
    fn paths_are_relative_to_the_context() {
        check("one\n/two\n/a/file/here\n\nlast", &["one", "two", "a/file/here", "last"]);
        check("./a/../b/\n//c\n/", &["b", "c", "/"]);
    }

    #[test]
    fn exceptions_keep_their_mark() {
        check("! /inverted/abs/path\n!\n! \n!a/", &["!inverted/abs/path", "!", "!", "!a"]);
    }

    #[test]
    fn only_a_line_that_starts_with_a_hash_is_a_comment() {
        check("# no\n #yes\na#b\n\\#c", &["#yes", "a#b", "\\#c"]);
    }

    #[test]
    fn marks_carriage_returns_and_space_are_cut() {
        check("\u{feff}# comment\r\n \tnode_modules \r\n\u{feff}x", &["node_modules", "\u{feff}x"]);
        check("", &[]);
        check("\n\n  \n", &[]);
    }

    #[test]
    fn foreign_bytes_are_an_error_with_a_line() {
        assert_eq!(parse(b"a\n\nb\xff"), Err(IgnoreError::NotUtf8 { line: 3 }));
        assert_eq!(parse(b"#\xff\na").unwrap(), ["a"]);
    }
}
