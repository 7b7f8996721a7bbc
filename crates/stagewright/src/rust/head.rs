//! The head of a build program: the files that it declares.
//!
//! The comment lines from the first line on may hold directives. `// files=nginx.conf,presets/*.rs` names files beside
//! the program, which it may then take in as modules or by `include_str!`; there may be several such lines. A path
//! leads downwards; `*` and `?` stand in its last component only.

/// Files that a program declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    /// A path, or a pattern, relative to the program's directory.
    pub(super) path: String,
    /// The line that declares it, from one.
    pub(super) line: u32,
}

/// A declaration that means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Why.
    pub(super) message: String,
    /// The line, from one.
    pub(super) line: u32,
}

impl Declared {
    /// Whether it is a pattern.
    pub(super) fn is_pattern(&self) -> bool {
        self.path.contains(WILD)
    }
}

/// What stands for other characters in a pattern.
const WILD: [char; 2] = ['*', '?'];

/// The files that a program declares, in their order.
pub(super) fn declared(text: &str) -> Result<Vec<Declared>, Wrong> {
    let mut found = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (line, comment) in (1..).zip(text.lines().map_while(comment)) {
        let Some((name, value)) = comment.split_once('=') else { continue };
        if name.trim() != "files" {
            continue;
        }
        for path in value.split(',').map(str::trim) {
            if let Some(message) = wrong(path) {
                return Err(Wrong { message, line });
            }
            found.push(Declared { path: path.to_owned(), line });
        }
    }
    Ok(found)
}

/// The text of a comment line; `#!` may stand before all others.
fn comment(line: &str) -> Option<&str> {
    line.strip_prefix("//").or_else(|| line.strip_prefix("#!"))
}

fn wrong(path: &str) -> Option<String> {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut components = path.split('/');
    let what = if path.is_empty() {
        "a path is missing: write `// files=a.rs,b/*.conf`".to_owned()
    } else if path.starts_with('/') || components.clone().any(|component| component == "..") {
        format!("`{path}` is not below the program's directory: only files beside it can be declared")
    } else if components.any(|component| component.is_empty() || component == ".") || name.is_empty() {
        format!("`{path}` is no plain path: write it without `.`, empty components and final slash")
    } else if directory.contains(WILD) {
        format!("`{path}` has a pattern before its last component: name the directory")
    } else if path.contains(['[', ']', '\\', '\0']) || path.starts_with('!') {
        format!("`{path}` cannot be declared: `*` and `?` are the only special characters")
    } else {
        return None;
    };
    Some(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<(String, u32)> {
        let declared = declared(text).unwrap().into_iter();
        declared.map(|declared| (declared.path, declared.line)).collect()
    }

    #[test]
    fn files_stand_in_the_first_comment_lines() {
        let text = "// syntax=stagewright/rust:1\n//! A program.\n//files = nginx.conf, presets/*.rs\n// files=a\n\n\
                    // files=late\n";
        let expected = [("nginx.conf".to_owned(), 3), ("presets/*.rs".to_owned(), 3), ("a".to_owned(), 4)];
        assert_eq!(paths(text), expected);
        assert_eq!(paths("\u{feff}#!/usr/bin/env stagewright\r\n// files=a\r\n"), [("a".to_owned(), 2)]);
        assert_eq!(paths("use stagewright::prelude::*;\n// files=a"), []);
    }

    #[test]
    fn what_is_not_beside_the_program_is_refused() {
        for (path, expected) in [
            ("/etc/passwd", "is not below the program's directory"),
            ("a/../../b", "is not below the program's directory"),
            ("a,,b", "a path is missing"),
            ("./a", "is no plain path"),
            ("a/", "is no plain path"),
            ("*/a", "has a pattern before its last component"),
            ("[a]", "cannot be declared"),
        ] {
            let wrong = declared(&format!("//\n// files={path}\n")).unwrap_err();
            assert!(wrong.message.contains(expected), "{wrong:?}");
            assert_eq!(wrong.line, 2);
        }
    }

    #[test]
    fn patterns_are_told_from_paths() {
        let declared = |path: &str| Declared { path: path.to_owned(), line: 1 };
        assert!(declared("a/*.rs").is_pattern() && !declared("a.rs").is_pattern());
    }
}
