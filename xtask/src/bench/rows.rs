//! The rows: what is compared, what it should come to, and how it came out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::clients::Need;
use super::daemon::Side;
use super::encode::{self, Shape};
use super::{examples, frontend, upload};

/// The Go client's library.
const LLB: &str = "client/llb (Go)";
/// The Go client's program.
const BUILDCTL: &str = "buildctl";
/// The frontend of Dockerfiles, in its image.
const DOCKERFILE: &str = "docker/dockerfile";
/// The frontend of Dockerfiles in the daemon itself.
const BUILTIN: &str = "buildx build";
/// The same steps by docker buildx, tests and all.
const BAKE: &str = "buildx bake";
/// The same work in one stage, by docker buildx.
const BASELINE: &str = "one stage";
/// The same build in the other form.
const YAML: &str = "stages.yaml";

/// A row before it is measured.
#[derive(Debug, PartialEq)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    unit: Unit,
    /// What ours is compared with, if anything.
    peer: Option<&'static str>,
    /// The most that the ratio may be; without a peer, the most that ours may be; nothing, if a row only tells.
    goal: Option<f64>,
    pub(super) group: Group,
}

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Encode(encode::Case),
    NoOp,
    Upload(upload::Case),
    Size,
    Frontend(frontend::Case),
    Example(examples::Case),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Megabytes,
}

/// What was measured, by the name of its row.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<&'static str, Sides>);

/// Seconds or bytes of each round.
#[derive(Debug, Default)]
pub(super) struct Sides {
    ours: Vec<f64>,
    peer: Vec<f64>,
}

/// A row as it is written down.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) name: String,
    unit: String,
    ours: f64,
    peer: Option<f64>,
    peer_name: Option<String>,
    /// Ours of the peer's.
    ratio: Option<f64>,
    goal: Option<f64>,
}

const CHAIN_1K: Group = Group::Encode(encode::Case::new(Shape::Chain, 1_000, 5, 5));
const CHAIN_5K: Group = Group::Encode(encode::Case::new(Shape::Chain, 5_000, 5, 3));
/// Minutes for the peer, where other sizes show how it grows.
const CHAIN_20K: Group = Group::Encode(encode::Case::new(Shape::Chain, 20_000, 5, 1));
const FAN_20K: Group = Group::Encode(encode::Case::new(Shape::Fan, 20_000, 5, 5));
const CHAIN_200K: Group = Group::Encode(encode::Case::new(Shape::Chain, 200_000, 3, 0));
const CHAIN_1M: Group = Group::Encode(encode::Case::new(Shape::Chain, 1_000_000, 3, 0));
const SMALL: Group = Group::Upload(upload::Case::Files { name: "20k", count: 20_000, rounds: 5 });
const LARGE: Group = Group::Upload(upload::Case::Files { name: "200k", count: 200_000, rounds: 3 });
const FILE: Group = Group::Upload(upload::Case::OneFile { megabytes: 400, rounds: 3 });

/// All rows, in the order in which they are measured.
#[rustfmt::skip]
pub(super) const ROWS: &[Spec] = &[
    time("encode-chain-1k", "build and encode 1,000 execs on each other", LLB, 0.1, CHAIN_1K),
    memory("encode-chain-1k-memory", "peak memory of that", LLB, 0.5, CHAIN_1K),
    time("encode-chain-5k", "5,000 execs on each other", LLB, 0.1, CHAIN_5K),
    memory("encode-chain-5k-memory", "peak memory of that", LLB, 0.5, CHAIN_5K),
    time("encode-chain-20k", "20,000 execs on each other; the peer's once", LLB, 0.1, CHAIN_20K),
    memory("encode-chain-20k-memory", "peak memory of that", LLB, 0.5, CHAIN_20K),
    time("encode-fan-20k", "20,000 execs on one image, merged", LLB, 0.1, FAN_20K),
    memory("encode-fan-20k-memory", "peak memory of that", LLB, 0.5, FAN_20K),
    alone("encode-chain-200k", "200,000 execs on each other, on a stack of 128 KiB", 1.0, CHAIN_200K),
    alone("encode-chain-1m", "1,000,000 execs on each other, on a stack of 128 KiB", 5.0, CHAIN_1M),
    time("noop", "a build of which all is cached", BUILDCTL, 0.8, Group::NoOp),
    time("upload-20k-cold", "a context of 20,000 files that the daemon does not have", BUILDCTL, 0.7, SMALL),
    time("upload-20k-unchanged", "the same again", BUILDCTL, 0.7, SMALL),
    time("upload-20k-changed", "the same with one file changed", BUILDCTL, 0.5, SMALL),
    time("upload-200k-cold", "a context of 200,000 files that the daemon does not have", BUILDCTL, 0.7, LARGE),
    memory("upload-200k-cold-memory", "peak memory of that", BUILDCTL, 0.5, LARGE),
    time("upload-200k-unchanged", "the same again", BUILDCTL, 0.7, LARGE),
    time("upload-200k-changed", "the same with one file changed", BUILDCTL, 0.5, LARGE),
    time("upload-400mb", "one file of 400 MB that the daemon does not have", BUILDCTL, 0.8, FILE),
    memory("size", "the program of an example, command line and all, without symbols", BUILDCTL, 0.4, Group::Size),
    time("frontend-warm", "`buildx build` by a `# syntax=` line, all cached", DOCKERFILE, 0.95, WARM),
    time("frontend-cold", "the same, and the frontend's image is pulled", DOCKERFILE, 0.65, COLD),
    memory("frontend-size", "the compressed layers of the frontend's image", DOCKERFILE, 0.16, IMAGE),
    memory("frontend-memory", "peak memory of the frontend's process", DOCKERFILE, 0.2, MEMORY),
    time("frontend-steps", "processor time of the frontend's process for a file of 1,000 steps", DOCKERFILE, 0.5, STEPS),
    memory("frontend-steps-memory", "peak memory of the frontend's process for that", DOCKERFILE, 0.2, STEPS),
    tells("frontend-steps-whole", "that build, all cached, most of which is the daemon", DOCKERFILE, STEPS),
    time("frontend-host", "`stagewright build`, without a frontend's container, all cached", BUILTIN, 0.7, HOST),
    tells("frontend-rust-first", "stages.rs whose crates are not compiled yet, one step new", YAML, RUST),
    tells("frontend-rust-edited", "stages.rs with one line edited, one step new", YAML, RUST),
    time("frontend-rust-unchanged", "stages.rs as it was, all cached", YAML, 1.2, RUST),
    time("examples-cache-layers-cold", "examples/cache-layers, its image pushed: base images are there, and nothing else", BAKE, 1.1, NODE),
    time("examples-cache-layers-noop", "the same again", BAKE, 1.1, NODE),
    time("examples-cache-layers-edit", "after an edit of one line of source", BAKE, 1.1, NODE),
    time("examples-cache-layers-manifest", "after an edit of the list of dependencies", BAKE, 1.1, NODE),
    memory("examples-cache-layers-size", "the image's layers, compressed", BAKE, 1.01, NODE),
    memory("examples-cache-layers-unpacked", "the image's layers, unpacked", BAKE, 1.01, NODE),
    time("examples-cache-layers-cold-baseline", "examples/cache-layers cold, beside one stage without cache mounts", BASELINE, 0.5, NODE),
    tells("examples-cache-layers-noop-baseline", "the same again", BASELINE, NODE),
    time("examples-cache-layers-edit-baseline", "after an edit of one line of source", BASELINE, 0.5, NODE),
    time("examples-cache-layers-manifest-baseline", "after an edit of the list of dependencies", BASELINE, 0.5, NODE),
    memory("examples-cache-layers-size-baseline", "the image's layers, compressed", BASELINE, 0.7, NODE),
    memory("examples-cache-layers-unpacked-baseline", "the image's layers, unpacked", BASELINE, 0.7, NODE),
    time("examples-go-service-cold", "examples/go-service, its image pushed: base images are there, and nothing else", BAKE, 1.1, GO),
    time("examples-go-service-noop", "the same again", BAKE, 1.1, GO),
    time("examples-go-service-edit", "after an edit of one line of source", BAKE, 1.1, GO),
    time("examples-go-service-manifest", "after an edit of the list of dependencies", BAKE, 1.1, GO),
    memory("examples-go-service-size", "the image's layers, compressed", BAKE, 1.01, GO),
    memory("examples-go-service-unpacked", "the image's layers, unpacked", BAKE, 1.01, GO),
    time("examples-go-service-cold-baseline", "examples/go-service cold, beside one stage without cache mounts", BASELINE, 0.5, GO),
    tells("examples-go-service-noop-baseline", "the same again", BASELINE, GO),
    time("examples-go-service-edit-baseline", "after an edit of one line of source", BASELINE, 0.5, GO),
    time("examples-go-service-manifest-baseline", "after an edit of the list of dependencies", BASELINE, 0.5, GO),
    memory("examples-go-service-size-baseline", "the image's layers, compressed", BASELINE, 0.7, GO),
    memory("examples-go-service-unpacked-baseline", "the image's layers, unpacked", BASELINE, 0.7, GO),
    time("examples-ml-serving-cold", "examples/ml-serving, its image pushed: base images are there, and nothing else", BAKE, 1.1, PYTHON),
    time("examples-ml-serving-noop", "the same again", BAKE, 1.1, PYTHON),
    time("examples-ml-serving-edit", "after an edit of one line of source", BAKE, 1.1, PYTHON),
    time("examples-ml-serving-manifest", "after an edit of the list of dependencies", BAKE, 1.1, PYTHON),
    memory("examples-ml-serving-size", "the image's layers, compressed", BAKE, 1.01, PYTHON),
    memory("examples-ml-serving-unpacked", "the image's layers, unpacked", BAKE, 1.01, PYTHON),
    time("examples-ml-serving-cold-baseline", "examples/ml-serving cold, beside one stage without cache mounts", BASELINE, 0.5, PYTHON),
    tells("examples-ml-serving-noop-baseline", "the same again", BASELINE, PYTHON),
    time("examples-ml-serving-edit-baseline", "after an edit of one line of source", BASELINE, 0.5, PYTHON),
    time("examples-ml-serving-manifest-baseline", "after an edit of the list of dependencies", BASELINE, 0.5, PYTHON),
    memory("examples-ml-serving-size-baseline", "the image's layers, compressed", BASELINE, 0.7, PYTHON),
    memory("examples-ml-serving-unpacked-baseline", "the image's layers, unpacked", BASELINE, 0.7, PYTHON),
];

const WARM: Group = Group::Frontend(frontend::Case::Warm);
const COLD: Group = Group::Frontend(frontend::Case::Cold);
const IMAGE: Group = Group::Frontend(frontend::Case::Size);
const MEMORY: Group = Group::Frontend(frontend::Case::Memory);
const STEPS: Group = Group::Frontend(frontend::Case::Steps);
const HOST: Group = Group::Frontend(frontend::Case::Host);
const RUST: Group = Group::Frontend(frontend::Case::Rust);
const NODE: Group = Group::Example(examples::Case::CacheLayers);
const GO: Group = Group::Example(examples::Case::GoService);
const PYTHON: Group = Group::Example(examples::Case::MlServing);

const fn time(name: &'static str, about: &'static str, peer: &'static str, goal: f64, group: Group) -> Spec {
    Spec { name, about, unit: Unit::Seconds, peer: Some(peer), goal: Some(goal), group }
}

const fn memory(
    name: &'static str,
    about: &'static str,
    peer: &'static str,
    goal: f64,
    group: Group,
) -> Spec {
    Spec { name, about, unit: Unit::Megabytes, peer: Some(peer), goal: Some(goal), group }
}

const fn alone(name: &'static str, about: &'static str, goal: f64, group: Group) -> Spec {
    Spec { name, about, unit: Unit::Seconds, peer: None, goal: Some(goal), group }
}

const fn tells(name: &'static str, about: &'static str, peer: &'static str, group: Group) -> Spec {
    Spec { name, about, unit: Unit::Seconds, peer: Some(peer), goal: None, group }
}

impl Group {
    pub(super) fn needs_daemon(self) -> bool {
        self.needs() > Need::Nothing || matches!(self, Self::NoOp | Self::Upload(_))
    }

    pub(super) fn needs(self) -> Need {
        match self {
            Self::Encode(_) | Self::NoOp | Self::Upload(_) | Self::Size => Need::Nothing,
            Self::Example(_) => Need::Clients,
            Self::Frontend(_) => Need::Frontends,
        }
    }

    /// The names of its rows.
    pub(super) fn title(self) -> String {
        let names = ROWS.iter().filter(|spec| spec.group == self).map(|spec| spec.name);
        names.collect::<Vec<_>>().join(", ")
    }

    /// The name of its row with this unit that ends so.
    pub(super) fn row(self, unit: &str, end: &str) -> Option<&'static str> {
        let rows = ROWS.iter().filter(|spec| spec.group == self && spec.unit.name() == unit);
        rows.map(|spec| spec.name).find(|name| name.ends_with(end))
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Megabytes => "MB",
        }
    }

    /// From seconds or bytes.
    fn scale(self, value: f64) -> f64 {
        match self {
            Self::Seconds => value,
            Self::Megabytes => value / 1e6,
        }
    }
}

impl Samples {
    pub(super) fn ours(&mut self, row: &'static str, value: f64) {
        self.0.entry(row).or_default().ours.push(value);
    }

    pub(super) fn peer(&mut self, row: &'static str, value: f64) {
        self.0.entry(row).or_default().peer.push(value);
    }

    pub(super) fn add(&mut self, side: Side, row: &'static str, value: f64) {
        match side {
            Side::Ours => self.ours(row, value),
            Side::Peer => self.peer(row, value),
        }
    }

    pub(super) fn get(&self, row: &str) -> Option<&Sides> {
        self.0.get(row)
    }
}

impl Report {
    pub(super) fn of(spec: &Spec, sides: Option<&Sides>) -> Result<Self> {
        let missing = || format!("{} was not measured", spec.name);
        let sides = sides.with_context(missing)?;
        let ours = spec.unit.scale(median(&sides.ours).with_context(missing)?);
        let peer = match spec.peer {
            Some(_) => Some(spec.unit.scale(median(&sides.peer).with_context(missing)?)),
            None => None,
        };
        Ok(Self {
            name: spec.name.to_owned(),
            unit: spec.unit.name().to_owned(),
            ours,
            peer,
            peer_name: spec.peer.map(str::to_owned),
            ratio: peer.map(|peer| ours / peer),
            goal: spec.goal,
        })
    }

    fn is_met(&self) -> bool {
        self.goal.is_none_or(|goal| self.ratio.unwrap_or(self.ours) <= goal)
    }
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get((sorted.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

pub(super) fn write(path: &Path, reports: &[Report]) -> Result<()> {
    let text = serde_json::to_string_pretty(reports)? + "\n";
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a file of rows back: each that was asked for must be there, with numbers that can be.
pub(super) fn check(path: &Path, chosen: &[&'static Spec]) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let reports: Vec<Report> = serde_json::from_str(&text).context("the rows are not as documented")?;
    let names: Vec<&str> = reports.iter().map(|report| report.name.as_str()).collect();
    let wanted: Vec<&str> = chosen.iter().map(|spec| spec.name).collect();
    if names != wanted {
        bail!("rows {names:?} were written instead of {wanted:?}");
    }
    for (report, spec) in reports.iter().zip(chosen) {
        let numbers = [Some(report.ours), report.peer, report.ratio];
        let possible = |number: &f64| number.is_finite() && *number > 0.0;
        if !numbers.iter().flatten().all(possible)
            || report.peer.is_some() != spec.peer.is_some()
            || report.ratio.is_some() != spec.peer.is_some()
        {
            bail!("row {} is not well-formed: {report:?}", report.name);
        }
    }
    Ok(())
}

/// The rows for people.
pub(super) fn table(reports: &[Report]) -> String {
    let mut text = format!("{:41} {:>12} {:>12} {:>8} {:>6}\n", "", "ours", "peer", "ratio", "goal");
    for report in reports {
        let value = |value: Option<f64>| value.map_or_else(String::new, |it| number(it, &report.unit));
        let ratio = report.ratio.map_or_else(String::new, |ratio| format!("{ratio:.3}"));
        let goal = report.goal.map_or_else(String::new, |goal| goal.to_string());
        text.push_str(&format!(
            "{:41} {:>12} {:>12} {ratio:>8} {goal:>6}{}\n",
            report.name,
            value(Some(report.ours)),
            value(report.peer),
            if report.is_met() { "" } else { "  missed" },
        ));
    }
    text
}

fn number(value: f64, unit: &str) -> String {
    let digits = if value < 10.0 { 3 } else { 1 };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str, samples: &Samples) -> Result<Report> {
        Report::of(ROWS.iter().find(|spec| spec.name == name).unwrap(), samples.get(name))
    }

    #[test]
    fn a_row_is_medians_and_their_ratio() {
        let mut samples = Samples::default();
        for value in [3.0, 1.0, 2.0] {
            samples.ours("noop", value);
        }
        for value in [4.0, 5.0, 3.0, 1.0] {
            samples.peer("noop", value);
        }
        let row = report("noop", &samples).unwrap();
        assert_eq!((row.ours, row.peer, row.ratio), (2.0, Some(3.5), Some(2.0 / 3.5_f64)));
        let text = table(&[row]);
        assert_eq!(
            text.lines().nth(1),
            Some("noop                                           2.000 s      3.500 s    0.571    0.8")
        );
        assert_eq!(report("size", &samples).unwrap_err().to_string(), "size was not measured");
    }

    #[test]
    fn a_row_without_peer_is_held_to_its_goal_alone() {
        let mut samples = Samples::default();
        samples.ours("encode-chain-1m", 6.0);
        let row = report("encode-chain-1m", &samples).unwrap();
        assert_eq!((row.peer, row.ratio, row.is_met()), (None, None, false));
        let json = serde_json::to_value(&row).unwrap();
        let expected = serde_json::json!({
            "name": "encode-chain-1m", "unit": "s", "ours": 6.0,
            "peer": null, "peer_name": null, "ratio": null, "goal": 5.0,
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn names_are_different() {
        let mut names: Vec<_> = ROWS.iter().map(|spec| spec.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROWS.len());
    }
}
