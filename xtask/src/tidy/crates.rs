//! Which crate may know which, what the pure ones must not know at all, and that the tests of all are run.

use std::process::Command;

use anyhow::Result;

use super::Problem;
use super::tree::{Package, Tree};
use crate::{process, test};

/// Each package, and the packages of this workspace that it may name.
const ARROWS: [(&str, &[&str]); 16] = [
    ("buildkit-proto", &[]),
    ("buildkit-llb", &["buildkit-proto"]),
    ("buildkit-gateway", &["buildkit-llb", "buildkit-proto"]),
    ("buildkit-patterns", &[]),
    ("buildkit-client", &["buildkit-gateway", "buildkit-llb", "buildkit-patterns", "buildkit-proto"]),
    ("buildkit-frontend", &["buildkit-gateway", "buildkit-llb"]),
    ("stagewright-plan", &["buildkit-llb"]),
    ("stagewright-yaml", &["stagewright-plan"]),
    (
        "stagewright",
        &[
            "buildkit-client",
            "buildkit-frontend",
            "buildkit-gateway",
            "buildkit-llb",
            "buildkit-patterns",
            "stagewright-plan",
            "stagewright-yaml",
        ],
    ),
    ("stagewright-bench", &["buildkit-client", "buildkit-gateway", "buildkit-llb"]),
    // A team's own crate, as examples show it.
    ("acme-presets", &["stagewright"]),
    ("stagewright-examples", &["acme-presets", "stagewright"]),
    ("stagewright-frontends", &["stagewright"]),
    (
        "stagewright-fuzz",
        &[
            "buildkit-client",
            "buildkit-frontend",
            "buildkit-gateway",
            "buildkit-llb",
            "buildkit-patterns",
            "buildkit-proto",
            "stagewright",
            "stagewright-plan",
            "stagewright-yaml",
        ],
    ),
    (
        "stagewright-tests",
        &[
            "buildkit-client",
            "buildkit-frontend",
            "buildkit-gateway",
            "buildkit-llb",
            "buildkit-patterns",
            "buildkit-proto",
            "stagewright",
            "stagewright-plan",
            "stagewright-yaml",
        ],
    ),
    ("xtask", &["buildkit-client", "buildkit-llb", "stagewright", "stagewright-tests"]),
];

/// Packages, with the features left on, that must not reach the world: neither themselves nor through
/// what they use.
const PURE: [(&str, &[&str]); 5] = [
    ("buildkit-llb", &[]),
    ("buildkit-patterns", &[]),
    ("stagewright-plan", &[]),
    ("stagewright-yaml", &[]),
    ("stagewright", &["--no-default-features"]),
];

/// What reaches the world.
const WORLD: [&str; 5] = ["hyper", "mio", "socket2", "tokio", "tonic"];

pub(super) fn check(tree: &Tree) -> Result<Vec<Problem>> {
    let mut problems = arrows(&tree.packages);
    problems.extend(binaries(&tree.packages));
    for (package, flags) in PURE {
        let list = process::output(
            Command::new(env!("CARGO"))
                .args(["tree", "--package", package, "--edges=normal", "--prefix=none"])
                .arg("--format={p}")
                .args(flags),
        )?;
        problems.extend(world(package, flags, &list));
    }
    Ok(problems)
}

fn arrows(packages: &[Package]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in packages {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            let what = "has no place in the table of arrows in xtask/src/tidy/crates.rs";
            problems.push(Problem::of(&package.name, what));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|it| it.path.is_some()) {
            if !allowed.contains(&dependency.name.as_str()) {
                let what = format!("must not depend on {}, only on: {}", dependency.name, allowed.join(", "));
                problems.push(Problem::of(&package.name, what));
            }
        }
    }
    problems
}

fn binaries(packages: &[Package]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in packages {
        for target in package.targets.iter().filter(|it| it.kind.iter().any(|kind| kind == "test")) {
            if !test::BINARIES.contains(&&*target.name) {
                let what = format!(
                    "`cargo xtask test` does not run its test binary {}: name it in xtask/src/test/mod.rs",
                    target.name
                );
                problems.push(Problem::of(&package.name, what));
            }
        }
    }
    problems
}

fn world(package: &str, flags: &[&str], list: &str) -> Vec<Problem> {
    let used = |name: &&&str| list.lines().any(|line| line.split(' ').next() == Some(name));
    WORLD
        .iter()
        .filter(used)
        .map(|name| {
            let mut what = String::from("is pure");
            if !flags.is_empty() {
                what.push_str(&format!(" with {}", flags.join(" ")));
            }
            what.push_str(&format!(", and must not use {name}"));
            Problem::of(package, what)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::{Dependency, Target};

    fn package(name: &str, dependency: &str) -> Package {
        Package {
            name: name.to_owned(),
            dependencies: vec![Dependency { name: dependency.to_owned(), path: Some(String::new()) }],
            targets: Vec::new(),
        }
    }

    #[test]
    fn an_arrow_against_the_table_is_named() {
        let packages = [
            package("buildkit-llb", "buildkit-proto"),
            package("stagewright-plan", "buildkit-gateway"),
            package("newcomer", "buildkit-llb"),
        ];
        let problems: Vec<_> = arrows(&packages).iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "stagewright-plan: must not depend on buildkit-gateway, only on: buildkit-llb",
                "newcomer: has no place in the table of arrows in xtask/src/tidy/crates.rs",
            ]
        );
    }

    #[test]
    fn a_test_binary_that_no_part_runs_is_named() {
        let target = |name: &str, kind: &str| Target { name: name.to_owned(), kind: vec![kind.to_owned()] };
        let mut package = package("a", "b");
        package.targets = vec![target("a", "lib"), target("golden", "test"), target("forgotten", "test")];
        let problems: Vec<_> = binaries(&[package]).iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "a: `cargo xtask test` does not run its test binary forgotten: name it in xtask/src/test/mod.rs"
            ]
        );
    }

    #[test]
    fn a_pure_crate_that_reaches_the_world_is_named() {
        let list = "stagewright v0.1.0\ntokio v1.54.1\ntokio-stream v0.1.19\n";
        let problems = world("stagewright", &["--no-default-features"], list);
        assert_eq!(problems.len(), 1);
        assert_eq!(
            problems[0].to_string(),
            "stagewright: is pure with --no-default-features, and must not use tokio"
        );
    }
}
