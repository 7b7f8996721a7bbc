//! `cargo xtask fuzz`: a fuzzer looks for bytes that break a promise of `fuzz/src`.
//!
//! The programs are built by cargo-fuzz with a nightly compiler, without a sanitizer: there is no unsafe code here
//! that one would watch. What the fuzzer makes of the committed corpora, and what it finds, lies in
//! `target/fuzz`. In the tree only the programs' lock file is written, which git ignores.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::place::Place;
use crate::process::{self, check_interrupt};

/// The release of cargo-fuzz that is installed where there is none.
const CARGO_FUZZ: &str = "0.13.2";

/// How long one input may take, in seconds, and how much memory all may, in MB.
const LIMITS: [&str; 2] = ["-timeout=20", "-rss_limit_mb=1024"];

/// How much of a fuzzer's output is shown when it has found something, in lines.
const SHOWN: usize = 40;

/// Runs targets for so many seconds each; an error if anything was found.
pub(crate) fn fuzz(place: &Place, targets: &[String], seconds: u32) -> Result<()> {
    let all = all(place)?;
    if let Some(unknown) = targets.iter().find(|target| !all.contains(target)) {
        bail!("there is no fuzz target `{unknown}`, only: {}", all.join(", "));
    }
    let targets = if targets.is_empty() { &all } else { targets };
    let host = host()?;
    let tool = cargo_fuzz(place)?;
    let directory = place.target.join("fuzz");
    build(place, &tool, &host, &directory)?;

    let mut runs = Vec::new();
    for target in targets {
        check_interrupt()?;
        println!("{target}: {seconds} s");
        let program = directory.join(&host).join("release").join(target);
        runs.push(run(place, &directory, &program, target, seconds)?);
    }
    println!("\n{:<16} {:>12} {:>8} {:>8}", "target", "runs", "seconds", "crashes");
    for run in &runs {
        let (executed, seconds) = (run.executed, run.took.as_secs());
        println!("{:<16} {executed:>12} {seconds:>8} {:>8}", run.target, run.found.len());
    }
    let found: Vec<&Run> = runs.iter().filter(|run| !run.found.is_empty()).collect();
    for run in &found {
        println!("\n{}\n{} is broken by", run.output.join("\n"), run.target);
        for input in &run.found {
            println!("    {}", input.display());
        }
    }
    if !found.is_empty() {
        bail!("a promise was broken; put the input into fuzz/corpus/<target>/found-<what> with the mend");
    }
    Ok(())
}

/// The names of the targets.
fn all(place: &Place) -> Result<Vec<String>> {
    let directory = place.root.join("fuzz/targets/bin");
    let list = fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut names = Vec::new();
    for entry in list {
        names.extend(entry?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// The nightly compiler's platform.
fn host() -> Result<String> {
    let version = process::output(Command::new("rustup").args(["run", "nightly", "rustc", "-vV"]))
        .context("fuzzing needs a nightly compiler: rustup toolchain install nightly --profile minimal")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("the nightly compiler does not name its platform")?.to_owned())
}

/// cargo-fuzz: the user's own, or one that is installed once into the cache.
fn cargo_fuzz(place: &Place) -> Result<PathBuf> {
    let own = Command::new("cargo-fuzz").arg("--version").output();
    if own.is_ok_and(|output| output.status.success()) {
        return Ok("cargo-fuzz".into());
    }
    let tools = place.cache.join("tools");
    let directory = tools.join(format!("cargo-fuzz-{CARGO_FUZZ}"));
    let program = directory.join("bin/cargo-fuzz");
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(&tools).with_context(|| format!("cannot create {}", tools.display()))?;
    println!("installing cargo-fuzz {CARGO_FUZZ}");
    let work = tempfile::Builder::new().prefix(".building-").tempdir_in(&tools)?;
    let root = work.path().join("root");
    process::run(
        Command::new(env!("CARGO"))
            .args(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ, "--root"])
            .arg(&root)
            .arg("--target-dir")
            .arg(work.path().join("target")),
    )?;
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    fs::rename(&root, &directory)
        .with_context(|| format!("cannot move cargo-fuzz to {}", directory.display()))?;
    Ok(program)
}

fn build(place: &Place, tool: &Path, host: &str, directory: &Path) -> Result<()> {
    let targets = place.root.join("fuzz/targets");
    // The same releases as everywhere else; what libFuzzer needs is added.
    fs::copy(place.root.join("Cargo.lock"), targets.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    process::run(
        Command::new(tool)
            .args(["build", "--sanitizer", "none", "--target", host, "--fuzz-dir"])
            .arg(&targets)
            .arg("--target-dir")
            .arg(directory)
            // What runs this task is another cargo.
            .env("RUSTUP_TOOLCHAIN", "nightly")
            .env_remove("CARGO")
            .env_remove("RUSTC")
            .current_dir(&targets),
    )
}

/// What became of a target.
struct Run {
    target: String,
    executed: u64,
    took: Duration,
    /// Inputs that break it.
    found: Vec<PathBuf>,
    /// The end of the fuzzer's output.
    output: Vec<String>,
}

fn run(place: &Place, directory: &Path, program: &Path, target: &str, seconds: u32) -> Result<Run> {
    let (corpus, artifacts) =
        (directory.join("corpus").join(target), directory.join("artifacts").join(target));
    for directory in [&corpus, &artifacts] {
        fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    }
    let known = files(&artifacts)?;
    let mut command = Command::new(program);
    command
        // What is new goes into the first directory.
        .args([&corpus, &place.root.join("fuzz/corpus").join(target)])
        .args(LIMITS)
        .args([format!("-max_total_time={seconds}"), format!("-artifact_prefix={}/", artifacts.display())])
        .arg("-print_final_stats=1")
        .current_dir(directory);
    let (begin, mut executed, mut output) = (Instant::now(), 0, Vec::new());
    let ended = process::run_lines(&mut command, |line| {
        executed = executions(line).unwrap_or(executed);
        output.push(line.to_owned());
        if output.len() > SHOWN {
            output.remove(0);
        }
    });
    check_interrupt()?;
    let mut found = files(&artifacts)?;
    found.retain(|input| !known.contains(input));
    if found.is_empty() {
        // It failed for a reason of its own.
        ended.with_context(|| output.join("\n"))?;
    }
    Ok(Run { target: target.to_owned(), executed, took: begin.elapsed(), found, output })
}

fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let list = fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    list.map(|entry| Ok(entry?.path())).collect()
}

/// How many inputs were tried, from the statistics at the end of a run.
fn executions(line: &str) -> Option<u64> {
    line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read() {
        assert_eq!(executions("stat::number_of_executed_units: 1234"), Some(1234));
        assert_eq!(executions("stat::average_exec_per_sec:     20"), None);
    }

    #[test]
    fn targets_have_a_corpus_each() {
        let place = Place::find().unwrap();
        let targets = all(&place).unwrap();
        assert!(targets.iter().any(|target| target == "decode"), "{targets:?}");
        for target in targets {
            let corpus = place.root.join("fuzz/corpus").join(&target);
            assert!(corpus.is_dir(), "{} is missing", corpus.display());
        }
    }
}
