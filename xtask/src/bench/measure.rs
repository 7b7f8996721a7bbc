//! Runs a program under `bench-measure`, and says what it took.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::Scale;
use crate::process;

/// How much of what a program said is shown if it fails.
const TAIL: usize = 2_000;

/// Where everything is, and how much is to be done.
pub(super) struct Bench {
    /// The directory of our own programs.
    pub(super) programs: PathBuf,
    /// The directory for everything that is made on the way.
    pub(super) work: PathBuf,
    pub(super) scale: Scale,
    /// Variables that every program is given.
    pub(super) environment: Vec<(&'static str, OsString)>,
}

/// What a program took, and what it wrote.
#[derive(Debug)]
pub(super) struct Measured {
    /// From its start to its end.
    pub(super) seconds: f64,
    /// The most memory that it had, in bytes.
    pub(super) peak: f64,
    /// Processor time, in seconds.
    pub(super) processor: f64,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// What `bench-measure` prints.
#[derive(Deserialize)]
struct Report {
    seconds: f64,
    peak: f64,
    processor: f64,
    code: Option<i32>,
}

/// Fails if a command of a build ran, by what plain progress said of it.
pub(super) fn check_cached(said: &str) -> Result<()> {
    let vertices = || said.lines().filter_map(|line| line.strip_prefix('#')?.split_once(' '));
    let cached: BTreeSet<&str> = vertices()
        .filter(|(_, told)| *told == "CACHED")
        .map(|(number, _)| number)
        .collect();
    // Those of build files, and those that compile one.
    let is_command = |told: &str| ["] RUN ", "] compile"].iter().any(|command| told.contains(command));
    let mut commands = vertices().filter(|(_, told)| told.starts_with('[') && is_command(told));
    // Definitions without commands are solved by a client that tells it otherwise.
    if !said.contains("CACHED") || commands.any(|(number, _)| !cached.contains(number)) {
        bail!("the build was not cached:\n{said}");
    }
    Ok(())
}

impl Bench {
    /// How many rounds, of this many.
    pub(super) fn rounds(&self, full: usize) -> usize {
        match self.scale {
            Scale::Full => full,
            Scale::Smoke => full.min(1),
        }
    }

    /// How many files, ops or bytes, of this many.
    pub(super) fn amount(&self, full: u32) -> u32 {
        match self.scale {
            Scale::Full => full,
            Scale::Smoke => full / 1_000 + 10,
        }
    }

    /// A program of ours.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Runs a program to its end; anything but success is an error with what it said.
    pub(super) fn measure(&self, stdin: Option<&Path>, command: &[OsString]) -> Result<Measured> {
        let mut wrapper = Command::new(self.program("bench-measure"));
        if let Some(stdin) = stdin {
            wrapper.arg("--stdin").arg(stdin);
        }
        self.run(wrapper, command)
    }

    /// The same; memory and processor time are those of the process below another one that has this program at that path
    /// in its container.
    pub(super) fn measure_inside(&self, program: &str, below: i32, command: &[OsString]) -> Result<Measured> {
        let mut wrapper = Command::new(self.program("bench-measure"));
        wrapper.args(["--inside", program, "--below", &below.to_string()]);
        self.run(wrapper, command)
    }

    fn run(&self, mut wrapper: Command, command: &[OsString]) -> Result<Measured> {
        let (stdout, stderr) = (self.work.join("stdout"), self.work.join("stderr"));
        wrapper.envs(self.environment.iter().map(|(name, value)| (name, value)));
        wrapper.arg("--stdout").arg(&stdout).arg("--stderr").arg(&stderr);
        let report = process::output(wrapper.arg("--").args(command))?;
        let report: Report = serde_json::from_str(&report).context("bench-measure is not understood")?;
        let read = |path: &Path| -> Result<String> {
            let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let (stdout, stderr) = (read(&stdout)?, read(&stderr)?);
        if report.code != Some(0) {
            let start = stderr.ceil_char_boundary(stderr.len().saturating_sub(TAIL));
            bail!("{} failed:\n{}", command[0].display(), &stderr[start..]);
        }
        let Report { seconds, peak, processor, .. } = report;
        Ok(Measured { seconds, peak, processor, stdout, stderr })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_cached_if_every_command_is() {
        let said = "#1 [internal] load build context\n#1 DONE 0.0s\n#2 [app 1/2] RUN npm ci\n#2 CACHED\n";
        check_cached(said).unwrap();
        check_cached("#1 [app 1/1] COPY . .\n#1 DONE 0.1s\n").unwrap_err();
        let said = format!("{said}#3 [app 2/2] RUN npm test\n#3 0.1 #2 CACHED\n#3 DONE 1.0s\n");
        assert!(check_cached(&said).unwrap_err().to_string().ends_with(&said));
    }
}
