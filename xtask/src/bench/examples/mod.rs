//! Examples built by their `stages.yaml`, beside the same steps of their `Dockerfile` and beside one stage without cache
//! mounts (`Dockerfile.baseline`), on one daemon.
//!
//! Ours makes the image, for which its testers have to pass. The peers do the same work: bake builds the image and those
//! testers in one call, side by side as it likes, and the one stage runs them before its image is there. Dockerfiles are read by
//! the frontend in the daemon, so that none is pulled. All push to the registry on loopback.
//!
//! Before each side's turn the daemon forgets everything, caches of package managers too, and takes in the base images, which
//! is not counted.

mod project;
mod tiny;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;

use anyhow::{Context as _, Result};
use serde_json::json;
use stagewright_tests::Registry;

use super::clients::Clients;
use super::daemon::{BenchDaemon, Side};
use super::definitions;
use super::measure::{Bench, check_cached};
use super::rows::{Group, Samples};
use crate::examples::list::Edit;
use crate::examples::sizes::{Size, Sizes};
use crate::place::Place;
use project::Project;

/// Times that all three take their turn.
const ROUNDS: usize = 3;
/// Builds in each turn of which everything is cached, and builds after an edit of a source.
const SHORT: usize = 2;

/// Which example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    CacheLayers,
    GoService,
    MlServing,
}

/// What is known of an example beside what its own list has.
struct Spec {
    example: &'static str,
    /// The target, in all files that have targets.
    image: &'static str,
    /// The stages of its Dockerfile that it waits for in ours.
    testers: &'static [&'static str],
    /// The images that it takes files of.
    bases: &'static [&'static str],
    /// An edit of what is installed, in a way that changes nothing of it.
    manifest: Edit,
}

/// Who builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Ours,
    Dockerfile,
    OneStage,
}

impl Way {
    /// All, each of them first in its round.
    fn in_round(round: usize) -> [Self; 3] {
        let mut ways = [Self::Ours, Self::Dockerfile, Self::OneStage];
        ways.rotate_left(round % 3);
        ways
    }
}

impl Case {
    fn spec(self) -> Spec {
        let manifest = |file, from, to| Edit { file, from, to };
        match self {
            Self::CacheLayers => Spec {
                example: "cache-layers",
                image: "handbook",
                testers: &["unit"],
                bases: &["node:18-slim"],
                manifest: manifest("package.json", "\"private\": true", "\"private\": true, \"x\": {n}"),
            },
            Self::GoService => Spec {
                example: "go-service",
                image: "service",
                testers: &["lint", "unit", "config"],
                bases: &["golang:1.23", "debian:bookworm-slim"],
                manifest: manifest("go.mod", "module ", "// {n}\nmodule "),
            },
            Self::MlServing => Spec {
                example: "ml-serving",
                image: "serving",
                testers: &["unit", "accuracy-a", "speed-a"],
                bases: &["python:3.11-slim"],
                manifest: manifest("requirements.txt", "fastapi==", "# {n}\nfastapi=="),
            },
        }
    }
}

pub(super) fn run(
    place: &Place,
    bench: &Bench,
    daemon: &BenchDaemon,
    clients: &Clients,
    case: Case,
) -> Result<Samples> {
    let work = bench.work.join("example");
    let project = Project::make(place, &work, bench.scale, case.spec())?;
    let mut turns = Turns { bench, daemon, clients, project, case, samples: Samples::default() };
    for round in 0..bench.rounds(ROUNDS) {
        for way in Way::in_round(round) {
            turns.turn(round, way).with_context(|| format!("{way:?}"))?;
        }
    }
    turns.sizes()?;
    daemon.prune()?;
    fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))?;
    Ok(turns.samples)
}

/// What takes turns.
struct Turns<'a> {
    bench: &'a Bench,
    daemon: &'a BenchDaemon,
    clients: &'a Clients,
    project: Project,
    case: Case,
    samples: Samples,
}

impl Turns<'_> {
    /// Everything in one way, from nothing.
    fn turn(&mut self, round: usize, way: Way) -> Result<()> {
        self.daemon.prune()?;
        for base in self.project.bases() {
            let definition = definitions::pulled(&self.bench.work, base)?;
            self.daemon
                .solve(self.bench, Side::Peer, &definition, &self.project.directory)?;
        }
        let short = self.bench.rounds(SHORT);
        self.project.reset()?;
        self.time(way, "cold")?;
        for _ in 0..short {
            check_cached(&self.time(way, "noop")?)?;
        }
        for number in 0..short {
            self.project.edit(round * short + number)?;
            self.time(way, "edit")?;
        }
        self.project.edit_manifest(round)?;
        self.time(way, "manifest")?;
        Ok(())
    }

    /// One build; gives what it said.
    fn time(&mut self, way: Way, phase: &str) -> Result<String> {
        let command = self.command(way)?;
        let measured = self
            .bench
            .measure(None, &command)
            .with_context(|| format!("the build {phase}"))?;
        self.add(way, "s", phase, measured.seconds)?;
        Ok(measured.stderr)
    }

    /// A sample of one way. Ours stands in two rows, one for each peer.
    fn add(&mut self, way: Way, unit: &str, phase: &str, value: f64) -> Result<()> {
        let group = Group::Example(self.case);
        for (end, peer) in [(phase.to_owned(), Way::Dockerfile), (format!("{phase}-baseline"), Way::OneStage)]
        {
            let row = group
                .row(unit, &format!("-{end}"))
                .with_context(|| format!("there is no row of {end}"))?;
            if way == Way::Ours {
                self.samples.ours(row, value);
            } else if way == peer {
                self.samples.peer(row, value);
            }
        }
        Ok(())
    }

    /// The sizes of what was pushed last.
    fn sizes(&mut self) -> Result<()> {
        let mut sizes = Sizes::new(Registry::new(self.clients.registry()));
        for way in Way::in_round(0) {
            let (_, Size { compressed, unpacked }) = sizes.find(&self.repository(way), "latest")?;
            self.add(way, "MB", "size", compressed as f64)?;
            self.add(way, "MB", "unpacked", unpacked as f64)?;
        }
        Ok(())
    }

    fn command(&self, way: Way) -> Result<Vec<OsString>> {
        let Project { directory, image, .. } = &self.project;
        let name = format!("{}/{}:latest", self.clients.registry(), self.repository(way));
        let mut command = match way {
            Way::Ours => {
                let mut build = self.clients.stagewright_build(&directory.join("stages.yaml"), directory);
                build.extend(["--target", image].map(OsString::from));
                build
            }
            Way::Dockerfile => return self.bake(&name),
            Way::OneStage => {
                let file = self.project.dockerfile("Dockerfile.baseline")?;
                self.clients.buildx_build(&file, directory)
            }
        };
        command.extend(["--provenance=false", "--push", "-t", &name].map(OsString::from));
        Ok(command)
    }

    /// The image, pushed, and what it waits for in ours, in one call.
    fn bake(&self, name: &str) -> Result<Vec<OsString>> {
        let Project { directory, image, testers, .. } = &self.project;
        let file = self.project.dockerfile("Dockerfile")?;
        let target = |stage: &str, output: &str| json!({ "context": directory, "dockerfile": file, "target": stage, "output": [output], "attest": [] });
        let mut targets = BTreeMap::new();
        targets.insert(*image, target(image, &format!("type=image,name={name},push=true")));
        for tester in *testers {
            targets.insert(tester, target(tester, "type=cacheonly"));
        }
        let group = json!({ "default": { "targets": targets.keys().collect::<Vec<_>>() } });
        let path = self.bench.work.join("bake.json");
        fs::write(&path, json!({ "group": group, "target": targets }).to_string())
            .with_context(|| format!("cannot write {}", path.display()))?;
        let mut command = self.clients.buildx_bake(&path);
        command.push("--provenance=false".into());
        Ok(command)
    }

    fn repository(&self, way: Way) -> String {
        let way = match way {
            Way::Ours => "ours",
            Way::Dockerfile => "dockerfile",
            Way::OneStage => "one-stage",
        };
        format!("bench/{}/{way}", self.case.spec().example)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn each_is_first_in_its_turn() {
        let first = |round| Way::in_round(round)[0];
        assert_eq!([0, 1, 2, 3].map(first), [Way::Ours, Way::Dockerfile, Way::OneStage, Way::Ours]);
    }

    #[test]
    fn every_case_fits_its_example() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples");
        for case in [Case::CacheLayers, Case::GoService, Case::MlServing] {
            let Spec { example, image, testers, bases, manifest } = case.spec();
            let read = |file: &str| fs::read_to_string(examples.join(example).join(file)).unwrap();
            let (yaml, dockerfile) = (read("stages.yaml"), read("Dockerfile"));
            for stage in testers.iter().chain([&image]) {
                assert!(yaml.contains(&format!("\n  {stage}:\n")), "stages.yaml of {example} has no {stage}");
                assert!(dockerfile.contains(&format!(" AS {stage}\n")), "{example} has no {stage}");
            }
            let froms = format!("{dockerfile}\n{}", read("Dockerfile.baseline"));
            for base in bases {
                assert!(froms.contains(base), "{example} takes nothing of {base}");
            }
            let text = read(manifest.file);
            assert_ne!(manifest.apply(&text, 1).unwrap(), manifest.apply(&text, 2).unwrap());
        }
    }
}
