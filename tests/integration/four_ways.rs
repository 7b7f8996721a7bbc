//! The same program four ways: each finds in the cache what the first has built.

use std::io::Write as _;
use std::process::{Command, Stdio};

use stagewright_tests::Buildx;
use stagewright_tests::buildx::Progress;

use crate::support::{example, program, replace, stdout, unique};

/// The steps of the stages, as `[api 1/9] COPY …`: all of them, and those that were not cached.
fn steps(progress: &Progress) -> (Vec<String>, Vec<String>) {
    let is_step = |name: &str| {
        let stage = name.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        stage.is_some_and(|(stage, _)| stage.contains('/'))
    };
    let all = progress.vertices().filter(|vertex| is_step(&vertex.name));
    let (mut names, mut ran) = (Vec::new(), Vec::new());
    for vertex in all {
        names.push(vertex.name.clone());
        if !vertex.cached {
            ran.push(vertex.name.clone());
        }
    }
    names.sort();
    (names, ran)
}

#[test]
fn each_way_finds_in_the_cache_what_the_first_has_built() {
    let project = example("microservices");
    let project = project.path();
    let salt = format!("\"private\": true, \"x\": \"{}\"", unique());
    replace(&project.join("package.json"), "\"private\": true", &salt);

    stdout(program("microservices").args(["build", "--target", "api"]).arg(project));

    let buildx = Buildx::new();
    let by_first_line = |file: &str| {
        let ended = buildx
            .build(project)
            .args(["-f", file, "--target", "api"])
            .run()
            .expect_success();
        let (all, ran) = steps(&ended.progress);
        assert_eq!(ran, Vec::<String>::new(), "{ended}");
        all
    };
    let yaml = by_first_line("stages.yaml");
    assert!(yaml.iter().any(|name| name.contains("RUN npm ci")), "{yaml:?}");
    assert_eq!(by_first_line("stages.rs"), yaml);

    let definition = stdout(program("microservices").args(["print", "--target", "api"]).arg(project));
    let local = format!("context={}", project.display());
    let mut buildctl = Command::new("buildctl")
        .args(["build", "--progress", "rawjson", "--local", &local])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    buildctl.stdin.take().unwrap().write_all(&definition).unwrap();
    let output = buildctl.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert_eq!(steps(&Progress::split(&told).0), (yaml, Vec::new()), "{told}");
}
