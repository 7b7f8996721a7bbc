//! Slash-separated paths within images, cleaned and joined as Go does.
//!
//! Paths are part of an op's bytes, so they have to come out as Go's `path` package and BuildKit's
//! `client/llb/fileop.go` make them. They are Unix paths on every host.

/// The shortest path that means the same, by its text alone: no empty, `.` or inner `..` elements.
///
/// A path without any element is `.`, or `/` if it was absolute; `..` stops at `/`.
#[must_use]
pub fn clean(path: &str) -> String {
    let absolute = is_absolute(path);
    let mut kept: Vec<&str> = Vec::new();
    for element in path.split('/') {
        match element {
            "" | "." => {}
            ".." => match kept.last() {
                Some(&last) if last != ".." => {
                    kept.pop();
                }
                _ if absolute => {}
                _ => kept.push(".."),
            },
            _ => kept.push(element),
        }
    }
    match (absolute, kept.is_empty()) {
        (true, _) => format!("/{}", kept.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => kept.join("/"),
    }
}

/// The elements joined by slashes and cleaned; empty elements are skipped, and nothing gives nothing.
#[must_use]
pub fn join(elements: &[&str]) -> String {
    let present: Vec<&str> = elements.iter().copied().filter(|element| !element.is_empty()).collect();
    if present.is_empty() { String::new() } else { clean(&present.join("/")) }
}

/// Whether the path starts at the root.
#[must_use]
pub fn is_absolute(path: &str) -> bool {
    path.starts_with('/')
}

/// The path, made absolute by a working directory and cleaned: what file ops carry.
#[must_use]
pub fn resolve(cwd: &str, path: &str) -> String {
    let cleaned = clean(path);
    if is_absolute(&cleaned) { cleaned } else { join(&["/", cwd, &cleaned]) }
}

/// As [`resolve`], for the destination of a copy: a final `/` or `/.`, which says "a directory", stays.
#[must_use]
pub fn resolve_destination(cwd: &str, path: &str) -> String {
    let mut resolved = resolve(cwd, path);
    if path.ends_with('/') {
        if !resolved.ends_with('/') {
            resolved.push('/');
        }
    } else if path.ends_with("/.") {
        if resolved != "/" {
            resolved.push('/');
        }
        resolved.push('.');
    }
    resolved
}

/// The last element; `/` for the root and `.` for an empty path.
#[must_use]
pub fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return "/";
    }
    trimmed.rsplit('/').next().unwrap_or(trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleans_by_text_alone() {
        for (path, expected) in [
            ("", "."),
            (".", "."),
            ("/", "/"),
            ("//", "/"),
            ("///a//b/", "/a/b"),
            ("a/./b", "a/b"),
            ("a/../b", "b"),
            ("a/..", "."),
            ("a/../..", ".."),
            ("../../a", "../../a"),
            ("../a/../..", "../.."),
            ("/..", "/"),
            ("/../../a", "/a"),
            ("./a", "a"),
            ("a b/…/.hidden", "a b/…/.hidden"),
            ("...", "..."),
        ] {
            assert_eq!(clean(path), expected, "{path:?}");
        }
    }

    #[test]
    fn joins_what_is_there() {
        for (elements, expected) in [
            (&[][..], ""),
            (&["", ""], ""),
            (&["a", "b"], "a/b"),
            (&["a", ""], "a"),
            (&["", "a"], "a"),
            (&["/", "a"], "/a"),
            (&["a/", "/b"], "a/b"),
            (&["a", "../../b"], "../b"),
            (&["/", "", "/x"], "/x"),
        ] {
            assert_eq!(join(elements), expected, "{elements:?}");
        }
    }

    #[test]
    fn resolves_against_the_working_directory() {
        for (cwd, path, expected) in [
            ("/", "a", "/a"),
            ("/app", "a", "/app/a"),
            ("/app", ".", "/app"),
            ("/app", "", "/app"),
            ("/app", "../b/", "/b"),
            ("/app", "../../../b", "/b"),
            ("/app", "/b/", "/b"),
            ("app", "a", "/app/a"),
        ] {
            assert_eq!(resolve(cwd, path), expected, "{cwd:?} {path:?}");
        }
    }

    #[test]
    fn a_destination_stays_a_directory() {
        for (cwd, path, expected) in [
            ("/app", "./", "/app/"),
            ("/app", ".", "/app"),
            ("/app", "a/", "/app/a/"),
            ("/app", "a/.", "/app/a/."),
            ("/app", "/", "/"),
            ("/app", "/.", "/."),
            ("/app", "a", "/app/a"),
            ("/", "./", "/"),
        ] {
            assert_eq!(resolve_destination(cwd, path), expected, "{cwd:?} {path:?}");
        }
    }

    #[test]
    fn the_base_is_the_last_element() {
        for (path, expected) in
            [("", "."), ("/", "/"), ("//", "/"), ("a", "a"), ("/a/b", "b"), ("a/b//", "b")]
        {
            assert_eq!(base(path), expected, "{path:?}");
        }
    }
}
