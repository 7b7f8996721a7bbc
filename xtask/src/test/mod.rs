//! Everything that must hold, in one run: the README's test command and CI's only one.
//!
//! Each part is timed, and none is skipped: what cannot run has failed. The tests that ran are compared
//! with a list in the project, so that none is lost unseen.

mod list;
mod output;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::place::Place;
use crate::process::{check_interrupt, run, run_lines};
use crate::up::{self, Fixtures};
use crate::{bench, codegen, editor, frontends, images, tidy, tools};
use output::{Tests, Verdict};

/// The test binaries of all packages, each a part of its own; `cargo xtask tidy` finds one that is missing.
pub(crate) const BINARIES: [&str; 6] =
    ["goldens", "golden", "compile-fail", "differential", "integration", "examples"];

/// The package that is checked with fewer features, too: what stands in for one is not compiled with all.
const FEATURED: &str = "stagewright";

/// Runs everything and says how it went; an error if anything failed. With `bless` the list of tests
/// becomes what ran.
pub(crate) fn test(place: &Place, bless: bool) -> Result<()> {
    let mut report = Report::default();
    checks(place, &mut report);
    check_interrupt()?;
    match fixtures(place, &mut report) {
        Ok(fixtures) => {
            tests(place, &fixtures, &mut report);
            report.part("down", || fixtures.stop_started(place));
        }
        // What was started by then runs no longer.
        Err(error) => eprintln!("the tests cannot run: {error:#}"),
    }
    check_interrupt()?;
    let ran = std::mem::take(&mut report.ran);
    if bless && report.failed > 0 {
        // What did not run would be missing in it.
        println!("\n{} is unchanged, because something failed", list::LIST);
    } else {
        report.part("list of tests", || list::compare(place, &ran, bless));
    }
    report.print();
    if report.failed > 0 {
        bail!("{} failed: {}", report.failed, report.failures.join(", "));
    }
    Ok(())
}

/// What needs no servers.
fn checks(place: &Place, report: &mut Report) {
    report.part("format", || run(place.cargo().args(["fmt", "--all", "--check"])));
    report.part("clippy", || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--all-features", "--keep-going"];
        run(place.cargo().args(arguments).args(["--", "--deny", "warnings"]))
    });
    for (name, features) in [("none", ""), ("client", "client"), ("frontend", "frontend,yaml,rust")] {
        report.part(&format!("clippy, features: {name}"), || {
            let arguments = ["clippy", "--package", FEATURED, "--all-targets", "--no-default-features"];
            let features = ["--features", features, "--", "--deny", "warnings"];
            run(place.cargo().args(arguments).args(features))
        });
    }
    report.part("docs", || {
        let arguments = ["doc", "--workspace", "--all-features", "--no-deps", "--keep-going"];
        run(place.cargo().args(arguments).env("RUSTDOCFLAGS", "--deny warnings"))
    });
    report.part("codegen", || Ok(codegen::run(true)?));
    report.part("tidy", || tidy::run(place));
}

fn fixtures(place: &Place, report: &mut Report) -> Result<Fixtures> {
    let mut fixtures = None;
    report.part("up", || {
        fixtures = Some(up::up(place)?);
        Ok(())
    });
    let fixtures = fixtures.context("what they need does not run")?;
    let images = report.part("images", || images::ensure(place, &fixtures, false));
    if !images {
        fixtures.stop_started(place)?;
        bail!("there are no base images");
    }
    // Without these the tests of them fail, and the others do not.
    report.part("frontends", || frontends::ensure(place, &fixtures));
    report.part("engine", || tools::ensure_engine(place).map(drop));
    report.part("editor", || editor::ensure(place).map(drop));
    Ok(fixtures)
}

fn tests(place: &Place, fixtures: &Fixtures, report: &mut Report) {
    // Integration tests run the examples as their users do.
    report.part("programs", || place.build_programs().map(drop));
    let workspace = ["test", "--workspace", "--all-features", "--no-fail-fast"];
    let mut part = |name: &str, which: &[&str]| {
        let mut command = place.cargo();
        fixtures.apply(command.args(workspace).args(which));
        report.tests(name, &mut command);
    };
    part("unit tests", &["--lib", "--bins"]);
    part("documentation tests", &["--doc"]);
    for binary in BINARIES {
        part(binary, &["--test", binary]);
    }
    let arguments = ["test", "--package", FEATURED, "--no-default-features", "--lib", "--no-fail-fast"];
    report.tests("unit tests, features: none", place.cargo().args(arguments));
    report.part("bench smoke", || bench::bench(place, &[], bench::Scale::Smoke));
}

/// How the parts went.
#[derive(Default)]
struct Report {
    times: Vec<(String, Duration)>,
    passed: usize,
    failed: usize,
    /// What failed, by name.
    failures: Vec<String>,
    /// The tests that ran, passed or not.
    ran: BTreeSet<String>,
}

impl Report {
    /// A part that counts as one; returns whether it passed.
    fn part(&mut self, name: &str, run: impl FnOnce() -> Result<()>) -> bool {
        println!("\n== {name}");
        let start = Instant::now();
        let result = run();
        self.times.push((name.to_owned(), start.elapsed()));
        match result {
            Ok(()) => {
                self.passed += 1;
                true
            }
            Err(error) => {
                eprintln!("{name}: {error:#}");
                self.fail(name);
                false
            }
        }
    }

    /// A part that counts as the tests that ran in it.
    fn tests(&mut self, name: &str, command: &mut Command) {
        println!("\n== {name}");
        let start = Instant::now();
        let mut tests = Tests::default();
        let result = run_lines(command, |line| {
            println!("{line}");
            tests.line(line);
        });
        self.times.push((name.to_owned(), start.elapsed()));
        let before = self.failed;
        for (test, verdict) in tests.verdicts {
            match verdict {
                Verdict::Passed => self.passed += 1,
                Verdict::Failed => self.fail(&test),
                Verdict::Ignored => self.fail(&format!("{test} (ignored)")),
            }
            self.ran.insert(test);
        }
        if let Err(error) = result
            && self.failed == before
        {
            // It did not compile, or ended before its tests did.
            eprintln!("{name}: {error:#}");
            self.fail(name);
        }
    }

    fn fail(&mut self, name: &str) {
        self.failed += 1;
        self.failures.push(name.to_owned());
    }

    fn print(&self) {
        println!("\nminutes");
        for (name, time) in &self.times {
            println!("{:7.1}  {name}", time.as_secs_f64() / 60.0);
        }
        let all: Duration = self.times.iter().map(|(_, time)| *time).sum();
        println!("{:7.1}  all", all.as_secs_f64() / 60.0);
        for name in &self.failures {
            println!("failed: {name}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
    }
}
