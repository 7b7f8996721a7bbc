//! The table of examples: every example stands in it, and what it points to is there.

use std::collections::BTreeSet;

use super::Problem;
use super::tree::Tree;

const PAGE: &str = "examples/README.md";

/// All tests that run, one a line: the binary and the test's path.
const TESTS: &str = "tests/all-tests.txt";

/// The binary of the tests that name none.
const BINARY: &str = "examples";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let (Some(page), Some(tests)) = (tree.files.get(PAGE), tree.files.get(TESTS)) else {
        return vec![Problem::of(PAGE, format!("is missing, or {TESTS} is"))];
    };
    let tests: Vec<&str> = tests.lines().collect();
    let mut problems = Vec::new();
    let mut shown = BTreeSet::new();
    for (line, row) in (1..)
        .zip(page.lines())
        .filter(|(_, row)| row.starts_with("| ") && row.contains("]("))
    {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, examples, named, _] = cells[..] else {
            problems.push(Problem::at(
                PAGE,
                line,
                "a row has four cells: pattern, example, test, what goes wrong",
            ));
            continue;
        };
        for link in examples.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if !is_there(tree, link) {
                problems.push(Problem::at(PAGE, line, format!("`{link}` is not there")));
            }
            shown.extend(link.split('/').next());
        }
        let names: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            problems.push(Problem::at(PAGE, line, "names no test"));
        }
        for name in names.into_iter().filter(|name| !is_test(&tests, name)) {
            problems.push(Problem::at(PAGE, line, format!("`{name}` is no test of {TESTS}")));
        }
    }
    let examples = tree
        .files
        .keys()
        .filter_map(|path| path.strip_prefix("examples/")?.split_once('/'));
    let examples: BTreeSet<&str> = examples.map(|(directory, _)| directory).collect();
    let missing = examples.difference(&shown);
    problems.extend(missing.map(|example| Problem::of(PAGE, format!("no row shows `{example}`"))));
    problems
}

/// Whether a link of the page leads to a file, or to a directory with files.
fn is_there(tree: &Tree, link: &str) -> bool {
    let path = match link.strip_prefix("../") {
        Some(path) => path.to_owned(),
        None => format!("examples/{link}"),
    };
    let below = format!("{path}/");
    tree.files.contains_key(&path) || tree.files.keys().any(|file| file.starts_with(&below))
}

/// Whether there is such a test, or one in such a module (`parallel::`), or one that begins so (`parallel::a_test…`).
fn is_test(tests: &[&str], name: &str) -> bool {
    let name = if name.contains(' ') { name.to_owned() } else { format!("{BINARY} {name}") };
    let is_begun = name.ends_with("::") || name.ends_with('…');
    let begin = name.trim_end_matches('…');
    tests.iter().any(|test| *test == name || is_begun && test.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "examples web::one_thing_works\ngolden examples::web\n";

    fn problems(page: &str) -> Vec<String> {
        let web = ("examples/web/stages.rs", "");
        let tree = Tree::of(&[
            (PAGE, page),
            (TESTS, LIST),
            web,
            ("docs/checks/README.md", ""),
            ("examples/README.md", page),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_there_is_right() {
        let page = "\
| pattern | example | test | what usually goes wrong |
| --- | --- | --- | --- |
| a | [web](web) | `web::` | x |
| b | [web](web/stages.rs), [checks](../docs/checks) | `web::one…`, `golden examples::web` | x |
";
        assert_eq!(problems(page), [""; 0]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let page = "\
| a | [wbe](wbe) | `web::one_thing` | x |
| b | [checks](../docs/checks) | none | x |
| c | [checks](../docs/checks) | `golden web::` |
";
        assert_eq!(
            problems(page),
            [
                "examples/README.md:1: `wbe` is not there",
                "examples/README.md:1: `web::one_thing` is no test of tests/all-tests.txt",
                "examples/README.md:2: names no test",
                "examples/README.md:3: a row has four cells: pattern, example, test, what goes wrong",
                "examples/README.md: no row shows `web`",
            ]
        );
    }
}
