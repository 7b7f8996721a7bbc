//! Which examples are measured, and the one line that is edited in each.
//!
//! Every program of `examples/` is in one of the two lists, which a test compares with its manifest.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// An example that is measured: all its products, with these parameters.
#[derive(Debug)]
pub(crate) struct Example {
    /// Its program.
    pub(crate) name: &'static str,
    /// Its project, in `examples/`.
    pub(crate) directory: &'static str,
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
    plain("basics", edit("node/src/server.js", "'http://server'", "'http://server{n}'")),
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
    plain(
        "monorepo",
        edit("apps/web/src/app/error.tsx", "The library is closed", "The library is closed, {n}"),
    ),
    Example {
        directory: "presets/overdue",
        ..plain("overdue", edit("main.go", "usage: overdue FILE DAY", "usage, {n}: overdue FILE DAY"))
    },
    plain("parallel", edit("web/src/index.html", "<title>Quotes", "<title>All quotes {n}")),
    plain("quality-gate", edit("src/app.js", "is all there is", "is all there is, {n}")),
    Example {
        secrets: Secrets::Release,
        ..plain("secrets", edit("src/server.js", "is all there is", "is all there is, {n}"))
    },
    Example {
        directory: "presets/shelf",
        ..plain("shelf", edit("src/app.js", "there is no such page", "there is no such page, {n}"))
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
    ("service-frontend", "its program is a frontend, which only an image can run"),
];

const fn plain(name: &'static str, edit: Edit) -> Example {
    Example { name, directory: name, parameters: &[], secrets: Secrets::None, edit }
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
    let manifest = root.join("examples/Cargo.toml");
    let text = fs::read_to_string(&manifest);
    let text = text.with_context(|| format!("cannot read {}", manifest.display()))?;
    let forgotten = forgotten(&text);
    if !forgotten.is_empty() {
        let names = forgotten.join(", ");
        bail!("{names} must have an edit in xtask/src/examples/list.rs, or a reason for none");
    }
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

/// The programs in a manifest that are in neither list.
fn forgotten(manifest: &str) -> Vec<&str> {
    let programs = manifest.split("[[bin]]").skip(1);
    let names = programs.filter_map(|bin| bin.split_once("name = \"")?.1.split_once('"'));
    let known = |name: &str| {
        EXAMPLES.iter().any(|example| example.name == name) || OTHERS.iter().any(|(other, _)| *other == name)
    };
    names.map(|(name, _)| name).filter(|name| !known(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    #[test]
    fn every_example_is_measured_or_has_a_reason() {
        choose(root(), &[]).unwrap();
        let manifest =
            "[package]\nname = \"x\"\n[[bin]]\nname = \"basics\"\n\n[[bin]]\nname = \"brand-new\"\n";
        assert_eq!(forgotten(manifest), ["brand-new"]);
    }

    #[test]
    fn every_edit_finds_its_text() {
        for Example { name, directory, edit, .. } in EXAMPLES {
            let path = root().join("examples").join(directory).join(edit.file);
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
        let all = names(&[]).unwrap();
        assert_eq!(all.len(), EXAMPLES.len());
        assert!(all.is_sorted_by(|one, next| one < next), "each once, in order: {all:?}");
        assert_eq!(names(&["parallel", "basics"]).unwrap(), ["basics", "parallel"]);
        assert!(
            names(&["base"])
                .unwrap_err()
                .starts_with("no example is called \"base\"; there are: basics, ")
        );
        assert!(names(&["embed"]).unwrap_err().contains("builds by itself"));
    }
}
