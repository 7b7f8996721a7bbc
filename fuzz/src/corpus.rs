//! The corpora, run through as ordinary tests.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::{TARGETS, seeds};

/// All corpora together, in bytes: they are kept in the repository.
const MOST_BYTES: u64 = 300_000;

fn directory(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// A target's inputs with their names, in order.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = directory(target);
    let list = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut inputs: Vec<(String, Vec<u8>)> = list
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        })
        .collect();
    inputs.sort();
    inputs
}

/// Runs a target over its corpus and names every input that it fails on.
fn replay(target: &str) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let inputs = inputs(target);
    assert!(!inputs.is_empty(), "the corpus of {target} is empty");
    let failed: Vec<&String> = inputs
        .iter()
        .filter(|(_, bytes)| catch_unwind(AssertUnwindSafe(|| run(bytes))).is_err())
        .map(|(name, _)| name)
        .collect();
    assert!(failed.is_empty(), "{target} fails on {failed:?}");
}

#[test]
fn decode() {
    replay("decode");
}

#[test]
fn docker_config() {
    replay("docker_config");
}

#[test]
fn dockerignore() {
    replay("dockerignore");
}

#[test]
fn fsutil_send() {
    replay("fsutil_send");
}

#[test]
fn fsutil_receive() {
    replay("fsutil_receive");
}

#[test]
fn frontend_options() {
    replay("frontend_options");
}

#[test]
fn stages_yaml() {
    replay("stages_yaml");
}

#[test]
fn subrequests() {
    replay("subrequests");
}

#[test]
fn status() {
    replay("status");
}

/// `UPDATE_EXPECT=1` writes the seeds. What was found stays beside them under names that begin with `found-`.
#[test]
fn seeds_are_in_the_corpora() {
    let mut bytes = 0;
    for (target, _) in TARGETS {
        let seeds = seeds::of(target);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            write(target, &seeds);
        }
        let inputs = inputs(target);
        for (name, seed) in &seeds {
            let there = inputs.iter().any(|(known, bytes)| known == name && bytes == seed);
            assert!(there, "{target}/{name} is not as its seed: run the test with UPDATE_EXPECT=1");
        }
        for (name, input) in &inputs {
            let is_known = name.starts_with("found-") || seeds.iter().any(|(seed, _)| seed == name);
            assert!(is_known, "{target}/{name} is neither a seed nor named found-…");
            bytes += input.len() as u64;
        }
    }
    assert!(bytes <= MOST_BYTES, "the corpora have {bytes} bytes where {MOST_BYTES} are the most");
}

fn write(target: &str, seeds: &[(String, Vec<u8>)]) {
    let directory = directory(target);
    fs::create_dir_all(&directory).unwrap();
    for (name, _) in inputs(target).iter().filter(|(name, _)| !name.starts_with("found-")) {
        fs::remove_file(directory.join(name)).unwrap();
    }
    for (name, seed) in seeds {
        fs::write(directory.join(name), seed).unwrap();
    }
}
