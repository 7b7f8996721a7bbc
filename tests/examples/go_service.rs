//! One Go program for several platforms, and the same under a debugger.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use serde_json::Value;
use stagewright_tests::container::{Container, Image};
use stagewright_tests::{Environment, names};

use crate::project::{Project, containers, healthy, stop};
use crate::support::{program, run, stdout};

const PLATFORMS: &str = "linux/amd64,linux/386,linux/arm64";

fn about(container: &Container) -> Value {
    let answer = container.get(8080, "/about").unwrap();
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn one_index_has_a_program_for_each_platform() {
    let project = Project::new("go-service");
    let build = || {
        project
            .build()
            .args(["--platform", PLATFORMS])
            .param("version", "1.4.2")
            .param("commit", "c0ffee")
    };
    let built = build().run();
    // What does not depend on the platform ran at most once, or `ran` would say so; of compilers there are three.
    assert!(built.ran().iter().filter(|name| name.contains("go test")).count() <= 1, "{built}");
    let compiled = built.progress.named("RUN go build -ldflags").count();
    assert_eq!(compiled, 3, "{built}");

    let registry = Environment::get().registry;
    let index = Image::platforms(&registry, &project.repository("service"), &project.tag).unwrap();
    assert_eq!(index.join(","), PLATFORMS);
    for (platform, machine) in [("linux/amd64", 62), ("linux/386", 3), ("linux/arm64", 183)] {
        let image = project.image_for("service", platform);
        let labels = &image.config.config.labels;
        assert_eq!(labels["org.opencontainers.image.version"], "1.4.2");
        assert_eq!(labels["org.opencontainers.image.revision"], "c0ffee");
        assert!(image.size() < 6_000_000, "{platform}: {} bytes", image.size());
        let files = containers().unpack(&image).unwrap();
        assert_eq!(names(files.path()), ["etc", "service", "usr"]);
        // ELF's e_machine.
        let program = fs::read(files.path().join("service")).unwrap();
        assert_eq!(u16::from_le_bytes([program[18], program[19]]), machine, "{platform}");
        if platform == "linux/arm64" {
            continue;
        }

        let mut service = healthy(containers().run(&image, "service").start().unwrap());
        assert_eq!(service.uid().unwrap(), 65532);
        let about = about(&service);
        assert_eq!(about["platform"], platform);
        assert_eq!((&about["version"], &about["commit"]), (&"1.4.2".into(), &"c0ffee".into()));
        assert_eq!(about["environment"], "production");
        assert_eq!(about["trusts"], true, "it finds the authorities");
        let answer = service.get(8080, "/time?zone=Asia/Kolkata").unwrap();
        assert!(answer.body.contains("+05:30"), "it finds the time zones: {answer}");
        assert_eq!(service.exec(&["/service", "version"]).unwrap(), "1.4.2 c0ffee\n");
        stop(&mut service);
    }

    assert!(build().run().ran().is_empty(), "a second build does nothing");
}

#[test]
fn other_processors_have_their_variants() {
    let project = Project::new("go-service");
    let print = ["print", "--platform", "linux/arm/v7", "--target", "service", "--format", "text"];
    let text = stdout(program("go-service").args(print).arg(project.path()));
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("GOARCH=arm") && text.contains("GOARM=7"), "{text}");
}

#[test]
fn each_environment_has_its_file_and_no_other_is_known() {
    let project = Project::new("go-service");
    project.build().param("environment", "staging").run();
    let mut service = project.start("service");
    assert_eq!(about(&service)["environment"], "staging");
    let zones = service.get(8080, "/").unwrap();
    assert!(zones.body.contains("Asia/Tokyo") && !zones.body.contains("America/New_York"), "{zones}");
    stop(&mut service);

    let output = run(program("go-service")
        .args(["build", "--build-arg", "environment=prod"])
        .arg(project.path()));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("`prod` is none of `development`, `staging`, `production`"), "{text}");

    project.edit("configs/staging.yaml", "Asia/Tokyo", "Asia/Atlantis");
    project
        .build()
        .refused(["configs/staging.yaml: zones: unknown time zone Asia/Atlantis", "check configs/*.yaml"]);
}

#[test]
fn a_failing_test_is_a_closed_gate() {
    let project = Project::new("go-service");
    project.edit("internal/clock/clock_test.go", "2026-07-01 17:30", "2026-07-01 17:31");
    let refused = project
        .build()
        .refused(["--- FAIL: TestAZoneHasItsOffset", "sh(\"go test ./...\")"]);
    assert!(refused.text.contains("stages.rs:"), "{refused}");
}

#[test]
fn a_debugger_attaches_from_outside() {
    let project = Project::new("go-service");
    project.build().target("debug").run();
    let service = project.start("debug");
    assert_eq!(about(&service)["environment"], "development");

    // Delve speaks JSON-RPC 1.0, an object a line.
    let answers = service
        .inside(|| {
            let mut debugger = TcpStream::connect("127.0.0.1:40000").unwrap();
            let mut answers = BufReader::new(debugger.try_clone().unwrap()).lines();
            let mut ask = |method: &str, argument: &str| {
                writeln!(debugger, r#"{{"id":1,"method":"RPCServer.{method}","params":[{argument}]}}"#)
                    .unwrap();
                serde_json::from_str::<Value>(&answers.next().unwrap().unwrap()).unwrap()
            };
            let state = ask("State", r#"{"NonBlocking":true}"#);
            let halted = ask("Command", r#"{"name":"halt"}"#);
            let at = ask(
                "FindLocation",
                r#"{"Scope":{"GoroutineID":-1},"Loc":"example.com/worldclock/internal/clock.Read"}"#,
            );
            let resumed = ask("Detach", r#"{"Kill":false}"#);
            [state, halted, at, resumed]
        })
        .unwrap();
    let [state, halted, at, resumed] = answers;
    assert_eq!(state["result"]["State"]["Running"], true, "{state}");
    assert_eq!(halted["result"]["State"]["Running"], false, "{halted}");
    let file = at["result"]["Locations"][0]["file"].as_str().unwrap_or_default();
    assert!(file.ends_with("/src/internal/clock/clock.go"), "{at}");
    assert_eq!(resumed["error"], Value::Null, "{resumed}");
    drop(service);
}
