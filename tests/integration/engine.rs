//! Docker Engine, in both of its image stores: its own builder, and what it loads.

use std::fs;

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
