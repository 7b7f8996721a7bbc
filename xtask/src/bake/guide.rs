//! `docs/your-own-frontend.md`, done as it says: a new crate with its texts, the image by its build file, the file that it
//! begins with.
//!
//! What differs are addresses: stagewright is what is committed here, and the registry is the one on loopback. The tests
//! do the same without the part that takes minutes, the compiler's.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use stagewright_tests::{GitServer, Registry};

use super::buildx::Buildx;
use crate::place::Place;
use crate::process;
use crate::pushed::Pushed;

/// The image, as the guide names it in its registry.
const REPOSITORY: &str = "service";

/// A service as the guide's file describes it.
const SERVICE: [(&str, &str); 2] = [
    ("package.json", r#"{"scripts": {"test": "node --check src/server.js"}}"#),
    ("src/server.js", "require('http').createServer((_, it) => it.end('hello\\n')).listen(8080)\n"),
];

/// Does what the guide says, from nothing to a build.
pub(super) fn follow(place: &Place, buildx: &Buildx, registry: &Registry) -> Result<()> {
    let path = place.root.join("docs/your-own-frontend.md");
    let guide = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = format!("{}/{REPOSITORY}:1", registry.address());
    let guide = guide.replace("registry.example/service:1", &name);
    let server = GitServer::of(&place.root);
    let directory = tempfile::tempdir()?;

    // Its program.
    let mut new = Command::new("cargo");
    process::run(new.args(["new", "--quiet", REPOSITORY]).current_dir(directory.path()))?;
    let package = directory.path().join(REPOSITORY);
    let manifest = fs::read_to_string(package.join("Cargo.toml"))?;
    let dependencies = text(&guide, "toml", 0)?.replace("https://…/stagewright", &server.url());
    write(&package, "Cargo.toml", &manifest.replace("[dependencies]\n", &dependencies))?;
    write(&package, "src/main.rs", text(&guide, "rust,ignore", 0)?)?;
    write(&package, "stages.rs", text(&guide, "rust,ignore", 1)?)?;
    // Of what `cargo build` does, all that a build in a container needs.
    process::run(
        Command::new("cargo")
            .args(["generate-lockfile", "--quiet"])
            .current_dir(&package),
    )?;

    // Its image, and its use.
    commands(&guide, 1, &package, buildx)?;
    let pushed = Pushed::read(registry, REPOSITORY, "1")?;
    pushed.print(&format!("the guide's frontend: {name}"));
    let project = directory.path().join("project");
    write(&project, "service.yml", text(&guide, "yaml", 0)?)?;
    for (path, text) in SERVICE {
        write(&project, path, text)?;
    }
    let guide = guide.replace("registry.example/shop:1", &format!("{}/shop:1", registry.address()));
    // The base images are of one Node.
    commands(&guide.replace("node=20", "node=18"), 2, &project, buildx)?;
    let shop = Pushed::read(registry, "shop", "1")?;
    let config = &shop.members.first().context("its image is for no platform")?.config;
    ensure!(config["Cmd"][1] == "src/server.js", "its image runs {}", config["Cmd"]);
    Ok(())
}

/// Runs the commands of a block, word for word: all are docker buildx's.
fn commands(guide: &str, block: usize, directory: &Path, buildx: &Buildx) -> Result<()> {
    for line in text(guide, "sh", block)?.lines() {
        let command = line.split(" #").next().unwrap_or_default().trim();
        let Some(arguments) = command.strip_prefix("docker buildx ") else {
            bail!("the guide has a command of another kind: {line}");
        };
        println!("$ {command}");
        let words: Vec<&str> = arguments.split_whitespace().collect();
        process::run(buildx.command(&words).current_dir(directory))?;
    }
    Ok(())
}

/// A block of the guide in a language, by its number.
fn text<'a>(guide: &'a str, language: &str, number: usize) -> Result<&'a str> {
    let begin = format!("```{language}\n");
    let block = guide.split(&*begin).nth(number + 1).and_then(|block| block.split("```").next());
    block.with_context(|| format!("the guide has no block {number} of {language}"))
}

fn write(directory: &Path, path: &str, text: &str) -> Result<()> {
    let path = directory.join(path);
    fs::create_dir_all(path.parent().unwrap_or(directory))?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
