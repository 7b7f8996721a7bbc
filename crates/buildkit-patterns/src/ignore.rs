//! `.dockerignore` files: text in, exclude patterns out.
//!
//! The rules are those of moby's `ignorefile`: a byte order mark is dropped, a line that *starts* with
//! `#` is a comment, surrounding space is cut, paths are cleaned, and a leading `/` is dropped, also
//! behind a `!`. What the patterns mean is [`Matcher`](crate::pattern::Matcher)'s matter.

use crate::path;

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
    use crate::pattern::Matcher;

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

    /// What a build sees of a context with these files, by what is documented of `.dockerignore`.
    fn left(text: &str, files: &[&'static str]) -> Vec<&'static str> {
        let matcher = Matcher::new(parse(text.as_bytes()).unwrap()).unwrap();
        files.iter().copied().filter(|file| !matcher.matches(file.as_bytes())).collect()
    }

    #[test]
    fn the_documented_rules_hold() {
        for (text, files, expected) in [
            // A comment, a path by its name, in each directory below, in those two below, and `?`.
            ("# comment\n*/temp*\n*/*/temp*\ntemp?\n", TEMPORARY, &["a/b/c/temp.d", "temp", "tempab"][..]),
            // Any number of directories, none included.
            ("**/*.go", &["x.go", "a/x.go", "a/b/x.go", "a/x.rs"], &["a/x.rs"]),
            ("**/foo/bar", &["foo/bar", "a/foo/bar/x", "foo/x/bar"], &["foo/x/bar"]),
            // `foo/bar` is at the root whether it begins and ends with a slash or not.
            ("/foo/bar/", &["foo/bar", "foo/bar/x", "a/foo/bar"], &["a/foo/bar"]),
            ("foo/bar", &["foo/bar", "foo/bar/x", "a/foo/bar"], &["a/foo/bar"]),
            // The last line that matches decides.
            ("*.md\n!README.md", &["a.md", "README.md", "x"], &["README.md", "x"]),
            ("*.md\n!README*.md\nREADME-secret.md", DOCS, &["README.md", "README-more.md"]),
            (
                "*.md\nREADME-secret.md\n!README*.md",
                DOCS,
                &["README.md", "README-more.md", "README-secret.md"],
            ),
            // Everything but; also from within a directory that is left out.
            ("*\n!src\n!Cargo.*", &["src/main.rs", "Cargo.toml", "x"], &["src/main.rs", "Cargo.toml"]),
            ("docs\n!docs/keep", &["docs/a", "docs/keep", "docs/keep/b"], &["docs/keep", "docs/keep/b"]),
            // Paths are cleaned first; blank lines and the root are no patterns.
            ("./a/../b\n\n  \n.\n", &["a", "b", "c"], &["a", "c"]),
            ("a//b/", &["a/b", "a/c"], &["a/c"]),
            // What is above the root does not exist.
            ("../a", &["a", "b"], &["a", "b"]),
            // Ends of lines, marks and space of editors; space within a name.
            ("\u{feff}a\r\n  b c  \r\n", &["a", "b c", "b"], &["b"]),
            (" #a", &["#a", "a"], &["a"]),
            ("! a\n*\n!\ta", &["a", "b"], &["a"]),
            // Characters that are not meant as wildcards, and classes.
            ("\\#a\n\\!b\n\\*", &["#a", "!b", "*", "c"], &["c"]),
            ("[a-c]x\n[^a-y]y", &["ax", "dx", "ay", "zy"], &["dx", "ay"]),
            // The files of the build itself can be left out of what it sees.
            (".dockerignore\nDockerfile", &[".dockerignore", "Dockerfile", "x"], &["x"]),
            ("caf\u{e9}/*", &["caf\u{e9}/x", "cafe/x"], &["cafe/x"]),
        ] {
            assert_eq!(left(text, files), expected, "{text:?}");
        }
    }

    const TEMPORARY: &[&str] = &[
        "a/temporary.txt",
        "a/temp",
        "a/b/temporary.txt",
        "a/b/c/temp.d",
        "temp",
        "tempa",
        "tempb",
        "tempab",
    ];
    const DOCS: &[&str] = &["a.md", "README.md", "README-more.md", "README-secret.md"];
}
