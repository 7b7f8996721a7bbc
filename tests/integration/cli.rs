//! The command line of a build program, through its binary: arguments, exit codes, what goes where.

use std::fs;
use std::io;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use stagewright_tests::{BUILDKIT_HOST, Environment, signal};
use tokio::net::{TcpListener, UnixStream};

use crate::step::runs;
use crate::support::{eventually, example, program, run, stdout, unique, write};

/// A command of `microservices`, as one writes it in a shell.
fn microservices(arguments: &[&str]) -> Command {
    let mut command = program("microservices");
    command.args(arguments).env("NO_COLOR", "1");
    command
}

/// Its exit code and what it told; fails if it gave anything that was not asked for.
fn refused(output: &Output) -> (Option<i32>, String) {
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_is_wrong_is_named_and_exits_with_2() {
    let wrong: [(&[&str], &[&str]); 6] = [
        (&["plan", "--build-arg", "nodes=20"], &["there is no parameter `nodes`", "`node`"]),
        (&["plan", "--build-arg", "node=1 8"], &["node:1 8-slim"]),
        (&["plan", "--build-arg", "=20"], &["`--build-arg =20` has no name"]),
        (&["build", "--target", "apis"], &["there is no target `apis`", "api"]),
        (&["build", "-t", "app:1"], &["tag `app:1`", "api, worker, web", "write `api=app:1`"]),
        (&["biuld"], &["biuld", "build"]),
    ];
    for (arguments, parts) in wrong {
        let (code, text) = refused(&run(&mut microservices(arguments)));
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        for part in parts {
            assert!(text.contains(part), "{arguments:?} does not say {part:?}: {text}");
        }
    }
}

#[test]
fn without_a_daemon_it_says_what_was_tried() {
    let nowhere = tempfile::tempdir().unwrap().path().join("buildkitd.sock");
    let address = format!("unix://{}", nowhere.display());
    let out = tempfile::tempdir().unwrap();
    let mut embed = program("embed");
    embed.arg(out.path().join("out"));
    for mut command in [microservices(&["build"]), embed] {
        let (code, text) = refused(&run(command.env(BUILDKIT_HOST, &address)));
        assert_eq!(code, Some(1), "{command:?}: {text}");
        assert!(text.contains(&*nowhere.to_string_lossy()), "{command:?}: {text}");
    }
}

#[test]
fn targets_and_parameters_are_listed_without_a_daemon() {
    let text = |arguments: &[&str]| {
        let bytes = stdout(microservices(arguments).env_remove(BUILDKIT_HOST));
        String::from_utf8(bytes).unwrap()
    };
    let targets = text(&["targets"]);
    let rows: Vec<Vec<&str>> = targets.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["TARGET", "ROLE", "PRODUCT", "GATES"]);
    assert!(rows.contains(&vec!["api", "runtime", "yes", "shared-test,", "api-test"]), "{targets}");
    assert!(rows.contains(&vec!["api-test", "tester"]), "{targets}");
    assert!(rows.contains(&vec!["api-dev", "dev"]), "{targets}");

    let plan: Value = serde_json::from_str(&text(&["plan", "--build-arg", "node=20"])).unwrap();
    let names = |key: &str| -> Vec<&str> {
        let all = plan[key].as_array().unwrap().iter();
        all.map(|one| one["name"].as_str().unwrap()).collect()
    };
    assert!(names("targets").contains(&"api") && names("stages").contains(&"api-build"), "{plan}");
    assert!(plan.to_string().contains("node:20-slim"), "{plan}");

    let help = text(&["build", "--help"]);
    assert!(help.contains("--build-arg") && help.contains("Major version of Node"), "{help}");
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    for arguments in [&["plan"][..], &["targets"], &["--help"]] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output = microservices(arguments)
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .unwrap();
        assert_eq!(refused(&output), (Some(0), String::new()), "{arguments:?}");
    }
}

#[test]
fn the_metadata_file_has_the_digests_that_are_told() {
    let (project, out) = (example("microservices"), tempfile::tempdir().unwrap());
    let (archive, metadata) = (out.path().join("api.oci"), out.path().join("metadata.json"));
    let mut build = program("microservices");
    build
        .args(["build", "--progress", "plain", "--target", "api", "--metadata-file"])
        .arg(&metadata)
        .arg("-o")
        .arg(format!("type=oci,dest={}", archive.display()))
        .arg(project.path());
    let told = String::from_utf8(stdout(&mut build)).unwrap();
    let metadata: Value = serde_json::from_slice(&fs::read(metadata).unwrap()).unwrap();
    let digest = metadata["api"]["containerimage.digest"].as_str().unwrap();
    assert!(digest.starts_with("sha256:"), "{metadata}");
    assert_eq!(told, format!("api {digest} {}\n", archive.display()));
}

/// The step is one of the example's tests, made to last: it shows itself in the list of processes.
#[tokio::test]
async fn an_interrupt_stops_the_step_and_exits_with_130() {
    let project = example("microservices");
    let id = unique();
    let test = format!(
        "import {{ spawnSync }} from 'node:child_process';\n\
         spawnSync('sleep', ['600'], {{ env: {{ PATH: process.env.PATH, BUILD: '{id}' }} }});\n"
    );
    write(&project.path().join("packages/api/test/slow.test.js"), &test);
    let child = microservices(&["build", "--progress", "plain", "--target", "api-test"])
        .arg(project.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("the step runs", Duration::from_secs(120), || runs(&id)).await;
    signal(child.id(), "-INT");
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    eventually("the step is gone", Duration::from_secs(3), || !runs(&id)).await;
}

/// A proxy that is asked for nothing: it takes connections, and never answers.
#[tokio::test]
async fn the_daemon_is_never_reached_through_a_proxy() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let proxied = format!("http://{}", proxy.local_addr().unwrap());
    let host = Environment::get().buildkit_host;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tcp = format!("tcp://{}", listener.local_addr().unwrap());
    let forwarding = tokio::spawn(forward(listener, host.strip_prefix("unix://").unwrap().to_owned()));
    for address in [host, tcp] {
        let out = tempfile::tempdir().unwrap();
        let mut build = program("result");
        build.args(["build", "--progress", "plain", "--build-arg", "script=true", "-o"]);
        build
            .arg(format!("type=oci,dest={}", out.path().join("app.oci").display()))
            .env(BUILDKIT_HOST, &address);
        for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            build.env(variable, &proxied).env(variable.to_lowercase(), &proxied);
        }
        build.env_remove("NO_PROXY").env_remove("no_proxy");
        let output = tokio::task::spawn_blocking(move || run(&mut build)).await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{address}: {told}");
        let asked = proxy.accept().map_err(|error| error.kind());
        assert!(matches!(asked, Err(io::ErrorKind::WouldBlock)), "{address}: {asked:?}");
    }
    forwarding.abort();
}

/// The daemon's socket behind an address of TCP.
async fn forward(listener: TcpListener, socket: String) {
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = UnixStream::connect(&socket).await.unwrap();
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
    }
}
