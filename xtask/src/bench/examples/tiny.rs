//! A project of two files that needs no image, no tool and no network, in the forms of an example.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::examples::list::Edit;

pub(super) const SOURCE: Edit = Edit { file: "source.txt", from: "a source", to: "the source {n}" };
pub(super) const MANIFEST: Edit = Edit { file: "manifest.txt", from: "a list", to: "the list {n}" };

/// Writes it, with stages of these names.
pub(super) fn write(directory: &Path, image: &str, testers: &[&str]) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    for (name, text) in [
        ("source.txt", "a source\n".to_owned()),
        ("manifest.txt", "a list\n".to_owned()),
        ("stages.yaml", yaml(image, testers)),
        ("Dockerfile", dockerfile(image, testers)),
        ("Dockerfile.baseline", "# syntax=docker/dockerfile:1\nFROM scratch\nCOPY . .\n".to_owned()),
    ] {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn yaml(image: &str, testers: &[&str]) -> String {
    let mut text = "# syntax=stagewright/stages:1\nstages:\n".to_owned();
    let copies = |files: &[&str]| -> String {
        files
            .iter()
            .map(|file| format!("      - copy: {file}\n        to: /\n"))
            .collect()
    };
    for tester in testers {
        let copies = copies(&["source.txt"]);
        let _ = write!(text, "  {tester}:\n    role: tester\n    from: scratch\n    steps:\n{copies}");
    }
    let copies = copies(&["manifest.txt", "source.txt"]);
    let _ = write!(text, "  {image}:\n    role: runtime\n    from: scratch\n    steps:\n{copies}");
    let _ = writeln!(text, "    gates: [{}]", testers.join(", "));
    text
}

fn dockerfile(image: &str, testers: &[&str]) -> String {
    let mut text = "# syntax=docker/dockerfile:1\n".to_owned();
    for tester in testers {
        let _ = writeln!(text, "FROM scratch AS {tester}\nCOPY source.txt /");
    }
    let _ = writeln!(text, "FROM scratch AS {image}\nCOPY manifest.txt /\nCOPY source.txt /");
    text
}
