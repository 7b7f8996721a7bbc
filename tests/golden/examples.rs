//! The examples: their graphs, and that `stages.yaml` says what the program says.

use std::fs;
use std::path::Path;
use std::process::Command;

use buildkit_llb::Platform;
use expect_test::expect_file;
use stagewright_plan::Plan;
use stagewright_yaml::Document;

use crate::lints::all_found;
use crate::world::{lowered, without_places};

/// The Plan that an example's program prints with these args. The program has been built beside the tests.
fn program(name: &str, args: &[(&str, &str)]) -> Plan {
    let tests = std::env::current_exe().unwrap();
    let path = tests.ancestors().nth(2).unwrap().join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace` first", path.display());
    let args = args
        .iter()
        .flat_map(|(name, value)| ["--build-arg".to_owned(), format!("{name}={value}")]);
    let output = Command::new(path).arg("plan").args(args).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Plan::from_json(&String::from_utf8(output.stdout).unwrap()).unwrap()
}

/// The Plan that an example's `stages.yaml` makes of these args.
fn yaml(name: &str, args: &[(&str, &str)]) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name)
        .join("stages.yaml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let amd64 = Platform::new("linux", "amd64");
    let plan = Document::parse("stages.yaml", &text).and_then(|document| document.plan(args, &amd64, &amd64));
    plan.unwrap_or_else(|problems| panic!("{name}: {problems}"))
}

/// The targets' names, each with its ops, what it says of itself, its image's configuration and what that is to carry.
fn graph(plan: &Plan) -> Vec<(String, String)> {
    let graph = plan.targets.iter().map(|target| {
        let lowered = lowered(plan, &[target.name.as_str()]);
        let built = &lowered.targets[0];
        let ops = without_places(&lowered.graph.definition(built.output).unwrap());
        let config = built.config.as_ref().map(|config| format!("{config:#?}\n"));
        let said = format!("{:?} {:?} {:?}\n", target.product, target.description, built.annotations);
        let attests = plan.stage(&target.stage).map(|stage| format!("{:?}\n", stage.runtime.attests));
        (target.name.clone(), ops + &said + &config.unwrap_or_default() + &attests.unwrap_or_default())
    });
    let mut graph: Vec<_> = graph.collect();
    graph.sort();
    graph
}

/// Checks the graph of all products, that YAML and program agree on every target, and that nothing in it is doubtful.
fn check(name: &str, sets: &[&[(&str, &str)]]) {
    let plan = program(name, &[]);
    assert_eq!(all_found(&plan), [], "{name}");
    let products: Vec<&str> = plan.targets.iter().filter(|t| t.product).map(|t| t.name.as_str()).collect();
    let lowered = lowered(&plan, &products);
    let mut printed = String::new();
    for target in &lowered.targets {
        printed += &format!("# {}\n\n", target.name);
        printed += &without_places(&lowered.graph.definition(target.output).unwrap());
    }
    expect_file![format!("examples/{name}.txt")].assert_eq(&printed);
    for args in sets {
        let plan = program(name, args);
        assert_eq!(all_found(&plan), [], "{name} {args:?}");
        let (by_program, by_yaml) = (graph(&plan), graph(&yaml(name, args)));
        for (left, right) in by_program.iter().zip(&by_yaml) {
            assert_eq!(left, right, "{name} {args:?}");
        }
        assert_eq!(by_program.len(), by_yaml.len(), "{name} {args:?}: targets");
    }
}

#[test]
fn basics() {
    check("basics", &[&[]]);
}

#[test]
fn cache_layers() {
    check("cache-layers", &[&[]]);
}

#[test]
fn db_migrations() {
    check("db-migrations", &[&[], &[("approve", "002")]]);
}

#[test]
fn environments() {
    check("environments", &[&[], &[("environment", "staging")], &[("environment", "development")]]);
}

#[test]
fn fullstack() {
    check("fullstack", &[&[], &[("backend", "backend:8081")]]);
}

#[test]
fn gateway() {
    check("gateway", &[&[]]);
}

#[test]
fn go_service() {
    check("go-service", &[&[], &[("environment", "staging"), ("version", "1.4.2")]]);
}

#[test]
fn microservices() {
    check("microservices", &[&[], &[("node", "20")]]);
}

#[test]
fn ml_serving() {
    check("ml-serving", &[&[], &[("share", "0.25")]]);
}

#[test]
fn monitoring() {
    check("monitoring", &[&[]]);
}

#[test]
fn monorepo() {
    check("monorepo", &[&[]]);
}

#[test]
fn parallel() {
    check("parallel", &[&[]]);
}

#[test]
fn presets() {
    check("shelf", &[]);
    check("overdue", &[]);
}

#[test]
fn supply_chain() {
    check("supply-chain", &[&[], &[("version", "2.0.0"), ("sbom_scanner", "team/scanner:2")]]);
}

#[test]
fn quality_gate() {
    check("quality-gate", &[&[]]);
}

#[test]
fn secrets() {
    check("secrets", &[&[]]);
}
