//! LLB: builds described as JSON, made by this house and by the Go client, must be equal definitions.
//!
//! Equal are the ops' bytes, their order and digests, what is said about each, and where it was written.

mod answer;
mod builds;
mod coverage;
mod description;
mod generator;
mod order;
mod translation;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use answer::Answer;
use coverage::Coverage;
use description::Build;

/// How many random builds there are.
const SEEDS: u64 = 500;

/// How often each op, option and constraint is used at least.
const LEAST_USES: usize = 20;

#[test]
fn random_builds_are_as_in_go() {
    compare(&RANDOM);
}

#[test]
fn known_builds_are_as_in_go() {
    compare(&builds::all());
}

/// So that nobody can ask what the goldens have to do with the Go client of today.
#[test]
fn the_golden_vectors_are_among_the_known_builds() {
    let goldens = include_str!("../../crates/buildkit-llb/tests/goldens.json");
    let goldens: Vec<serde_json::Value> = serde_json::from_str(goldens).expect("goldens as JSON");
    let builds = builds::all();
    // One layout has no host in its name and no layer, which this house refuses.
    for golden in goldens.iter().filter(|golden| golden["name"] != "oci") {
        let build = builds.iter().find(|build| golden["name"] == *build.name);
        let build = build.unwrap_or_else(|| panic!("no build of the name {}", golden["name"]));
        let definition = translation::definition(build).expect("a definition");
        let ours: Vec<String> = definition.ops().iter().map(|op| op.digest.to_string()).collect();
        let ops = golden["ops"].as_array().expect("a list of ops");
        let theirs: Vec<&str> = ops.iter().filter_map(|op| op["digest"].as_str()).collect();
        assert_eq!(ours, theirs, "{}", build.name);
    }
}

#[test]
fn random_builds_use_every_option() {
    let mut coverage = Coverage::new();
    for build in RANDOM.iter() {
        coverage.add(&build.to_json());
    }
    println!("{SEEDS} builds of {} nodes use:\n{coverage}", nodes(&RANDOM));
    let rare = coverage.below(LEAST_USES);
    assert!(rare.is_empty(), "used less than {LEAST_USES} times: {}", rare.join(", "));
}

/// Every option of the schema is counted, so one that is never generated is found.
#[test]
fn an_option_that_is_not_used_is_found() {
    let mut coverage = Coverage::new();
    let unused = coverage.below(1);
    for option in ["Build.caps (0)", "Op.git (0)", "Mount.selector (0)", "Sharing.locked (0)", "Http.uid (0)"]
    {
        assert!(unused.iter().any(|other| other == option), "{option} not in {unused:#?}");
    }
    let mut build = generator::build(0);
    build.caps = true;
    coverage.add(&build.to_json());
    assert!(!coverage.below(1).contains(&"Build.caps (0)".to_owned()));
}

#[test]
fn a_seed_gives_the_same_build_again() {
    for seed in [0, 1, SEEDS] {
        assert_eq!(generator::build(seed).to_json(), generator::build(seed).to_json());
    }
    assert_ne!(generator::build(0).to_json()["nodes"], generator::build(1).to_json()["nodes"]);
}

static RANDOM: LazyLock<Vec<Build>> = LazyLock::new(|| (0..SEEDS).map(generator::build).collect());

/// Fails with the first difference, and says in how many builds there is one.
fn compare(builds: &[Build]) {
    let theirs = ask_go(builds);
    assert_eq!(theirs.len(), builds.len(), "one answer for each build");
    let mut differences = Vec::new();
    for (build, theirs) in builds.iter().zip(&theirs) {
        let ours = match translation::definition(build) {
            Ok(definition) => Answer::from(&definition),
            Err(error) => Answer::refused(format!("this house: {error}")),
        };
        if let Some(difference) = ours.difference(theirs) {
            differences.push(format!("{}: {difference}", build.name));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {} builds differ, first {}",
        differences.len(),
        builds.len(),
        differences[0]
    );
}

/// What the Go client makes of descriptions.
fn ask_go(builds: &[Build]) -> Vec<Answer> {
    let mut input = String::new();
    for build in builds {
        input.push_str(&build.to_json().to_string());
        input.push('\n');
    }
    let mut program = Command::new(&*PROGRAM)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the Go side can be run");
    let mut stdin = program.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = program.wait_with_output().expect("the Go side can be waited for");
    // It says on stderr what it did not like, and stops reading.
    assert!(output.status.success(), "the Go side gave up: {}", output.status);
    writer.join().expect("a writer").expect("the Go side reads everything");
    let answers = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
    answers.collect::<Result<_, _>>().expect("an answer as JSON")
}

/// Built once from `tools/llb`.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("llb");
    super::wire::go(&["build", "-o", program.to_str().expect("a path in UTF-8"), "./llb"]);
    program
});

fn nodes(builds: &[Build]) -> usize {
    builds.iter().map(|build| build.nodes.len()).sum()
}
