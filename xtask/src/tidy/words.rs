//! Words that must not stand in a file.

use super::Problem;
use super::tree::Tree;

/// This file, which has to write them down.
const SELF: &str = "xtask/src/tidy/words.rs";

/// In Rust: the text, and what to do about it.
const CODE: [(&str, &str); 4] = [
    ("todo!(", "finish it, or leave it out"),
    ("unimplemented!(", "finish it, or leave it out"),
    ("#[ignore", "a test that cannot run fails; make it run, or remove it"),
    ("```ignore", "make the example run, or call it `text`"),
];

/// In any file: the beginnings of paths on the machine of whoever wrote it.
const PATHS: [&str; 6] = [
    "/Users/",
    "/.cargo/registry/",
    "/.rustup/toolchains/",
    "/root/go/",
    "/root/.cache/stagewright",
    "/target-",
];

/// Where lock files of npm say which registry a package came from; a path there is a workspace's own.
const RESOLVED: &str = "\"resolved\": \"http";

/// How `Cargo.lock` says that a package comes from Cargo's own registry, and not from a repository or a copy.
const PUBLISHED: &str = "source = \"registry+";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in &tree.files {
        if path == SELF {
            continue;
        }
        for (line, text) in (1..).zip(text.lines()) {
            if let Some(what) = problem(path, text) {
                problems.push(Problem::at(path, line, what));
            }
        }
    }
    problems
}

fn problem(path: &str, line: &str) -> Option<String> {
    if path.ends_with(".rs")
        && let Some((word, advice)) = CODE.iter().find(|(word, _)| line.contains(word))
    {
        return Some(format!("`{word}`: {advice}"));
    }
    if path.ends_with("package-lock.json") && line.contains(RESOLVED) {
        return Some(
            "names a registry; write the file with `npm install --omit-lockfile-registry-resolved`".into(),
        );
    }
    if path.ends_with("Cargo.lock") && line.starts_with("source = ") && !line.starts_with(PUBLISHED) {
        return Some("a package that was not published".into());
    }
    let word = PATHS.iter().find(|word| line.contains(**word))?;
    Some(format!("`{word}` is a path of one machine"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_word() {
        let cases = [
            ("a.rs", "    todo!()"),
            ("a.rs", "#[ignore = \"slow\"]"),
            ("a.rs", "/// ```ignore"),
            ("b.md", "see /Users/me/notes"),
            ("e/package-lock.json", "  \"resolved\": \"https://example.com/a.tgz\","),
            ("Cargo.lock", "source = \"git+https://example.com\""),
        ];
        for (path, line) in cases {
            let found = check(&Tree::of(&[(path, line)]));
            assert_eq!(found.len(), 1, "{path}: {line}");
        }
    }

    #[test]
    fn what_is_right_passes() {
        let cases = [
            ("a.rs", "// Caches lie at /root/.npm in the image."),
            ("notes.md", "`todo!()` in prose"),
            ("package-lock.json", "  \"resolved\": \"packages/shared\","),
            ("Cargo.lock", "source = \"registry+index\""),
            (SELF, "todo!()"),
        ];
        assert_eq!(check(&Tree::of(&cases)), []);
    }
}
