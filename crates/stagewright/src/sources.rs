//! The texts of the files that sites name.
//!
//! A site's file is relative to the workspace root, and a program does not know where that was. It is looked for
//! from the directory of the program's manifest (`CARGO_MANIFEST_DIR`, which `cargo run` sets) and from the
//! working directory, upwards. A file that has no such line as its site says is another file, and not taken.

use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

#[cfg(feature = "cli")]
use stagewright_plan::Problem;
use stagewright_plan::{Plan, Site};

/// Larger files are left out: their text would travel with every build.
const MAX_BYTES: u64 = 1 << 20;

/// Every place that a Plan mentions.
pub(crate) fn sites(plan: &Plan) -> impl Iterator<Item = &Site> {
    let stages = plan.stages.iter().flat_map(|stage| {
        let steps = stage.steps.iter().flat_map(|step| step.via.iter().chain([&step.at]));
        stage
            .via
            .iter()
            .chain([&stage.at])
            .chain(steps)
            .chain(stage.gates.iter().map(|gate| &gate.at))
    });
    let targets = plan.targets.iter().map(|target| &target.at);
    let secrets = plan.secrets.iter().map(|secret| &secret.at);
    stages.chain(targets).chain(secrets)
}

/// Every place that a problem mentions.
#[cfg(feature = "cli")]
pub(crate) fn sites_of_problem(problem: &Problem) -> impl Iterator<Item = &Site> {
    problem
        .at
        .iter()
        .chain(&problem.via)
        .chain(problem.related.iter().map(|(site, _)| site))
}

/// The texts of the sites' files, by the names that sites have for them. What is not found is left out.
pub(crate) fn read<'a>(sites: impl IntoIterator<Item = &'a Site>) -> BTreeMap<String, String> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let roots: Vec<PathBuf> = manifest.into_iter().chain(env::current_dir().ok()).collect();
    read_below(&roots, sites)
}

fn read_below<'a>(roots: &[PathBuf], sites: impl IntoIterator<Item = &'a Site>) -> BTreeMap<String, String> {
    let mut last_lines: BTreeMap<&str, u32> = BTreeMap::new();
    for site in sites {
        let last = last_lines.entry(&site.file).or_default();
        *last = site.line.max(*last);
    }
    let texts = last_lines.into_iter().filter_map(|(file, last)| {
        let starts = roots.iter().flat_map(|root| root.ancestors());
        let text = starts.map(|start| start.join(file)).find_map(|path| text(&path, last))?;
        Some((file.to_owned(), text))
    });
    texts.collect()
}

/// The text of a file, if it has a line of this number.
fn text(path: &Path, line: u32) -> Option<String> {
    // A pipe of that name would be waited for.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    let read = File::open(path).ok()?.take(MAX_BYTES + 1).read_to_string(&mut text).ok()?;
    let lines = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
    (read as u64 <= MAX_BYTES && line <= lines).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(file: &str, line: u32) -> Site {
        Site { file: file.to_owned(), line, column: 1 }
    }

    #[test]
    fn a_file_is_found_from_a_member_of_its_workspace() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sites = [site(file!(), line!()), site("no/such.rs", 1)];
        let texts = read_below(&[here.join("src")], &sites);
        assert_eq!(texts.keys().collect::<Vec<_>>(), [file!()]);
        assert!(texts[file!()].contains("fn a_file_is_found_from_a_member_of_its_workspace"));
    }

    #[test]
    fn a_file_without_that_line_is_another_one() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(read_below(&[here.to_owned()], &[site(file!(), 1), site(file!(), 99_999)]).is_empty());
    }
}
