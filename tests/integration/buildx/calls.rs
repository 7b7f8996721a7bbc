//! What buildx prints of a build without building it.

use serde_json::Value;
use stagewright_tests::Buildx;
use stagewright_tests::buildx::Ended;

use crate::support::directory;

const STAGES: &str = "# syntax=stagewright/stages:1
args:
  level:
    default: high
    description: How much it says
secrets:
  token:
stages:
  made:
    role: builder
    from: busybox:latest
    steps:
      - run: echo ${level} > /out
        secrets: token
        caches: { path: /cache, id: made }
        ssh: default
  unit:
    role: tester
    from: made
    description: Judges it
    steps:
      - run: test -s /out
  app:
    role: runtime
    from: scratch
    description: The one that ships
    steps:
      - copy: /out
        from: made
        to: /out
allow: latest-image
";

fn call(text: &str, arguments: &[&str]) -> Ended {
    let project = directory(&[("stages.yaml", text)]);
    let buildx = Buildx::new();
    let build = buildx.build(project.path()).args(["-f", "stages.yaml"]);
    build.args(arguments.iter().copied()).run()
}

fn json(ended: &Ended) -> Value {
    serde_json::from_slice(&ended.stdout).unwrap_or_else(|e| panic!("{e}\n{ended}"))
}

#[test]
fn the_targets_are_listed() {
    let ended = call(STAGES, &["--call", "targets"]).expect_success();
    let table = ended.stdout();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(rows.contains(&vec!["unit", "Judges", "it"]), "{ended}");
    assert!(rows.contains(&vec!["app", "(default)", "The", "one", "that", "ships"]), "{ended}");
    assert_eq!(ended.ran(), [""; 0], "{ended}");

    let ended = call(STAGES, &["--call", "targets,format=json"]).expect_success();
    let targets = json(&ended)["targets"].clone();
    let app = targets.as_array().unwrap().iter().find(|it| it["name"] == "app").unwrap();
    assert_eq!((&app["default"], &app["base"]), (&true.into(), &"scratch".into()), "{targets:#}");
}

#[test]
fn what_a_target_takes_is_listed() {
    let ended = call(STAGES, &["--call", "outline", "--target", "unit", "--build-arg", "level=low"]);
    let ended = ended.expect_success();
    let text = ended.stdout();
    for row in [&["TARGET:", "unit"][..], &["level", "low", "How", "much", "it", "says"], &["token", "true"]]
    {
        let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        assert!(rows.clone().any(|it| it == row), "no {row:?}\n{ended}");
    }

    let outline =
        json(&call(STAGES, &["--call", "outline,format=json", "--target", "unit"]).expect_success());
    assert_eq!(outline["args"][0]["value"], "high", "{outline:#}");
    assert_eq!(outline["ssh"][0]["name"], "default", "{outline:#}");
    assert_eq!(outline["cache"][0]["ID"], "made", "{outline:#}");
}

#[test]
fn what_must_be_given_is_listed_before_it_is() {
    let text = STAGES.replace("    default: high\n", "");
    let outline = json(&call(&text, &["--call", "outline,format=json"]).expect_success());
    assert_eq!(outline["args"][0]["name"], "level", "{outline:#}");
    assert_eq!(outline["secrets"][0]["name"], "token", "{outline:#}");

    let targets = json(&call(&text, &["--call", "targets,format=json"]).expect_success());
    assert_eq!(targets["targets"].as_array().map(Vec::len), Some(2), "{targets:#}");
    let named = text.replace("from: scratch", "from: team/app:${level}");
    let targets = json(&call(&named, &["--call", "targets,format=json"]).expect_success());
    assert_eq!(targets["targets"][1]["base"], "team/app:${level}", "{targets:#}");
    let _ = call(&text, &["--check"]).expect_success();
    // What is wrong whatever it is, is found all the same.
    let wrong = text.replace("role: runtime", "role: runtim");
    let bad = call(&wrong, &["--check"]).expect_failure();
    assert!(format!("{}{}", bad.stdout(), bad.text).contains("`runtim`"), "{bad}");
    // A build wants it.
    let ended = call(&text, &[]).expect_failure();
    assert!(ended.text.contains(">>>   level:"), "{ended}");
}

#[test]
fn a_file_is_checked() {
    let good = call(STAGES, &["--check"]).expect_success();
    assert!(
        format!("{}{}", good.stdout(), good.text).contains("Check complete, no warnings found"),
        "{good}"
    );

    let wrong = STAGES.replace("from: made\n        to", "from: maid\n        to");
    let bad = call(&wrong, &["--check"]).expect_failure();
    let said = format!("{}{}", bad.stdout(), bad.text);
    assert!(said.contains("`maid`") && said.contains("stages.yaml:29"), "{bad}");
    assert!(said.contains(">>>         from: maid"), "{bad}");
}
