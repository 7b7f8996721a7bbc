//! What this house costs beside the programs that do the same: `cargo xtask bench`.
//!
//! Each comparison runs in rounds in which both sides do the same work, and take turns in who is first. Rows are
//! medians; `target/bench.json` has them for programs, the table for people. Everything lies in `target/bench`
//! while it runs, with a buildkitd of its own, so that nothing else is in its cache.

mod clients;
pub(crate) mod daemon;
mod definitions;
mod encode;
mod examples;
mod frontend;
mod measure;
mod noop;
mod rows;
mod size;
mod tools;
mod tree;
mod upload;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::place::Place;
use clients::{Clients, Need};
use daemon::BenchDaemon;
use measure::Bench;
pub(crate) use rows::median;
use rows::{Group, ROWS, Report, Samples, Spec};

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// As the rows say.
    Full,
    /// As little as shows that every row can be measured: tiny sizes, one round, programs without optimization.
    Smoke,
}

/// Prints the names of all rows.
pub(crate) fn list() {
    for spec in ROWS {
        println!("{:36} {}", spec.name, spec.about);
    }
}

/// Measures the rows whose names begin with one of `names`, or all, and writes them down.
pub(crate) fn bench(place: &Place, names: &[String], scale: Scale) -> Result<()> {
    let mut chosen = choose(names)?;
    if scale == Scale::Smoke {
        let left_out;
        (chosen, left_out) = smoke(chosen)?;
        println!("not in a smoke run: {}", left_out.join(", "));
    }
    let start = Instant::now();
    let work = place.target.join("bench");
    clear(&work)?;
    let measured = measure_all(place, &work, &chosen, scale);
    // What is left of a failure would only fill the disk.
    let cleared = clear(&work);
    let reports = measured?;
    cleared?;

    let path = output(place, scale);
    rows::write(&path, &reports)?;
    print!("{}", rows::table(&reports));
    println!("\n{} rows in {:.0} s: {}", reports.len(), start.elapsed().as_secs_f64(), path.display());
    rows::check(&path, &chosen)
}

fn measure_all(place: &Place, work: &Path, chosen: &[&'static Spec], scale: Scale) -> Result<Vec<Report>> {
    fs::create_dir_all(work).with_context(|| format!("cannot create {}", work.display()))?;
    let bench =
        Bench { programs: tools::ours(place, scale)?, work: work.to_owned(), scale, environment: Vec::new() };
    let need = chosen.iter().map(|spec| spec.group.needs()).max().unwrap_or(Need::Nothing);
    if need == Need::Nothing {
        return measure_groups(place, bench, None, chosen);
    }
    let clients = Clients::make(place, work, need, scale)?;
    let measured = measure_groups(place, bench, Some(&clients), chosen);
    let stopped = clients.stop(place);
    let reports = measured?;
    stopped?;
    Ok(reports)
}

fn measure_groups(
    place: &Place,
    mut bench: Bench,
    clients: Option<&Clients>,
    chosen: &[&'static Spec],
) -> Result<Vec<Report>> {
    let mut groups: Vec<Group> = chosen.iter().map(|spec| spec.group).collect();
    groups.dedup();
    let daemon = match groups.iter().any(|group| group.needs_daemon()) {
        true => Some(BenchDaemon::start(place, &bench.work, clients.map(Clients::registry))?),
        false => None,
    };
    if let (Some(clients), Some(daemon)) = (clients, &daemon) {
        bench.environment = clients.environment(&bench.work, daemon)?;
    }
    let mut reports = Vec::new();
    let mut measured = Ok(());
    for group in groups {
        println!("== {}", group.title());
        match measure_group(place, &bench, daemon.as_ref(), clients, group) {
            Ok(samples) => {
                let wanted = chosen.iter().filter(|spec| spec.group == group);
                for spec in wanted {
                    reports.push(Report::of(spec, samples.get(spec.name))?);
                }
            }
            Err(error) => {
                measured = Err(error.context(group.title()));
                break;
            }
        }
    }
    let stopped = daemon.map_or(Ok(()), BenchDaemon::stop);
    measured?;
    stopped?;
    Ok(reports)
}

fn measure_group(
    place: &Place,
    bench: &Bench,
    daemon: Option<&BenchDaemon>,
    clients: Option<&Clients>,
    group: Group,
) -> Result<Samples> {
    let daemon = || daemon.context("there is no daemon");
    let clients = || clients.context("there are no clients");
    match group {
        Group::Encode(case) => encode::run(place, bench, case),
        Group::NoOp => noop::run(bench, daemon()?),
        Group::Upload(case) => upload::run(bench, daemon()?, case),
        Group::Size => size::run(place, bench),
        Group::Frontend(case) => frontend::run(bench, daemon()?, clients()?, case),
        Group::Example(case) => examples::run(place, bench, daemon()?, clients()?, case),
    }
}

fn choose(names: &[String]) -> Result<Vec<&'static Spec>> {
    for name in names {
        if !ROWS.iter().any(|spec| spec.name.starts_with(name.as_str())) {
            let known: Vec<_> = ROWS.iter().map(|spec| spec.name).collect();
            bail!("no row begins with {name:?}; there are: {}", known.join(", "));
        }
    }
    let wanted =
        |spec: &&Spec| names.is_empty() || names.iter().any(|name| spec.name.starts_with(name.as_str()));
    Ok(ROWS.iter().filter(wanted).collect())
}

/// The rows of a smoke run, and the names of those that are left out: their sides are images that take minutes to compile,
/// and the tests build by ours; or they are measured as another example is, with the same small project then.
fn smoke(chosen: Vec<&'static Spec>) -> Result<(Vec<&'static Spec>, Vec<&'static str>)> {
    let example = chosen
        .iter()
        .map(|spec| spec.group)
        .find(|group| group.needs() == Need::Clients);
    let (left_out, rest): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|spec| match spec.group.needs() {
        Need::Nothing => false,
        Need::Clients => Some(spec.group) != example,
        Need::Frontends => true,
    });
    let left_out: Vec<_> = left_out.iter().map(|spec| spec.name).collect();
    if rest.is_empty() {
        bail!("a smoke run has none of these rows: {}; measure them without --smoke", left_out.join(", "));
    }
    Ok((rest, left_out))
}

fn output(place: &Place, scale: Scale) -> PathBuf {
    place.target.join(match scale {
        Scale::Full => "bench.json",
        Scale::Smoke => "bench-smoke.json",
    })
}

fn clear(work: &Path) -> Result<()> {
    if work.exists() {
        // A run that was killed may have left its daemon.
        daemon::stop_left(work)?;
        fs::remove_dir_all(work).with_context(|| format!("cannot remove {}", work.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_by_their_beginning() {
        let names = |wanted: &[&str]| -> Vec<_> {
            let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
            choose(&wanted).unwrap().iter().map(|spec| spec.name).collect()
        };
        assert_eq!(names(&[]).len(), ROWS.len());
        assert_eq!(names(&["noop", "size"]), ["noop", "size"]);
        assert_eq!(names(&["encode-fan"]), ["encode-fan-20k", "encode-fan-20k-memory"]);
        let error = choose(&["nothing".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("no row begins with \"nothing\"; there are: encode-chain-1k, "), "{error}");
    }

    #[test]
    fn a_smoke_run_measures_something() {
        let (rows, left_out) = smoke(choose(&[]).unwrap()).unwrap();
        assert_eq!(rows.len() + left_out.len(), ROWS.len());
        let examples: Vec<_> = rows.iter().filter(|spec| spec.name.starts_with("examples-")).collect();
        assert!(!examples.is_empty() && examples.iter().all(|spec| spec.group == examples[0].group));
        let error = smoke(choose(&["frontend".to_owned()]).unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("a smoke run has none of these rows: frontend-"), "{error}");
    }
}
