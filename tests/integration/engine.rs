//! Docker Engine, in both of its image stores: its own builder, and what it loads.

use std::fs;

use serde_json::json;
use stagewright::{Build, BuildOptions, Output, Scratch, Targets};
use stagewright_tests::{Buildx, Engine, Store};

use crate::support::{builder, directory, end};

#[test]
fn a_build_goes_on_from_an_image_that_was_brought() {
    for store in Store::ALL {
        let engine = Engine::start(store);
        engine.bring("busybox:latest");
        let dockerfile = "FROM busybox\nRUN --network=none ip address > /a\nRUN ip address > /b\nENV A=b\n";
        let project = directory(&[("Dockerfile", dockerfile)]);
        let buildx = Buildx::on_engine(&engine);
        let build = || buildx.build(project.path()).args(["-t", "app", "--label", "c=d"]).run();

        let first = build().expect_success();
        assert_eq!(first.ran().len(), 2, "{store:?}\n{first}");
        let image = engine.image("app");
        assert_eq!(image["Id"], first.digest(), "{store:?}: {image:#}");
        assert_eq!(image["Config"]["Cmd"][0], "sh", "{store:?}: {image:#}");
        assert_eq!(image["Config"]["Labels"]["c"], "d", "{store:?}: {image:#}");
        assert_eq!(image["RootFS"]["Layers"].as_array().unwrap().len(), 3, "{store:?}: {image:#}");

        let second = build().expect_success();
        assert!(second.is_cached("] RUN "), "{store:?}\n{second}");

        // The engine has a bridge of its own, and steps have a network by default.
        let out = tempfile::tempdir().unwrap();
        let output = format!("type=local,dest={}", out.path().display());
        let _files = buildx.build(project.path()).args(["--output", &*output]).run().expect_success();
        let interfaces = |name| fs::read_to_string(out.path().join(name)).unwrap();
        assert!(!interfaces("a").contains("eth0"), "{store:?}: {}", interfaces("a"));
        assert!(interfaces("b").contains("eth0"), "{store:?}: {}", interfaces("b"));
    }
}

#[test]
fn a_file_of_stages_is_built_by_its_first_line() {
    const STAGES: &str = "# syntax=stagewright/stages:1
args:
  word: none
stages:
  made:
    role: builder
    from: busybox:latest
    steps:
      - run: echo ${word} > /word
  unit:
    role: tester
    from: made
    steps:
      - run: cp /word /report
    reports: report
  app:
    role: runtime
    from: busybox:latest
    steps:
      - copy: /word
        from: made
        to: /word
      - env: { LEVEL: high }
      - workdir: /work
      - user: nobody
    expose: 8080
    entrypoint: [/app]
    labels: { team: blue }
";
    for store in Store::ALL {
        let engine = Engine::start(store);
        engine.bring("busybox:latest");
        // Not pulled: there is no registry here.
        engine.bring("stagewright/stages:1");
        let project = directory(&[("stages.yaml", STAGES)]);
        let out = project.path().join("out");
        let output = format!("type=local,dest={}", out.display());
        let buildx = Buildx::on_engine(&engine);
        let build = |arguments: &[&str]| {
            let build = buildx.build(project.path()).args(["-f", "stages.yaml"]);
            build.args(arguments.iter().copied()).run().expect_success()
        };

        let tagged = build(&["-t", "app", "--label", "c=d"]);
        let image = engine.image("app");
        assert_eq!(image["Id"], tagged.digest(), "{store:?}: {image:#}");
        let config = &image["Config"];
        assert_eq!(
            (&config["WorkingDir"], &config["User"]),
            (&json!("/work"), &json!("nobody")),
            "{image:#}"
        );
        assert_eq!(config["Entrypoint"], json!(["/app"]), "{store:?}: {image:#}");
        assert_eq!(config["Labels"], json!({ "team": "blue", "c": "d" }), "{store:?}: {image:#}");
        assert_eq!(config["ExposedPorts"], json!({ "8080/tcp": {} }), "{store:?}: {image:#}");
        assert!(config["Env"].as_array().unwrap().contains(&json!("LEVEL=high")), "{store:?}: {image:#}");

        let again = build(&["--output", &output]);
        assert!(again.ran().is_empty(), "{store:?}\n{again}");
        assert_eq!(fs::read_to_string(out.join("word")).unwrap(), "none\n", "{store:?}\n{again}");

        let unit = build(&["--target", "unit", "--build-arg", "word=given", "--output", &output]);
        assert_eq!(unit.ran().len(), 2, "{store:?}\n{unit}");
        assert_eq!(fs::read_to_string(out.join("report")).unwrap(), "given\n", "{store:?}\n{unit}");
    }
}

#[tokio::test]
async fn an_archive_of_ours_is_loaded() {
    fn image(b: &Build, (): ()) -> Targets {
        Targets::new().product(b.runtime("app", Scratch).file("/made", "made\n").cmd(["/made"]).env("A", "b"))
    }

    let out = tempfile::tempdir().unwrap();
    let archive = out.path().join("image.tar");
    let options =
        BuildOptions::new(out.path()).output(Output::docker(&archive).attr("name", "example.com/ours:1"));
    end(builder().await.build(image, &options).await.unwrap())
        .await
        .expect_success();
    for store in Store::ALL {
        let engine = Engine::start(store);
        let said = engine.load(&archive);
        assert!(said.contains("example.com/ours:1"), "{store:?}: {said}");
        let image = engine.image("example.com/ours:1");
        assert_eq!(image["Config"]["Cmd"][0], "/made", "{store:?}: {image:#}");
        assert!(image["Config"]["Env"].to_string().contains("A=b"), "{store:?}: {image:#}");
    }
}

#[test]
fn nothing_is_left_of_an_engine() {
    let engine = Engine::start(Store::Containerd);
    let socket = engine.host();
    let running = || {
        let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let commands = processes.filter_map(|it| fs::read(it.path().join("cmdline")).ok());
        commands.filter(|it| String::from_utf8_lossy(it).contains(&socket)).count()
    };
    assert!(running() > 0);
    drop(engine);
    assert_eq!(running(), 0);
    let directory = socket.strip_prefix("unix://").unwrap().strip_suffix("/socket").unwrap();
    assert!(!fs::exists(directory).unwrap(), "{directory}");
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(directory), "{mounts}");
}
