//! `.dockerignore` files and what their patterns match.

use buildkit_patterns::ignore;
use buildkit_patterns::pattern::{Matched, Matcher};

/// So much of an input is looked at: a large pattern takes its time, and says nothing new.
const MOST: usize = 4096;

/// What means something in a pattern.
const SPECIAL: &[u8] = b"*?[]\\^!";

/// Reads a `.dockerignore` up to the first zero byte, and matches paths, one in each line behind it.
///
/// Every question has one answer however often it is asked, a directory is never passed over if a path in it is
/// meant, an exception at the end wins, and a path is matched by itself.
pub fn dockerignore(data: &[u8]) {
    let data = &data[..data.len().min(MOST)];
    let (text, paths) = match data.iter().position(|byte| *byte == 0) {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &b"a/b\nnode_modules/x\n.git"[..]),
    };
    let paths: Vec<&[u8]> = paths.split(|byte| *byte == b'\n').filter(|path| is_clean(path)).collect();
    for path in &paths {
        matches_itself(path);
    }
    let Ok(patterns) = ignore::parse(text) else { return };
    assert_eq!(ignore::parse(text).as_ref(), Ok(&patterns));
    let Ok(matcher) = Matcher::new(&patterns) else { return };
    let twice = Matcher::new(patterns.iter().chain(&patterns)).expect("each of them is well formed");
    for path in paths {
        let matches = matcher.matches(path);
        assert_eq!(matcher.matches(path), matches);
        assert_eq!(twice.matches(path), matches, "the last pattern that matches decides");
        assert_eq!(
            walk(&matcher, path, true),
            walk(&matcher, path, false),
            "nothing is lost where a walk does not go"
        );
        if !path.iter().any(|byte| SPECIAL.contains(byte)) && is_trimmed(path) {
            let exception = [b"!", path].concat();
            let all: Vec<&[u8]> = patterns.iter().map(String::as_bytes).chain([&exception[..]]).collect();
            let matcher = Matcher::new(all).expect("each of them is well formed");
            assert!(!matcher.matches(path), "an exception at the end wins");
        }
    }
}

/// Whether a path is excluded from a walk that comes down to it, as a context's is (`fsutil/walk.rs`).
fn walk(matcher: &Matcher, path: &[u8], pass_over: bool) -> bool {
    let mut known = Matched::default();
    for (end, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
        let directory = &path[..end];
        let (matched, of_directory) = matcher.matches_directory(directory, &known);
        if pass_over && matched && !matcher.could_except_inside(directory) {
            return true;
        }
        if pass_over && !matched && !matcher.could_match_inside(directory) {
            return false;
        }
        known = of_directory;
    }
    matcher.matches_below(path, &known)
}

fn matches_itself(path: &[u8]) {
    let is_plain = !path.iter().any(|byte| SPECIAL.contains(byte));
    if is_plain && is_trimmed(path) {
        let matcher = Matcher::new([path]).expect("there is nothing in it but a path");
        assert!(matcher.matches(path));
        assert!(matcher.matches(&[path, b"/below"].concat()));
        assert!(!matcher.matches(&[path, b"x"].concat()));
    }
}

/// Whether a path is one that a walk comes upon.
fn is_clean(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."))
}

/// Whether nothing is cut from both ends of a pattern like that.
fn is_trimmed(path: &[u8]) -> bool {
    let text = String::from_utf8_lossy(path);
    text.trim() == text
}
