//! Slash-separated paths as bytes: cleaning, order, parts.
//!
//! Paths of the protocol are relative, use `/` on every platform and need not be UTF-8. The empty
//! path and `.` both name the root.

use std::borrow::Cow;

/// The shortest path that names the same place, by the rules of Go's `path.Clean`.
///
/// Doubled slashes, `.` and inner `..` go; a leading `..` stays where there is nothing to take away;
/// nothing at all becomes `.`.
#[must_use]
pub fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.first() == Some(&b'/');
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(&last) if last != b".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    if rooted {
        [b"/", joined.as_slice()].concat()
    } else if joined.is_empty() {
        b".".to_vec()
    } else {
        joined
    }
}

/// `dir/name`, or `name` at the root.
#[must_use]
pub fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() || dir == b"." { name.to_vec() } else { [dir, b"/", name].concat() }
}

/// Directory (empty at the root) and last component of a clean path.
#[must_use]
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|b| *b == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// Whether `path` is `dir` or lies below it. Everything lies below the root.
#[must_use]
pub fn is_below(path: &[u8], dir: &[u8]) -> bool {
    match path.strip_prefix(dir) {
        Some(rest) => dir.is_empty() || rest.is_empty() || rest[0] == b'/',
        None => false,
    }
}

/// The protocol's order: bytewise with `/` below every other byte, so that a directory comes directly
/// before its children (fsutil `validator.go`).
#[must_use]
pub fn compare(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    let rank = |byte: &u8| if *byte == b'/' { 0 } else { u16::from(*byte) + 1 };
    a.iter().map(rank).cmp(b.iter().map(rank))
}

/// The path without Unicode's white space around it, as Go's `strings.TrimSpace` leaves it.
#[must_use]
pub fn trim(path: &[u8]) -> &[u8] {
    let mut chunks = path.utf8_chunks();
    let before = chunks.next().map_or(0, |chunk| match chunk.valid().trim_start() {
        "" if chunk.invalid().is_empty() => path.len(),
        text => chunk.valid().len() - text.len(),
    });
    let path = &path[before..];
    let behind = path.utf8_chunks().last().map_or(0, |chunk| {
        if chunk.invalid().is_empty() { chunk.valid().len() - chunk.valid().trim_end().len() } else { 0 }
    });
    &path[..path.len() - behind]
}

/// Bytes of a path that a message shows; honest paths may have 12 kB.
pub const MAX_SHOWN: usize = 16 << 10;

/// The path for a message: in quotes, control characters and foreign bytes made visible.
#[must_use]
pub fn quoted(path: &[u8]) -> String {
    // Messages travel as headers, and a peer that lies may send a path of megabytes.
    let shown = &path[..path.len().min(MAX_SHOWN)];
    let more = if shown.len() < path.len() { "…" } else { "" };
    format!("{:?}{more}", String::from_utf8_lossy(shown))
}

/// The text that Go sees in these bytes: each byte that is not UTF-8 is one U+FFFD.
#[must_use]
pub fn go_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_follows_go() {
        for (path, expected) in [
            ("", "."),
            (".", "."),
            ("a//b/./c/", "a/b/c"),
            ("a/../b", "b"),
            ("a/..", "."),
            ("../a/../..", "../.."),
            ("/..", "/"),
            ("/../a/", "/a"),
            ("!/a/", "!/a"),
            ("..a", "..a"),
        ] {
            assert_eq!(clean(path.as_bytes()), expected.as_bytes(), "{path}");
        }
    }

    #[test]
    fn a_directory_comes_before_its_children_and_they_before_its_neighbours() {
        let mut paths = ["a-b", "a/z", "a", "a.b", "a/b/c", "a/b", "ab", "a/b-c"];
        paths.sort_by(|a, b| compare(a.as_bytes(), b.as_bytes()));
        assert_eq!(paths, ["a", "a/b", "a/b/c", "a/b-c", "a/z", "a-b", "a.b", "ab"]);
    }

    #[test]
    fn below_means_whole_components() {
        for (path, dir, expected) in
            [("a/b", "a", true), ("a", "a", true), ("ab", "a", false), ("a", "a/b", false), ("a", "", true)]
        {
            assert_eq!(is_below(path.as_bytes(), dir.as_bytes()), expected, "{path} below {dir}");
        }
    }

    #[test]
    fn messages_are_safe_to_print() {
        assert_eq!(quoted(b"a\nb\xff\x1b[2J"), "\"a\\nb\u{fffd}\\u{1b}[2J\"");
    }

    #[test]
    fn white_space_is_cut_beside_foreign_bytes_too() {
        for (path, expected) in [
            (&b" a b\t\x0b"[..], &b"a b"[..]),
            ("\u{2003}a\u{a0}\u{85}".as_bytes(), b"a"),
            (" \u{a0}".as_bytes(), b""),
            (b"", b""),
            (b" \xff ", b"\xff"),
            (b"\x0b a\xff", b"a\xff"),
            (b"\xffa \xe2\x80\x83", b"\xffa"),
        ] {
            assert_eq!(trim(path), expected, "{}", quoted(path));
        }
    }

    #[test]
    fn foreign_bytes_are_one_character_each() {
        assert_eq!(go_text(b"a\xe2\x98b\xff"), "a\u{fffd}\u{fffd}b\u{fffd}");
    }
}
