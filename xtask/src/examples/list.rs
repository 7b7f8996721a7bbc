//! Which examples are measured, and the one line that is edited in each.
//!
//! Every directory of `examples/` is in one of the two lists, which a test compares with it.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// An example that is measured: all its products, with these parameters.
#[derive(Debug)]
pub(crate) struct Example {
    /// Its directory, and its program.
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [(&'static str, &'static str)],
    pub(crate) secrets: Secrets,
    /// In a source of what ships, as its tests have it where they do that. The tests of the example still pass.
    pub(crate) edit: Edit,
}

/// What the builds of an example are given beside the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    None,
    /// A key that signs the release; the project has its public half.
    Release,
    /// A server's certificate and its key.
    Tls,
}

/// A text in a file of the project, and what stands there afterwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edit {
    pub(crate) file: &'static str,
    pub(crate) from: &'static str,
    /// With `{n}` for the number of the edit, so that each is another one.
    pub(crate) to: &'static str,
}

pub(crate) const EXAMPLES: &[Example] = &[
    plain("basics", edit("node/src/greeting.js", "'you'", "'you, visitor {n}'")),
    plain("cache-layers", edit("src/site.ts", "'no such page\\n'", "'there is no such page, {n}\\n'")),
    plain(
        "db-migrations",
        edit("internal/database/budget.go", "100` is needed", "100` is needed, and not {n}"),
    ),
    plain("environments", edit("src/greeter.ts", "'no such page'", "'there is no such page, {n}'")),
    plain(
        "fullstack",
        edit(
            "backend/src/main/java/demo/tasks/Api.java",
            "\"no such page\"",
            "\"there is no such page, {n}\"",
        ),
    ),
    Example {
        secrets: Secrets::Tls,
        ..plain("gateway", edit("nginx/conf.d/gateway.conf", "rate=50r/s", "rate=5{n}r/s"))
    },
    plain("go-service", edit("cmd/service/main.go", "finishes the requests", "finishes, {n}, the requests")),
    plain(
        "microservices",
        edit("packages/web/src/site.ts", "'no such page\\n'", "'there is no such page, {n}\\n'"),
    ),
    plain("ml-serving", edit("service/app.py", "title=\"Wines\"", "title=\"Wines {n}\"")),
    plain("monitoring", edit("src/app.js", "'no such page\\n'", "'there is no such page, {n}\\n'")),
    plain("parallel", edit("web/src/index.html", "<title>Quotes", "<title>All quotes {n}")),
    plain("quality-gate", edit("src/app.js", "is all there is", "is all there is, {n}")),
    Example {
        secrets: Secrets::Release,
        ..plain("secrets", edit("src/server.js", "is all there is", "is all there is, {n}"))
    },
    Example {
        parameters: &[("sbom_scanner", "stagewright-tests/scanner:1")],
        ..plain("supply-chain", edit("src/server.js", "Lost: one", "Lost: {n}"))
    },
];

/// What is not measured, and why.
const OTHERS: &[(&str, &str)] = &[
    ("embed", "its program builds by itself, to show how that is done"),
    ("lucid", "its program is a frontend, which only an image can run"),
    ("presets", "it has two projects and a program for each, and no single one is built"),
    ("service", "its program is a frontend, which only an image can run"),
];

const fn plain(name: &'static str, edit: Edit) -> Example {
    Example { name, parameters: &[], secrets: Secrets::None, edit }
}

const fn edit(file: &'static str, from: &'static str, to: &'static str) -> Edit {
    Edit { file, from, to }
}

impl Edit {
    /// The file's text after an edit, of the text as it was at first.
    pub(crate) fn apply(&self, text: &str, number: usize) -> Result<String> {
        if !text.contains(self.from) {
            bail!("{} should have the text {:?}, which is edited", self.file, self.from);
        }
        Ok(text.replacen(self.from, &self.to.replace("{n}", &number.to_string()), 1))
    }
}

/// The examples of these names, or all. The checkout must have none that is in neither list.
pub(super) fn choose(root: &Path, names: &[String]) -> Result<Vec<&'static Example>> {
    complete(root)?;
    for name in names {
        if let Some((_, reason)) = OTHERS.iter().find(|(other, _)| other == name) {
            bail!("the example {name} is not measured: {reason}");
        }
        if !EXAMPLES.iter().any(|example| example.name == name) {
            let known: Vec<_> = EXAMPLES.iter().map(|example| example.name).collect();
            bail!("no example is called {name:?}; there are: {}", known.join(", "));
        }
    }
    let wanted = |example: &&Example| names.is_empty() || names.iter().any(|name| name == example.name);
    Ok(EXAMPLES.iter().filter(wanted).collect())
}

/// Fails with the names of directories of `examples/` that nobody has said an edit of.
fn complete(root: &Path) -> Result<()> {
    let directory = root.join("examples");
    let listed = std::fs::read_dir(&directory);
    let mut forgotten = Vec::new();
    for entry in listed.with_context(|| format!("cannot read {}", directory.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let known = EXAMPLES.iter().any(|example| example.name == name)
            || OTHERS.iter().any(|(other, _)| *other == name);
        if !known && entry.path().join("README.md").is_file() {
            forgotten.push(name);
        }
    }
    if !forgotten.is_empty() {
        forgotten.sort();
        bail!(
            "{} must have an edit in xtask/src/examples/list.rs, or a reason for none",
            forgotten.join(", ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    #[test]
    fn every_example_is_measured_or_has_a_reason() {
        complete(root()).unwrap();
        let other = tempfile::tempdir().unwrap();
        for name in ["basics", "brand-new"] {
            let example = other.path().join("examples").join(name);
            fs::create_dir_all(&example).unwrap();
            fs::write(example.join("README.md"), "# It\n").unwrap();
        }
        let error = choose(other.path(), &[]).unwrap_err().to_string();
        assert!(error.starts_with("brand-new must have an edit in "), "{error}");
    }

    #[test]
    fn every_edit_finds_its_text() {
        for Example { name, edit, .. } in EXAMPLES {
            let path = root().join("examples").join(name).join(edit.file);
            let text =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let [first, second] = [1, 2].map(|number| edit.apply(&text, number).unwrap());
            assert!(first != text && second != text && first != second, "{name}: each edit is another one");
        }
    }

    #[test]
    fn names_choose_examples() {
        let names = |names: &[&str]| {
            choose(root(), &names.iter().map(ToString::to_string).collect::<Vec<_>>())
                .map(|chosen| chosen.iter().map(|example| example.name).collect::<Vec<_>>())
                .map_err(|error| error.to_string())
        };
        assert_eq!(names(&[]).unwrap().len(), EXAMPLES.len());
        assert_eq!(names(&["parallel", "basics"]).unwrap(), ["basics", "parallel"]);
        assert!(
            names(&["base"])
                .unwrap_err()
                .starts_with("no example is called \"base\"; there are: basics, ")
        );
        assert!(names(&["embed"]).unwrap_err().contains("builds by itself"));
    }
}
