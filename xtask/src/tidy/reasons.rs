//! Why each dependency is there: a line of a table in ARCHITECTURE.md.

use std::collections::BTreeSet;

use super::Problem;
use super::tree::Tree;

const PAGE: &str = "ARCHITECTURE.md";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(page) = tree.files.get(PAGE) else {
        return vec![Problem::of(PAGE, "is missing")];
    };
    let used: BTreeSet<&str> = tree
        .packages
        .iter()
        .flat_map(|package| &package.dependencies)
        .filter(|dependency| dependency.path.is_none())
        .map(|dependency| dependency.name.as_str())
        .collect();
    compare(&used, &explained(page))
}

fn compare(used: &BTreeSet<&str>, explained: &[(usize, &str)]) -> Vec<Problem> {
    let known: BTreeSet<&str> = explained.iter().map(|(_, name)| *name).collect();
    let missing = used.difference(&known).map(|name| {
        let what = format!("no row says why `{name}` is there: | `{name}` | reason |");
        Problem::of(PAGE, what)
    });
    let stale = explained
        .iter()
        .filter(|(_, name)| !used.contains(name))
        .map(|(line, name)| Problem::at(PAGE, *line, format!("nothing depends on `{name}`")));
    missing.chain(stale).collect()
}

/// The names in the first cells of the page's table under a heading with the word "dependencies", with
/// their lines.
fn explained(page: &str) -> Vec<(usize, &str)> {
    let mut names = Vec::new();
    let mut inside = false;
    for (line, text) in (1..).zip(page.lines()) {
        if text.starts_with('#') {
            inside = text.to_lowercase().contains("dependencies");
        }
        if inside && let Some(cell) = text.strip_prefix('|').and_then(|it| it.split('|').next()) {
            // What stands between the backquotes.
            names.extend(cell.split('`').skip(1).step_by(2).map(|name| (line, name)));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_TEXT: &str = "\
# House
| `crates/x` | not a dependency |
## Dependencies
| crate | why |
| --- | --- |
| `hyper`, `hyper-util` | HTTP |
| `old` | `gone` |
";

    #[test]
    fn names_stand_in_first_cells() {
        assert_eq!(explained(PAGE_TEXT), [(6, "hyper"), (6, "hyper-util"), (7, "old")]);
    }

    #[test]
    fn missing_and_stale_rows_are_named() {
        let used = BTreeSet::from(["hyper", "hyper-util", "tokio"]);
        let problems: Vec<_> =
            compare(&used, &explained(PAGE_TEXT)).iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "ARCHITECTURE.md: no row says why `tokio` is there: | `tokio` | reason |",
                "ARCHITECTURE.md:7: nothing depends on `old`",
            ]
        );
    }
}
