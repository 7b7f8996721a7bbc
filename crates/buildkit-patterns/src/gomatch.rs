//! Go's `filepath.Match`, on bytes.
//!
//! moby asks it whether a pattern is well formed, and fsutil which names a followed wildcard means. Like Go's
//! (1.26), it looks at a pattern no further than it must: what follows the first part that does not match is
//! not checked.

/// Whether the pattern matches the whole name, or why it is malformed.
pub fn matches(pattern: &[u8], name: &[u8]) -> Result<bool, &'static str> {
    let (mut pattern, mut name) = (pattern, name);
    'chunks: while !pattern.is_empty() {
        let (star, chunk, rest) = split_chunk(pattern);
        pattern = rest;
        if star && chunk.is_empty() {
            return Ok(!name.contains(&b'/'));
        }
        // A star may skip bytes, but no slash; the last chunk must end with the name.
        let skips = if star { name.iter().take_while(|b| **b != b'/').count() } else { 0 };
        for skip in 0..=skips {
            if let Some(left) = match_chunk(chunk, &name[skip..])?
                && (left.is_empty() || !pattern.is_empty())
            {
                name = left;
                continue 'chunks;
            }
        }
        return Ok(false);
    }
    Ok(name.is_empty())
}

/// Whether a star comes first, what follows up to the next star, and the rest.
fn split_chunk(pattern: &[u8]) -> (bool, &[u8], &[u8]) {
    let stars = pattern.iter().take_while(|b| **b == b'*').count();
    let pattern = &pattern[stars..];
    let mut in_class = false;
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            b'\\' => at += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'*' if !in_class => return (stars > 0, &pattern[..at], &pattern[at..]),
            _ => {}
        }
        at += 1;
    }
    (stars > 0, pattern, b"")
}

/// What is left of the name behind a chunk that matches its beginning.
fn match_chunk<'a>(chunk: &[u8], name: &'a [u8]) -> Result<Option<&'a [u8]>, &'static str> {
    // `None` once it does not match: the rest of the chunk is only checked.
    let mut left = Some(name);
    let mut chunk = chunk;
    while let [first, tail @ ..] = chunk {
        left = left.filter(|name| !name.is_empty());
        match first {
            b'[' => {
                let char = left.map(decode);
                let (hit, behind) = match_class(tail, char.map(|(char, _)| char))?;
                left = left.zip(char).filter(|_| hit).map(|(name, (_, length))| &name[length..]);
                chunk = behind;
            }
            b'?' => {
                left = left.filter(|name| name[0] != b'/').map(|name| &name[decode(name).1..]);
                chunk = tail;
            }
            _ => {
                let (byte, behind) = match (first, tail) {
                    (b'\\', []) => return Err("nothing follows the last \\"),
                    (b'\\', [escaped, behind @ ..]) => (escaped, behind),
                    _ => (first, tail),
                };
                left = left.filter(|name| name[0] == *byte).map(|name| &name[1..]);
                chunk = behind;
            }
        }
    }
    Ok(left)
}

/// Whether a character is in the class that begins behind its `[`, and what follows the `]`.
fn match_class(class: &[u8], char: Option<char>) -> Result<(bool, &[u8]), &'static str> {
    let (negated, mut rest) = match class {
        [b'^', tail @ ..] => (true, tail),
        _ => (false, class),
    };
    let mut hit = false;
    let mut ranges = 0;
    loop {
        if ranges > 0
            && let Some(tail) = rest.strip_prefix(b"]")
        {
            return Ok((hit != negated, tail));
        }
        let (low, tail) = class_char(rest)?;
        let (high, tail) = match tail.strip_prefix(b"-") {
            Some(tail) => class_char(tail)?,
            None => (low, tail),
        };
        hit |= char.is_some_and(|char| low <= char && char <= high);
        rest = tail;
        ranges += 1;
    }
}

fn class_char(rest: &[u8]) -> Result<(char, &[u8]), &'static str> {
    const OPEN: &str = "a [ has no ]";
    let rest = match rest {
        [] => return Err(OPEN),
        [b'-' | b']', ..] => return Err("in a class, - and ] stand after \\"),
        [b'\\'] => return Err(OPEN),
        [b'\\', tail @ ..] => tail,
        _ => rest,
    };
    match decode(rest) {
        (char::REPLACEMENT_CHARACTER, 1) => Err("a class has a byte that is not UTF-8"),
        (_, length) if length == rest.len() => Err(OPEN),
        (char, length) => Ok((char, &rest[length..])),
    }
}

/// The first character of a text that is not empty, and its length; a foreign byte is one U+FFFD.
fn decode(text: &[u8]) -> (char, usize) {
    let valid = text.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    valid.map_or((char::REPLACEMENT_CHARACTER, 1), |char| (char, char.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_as_in_go() {
        for (pattern, name, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[^e-g]", "abc", true),
            ("ab[^b-d]", "abc", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a\u{263a}b", true),
            ("a[^a]b", "a\u{263a}b", true),
            ("a???b", "a\u{263a}b", false),
            ("[a-\u{3b6}]*", "\u{3b1}", true),
            ("*[a-\u{3b6}]", "A", false),
            ("a?b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[x\\-]", "-", true),
            ("[!a]", "!", true),
            ("*x", "xxx", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), Ok(expected), "{pattern} {name}");
        }
        assert_eq!(matches(b"?\xfe[^a]", b"\xff\xfe\xfd"), Ok(true));
    }

    #[test]
    fn malformed_patterns_are_found_where_go_looks() {
        for pattern in ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "[\\"] {
            assert!(matches(pattern.as_bytes(), b"a").is_err(), "{pattern}");
        }
        assert!(matches(b"[\xff]", b"a").is_err());
        assert_eq!(matches(b"x*/[", b"."), Ok(false));
    }
}
