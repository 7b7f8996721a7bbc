//! What a program cannot reach.

use std::fs;

use stagewright::{Build, BuildOptions, Scratch, Targets};

use super::{Case, SECRET, program};
use crate::support::{builder, directory, end, unique};

/// Tries everything, and tells what it saw as the names of environment variables.
const SPY: &str = r#"    let mut seen = Vec::new();
    let mut walk = vec![std::path::PathBuf::from("/")];
    while let Some(place) = walk.pop() {
        for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
            let path = entry.path();
            if ["/proc", "/sys", "/dev"].iter().any(|system| path.starts_with(system)) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                walk.push(path);
            } else {
                seen.push(path.display().to_string());
            }
        }
    }
    seen.sort();
    let interfaces = std::fs::read_to_string("/proc/net/dev").unwrap();
    let interfaces = interfaces.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim());
    let connected = std::net::TcpStream::connect("REGISTRY").is_ok();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let processes = processes.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok()).count();
    let mut env: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
    env.sort();
    let image = b
        .runtime("app", Scratch)
        .env("FILES", seen.join(" "))
        .env("INTERFACES", interfaces.collect::<Vec<_>>().join(" "))
        .env("CONNECTED", connected.to_string())
        .env("PROCESSES", processes.to_string())
        .env("ENV", env.join(" "))
        .env("MEMORY", std::fs::read_to_string("/proc/self/environ").unwrap().replace('\0', " "))
        .env("USER", std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()).to_string())
        .env("SALT", "SALTED");
    Targets::new().product(image)"#;

#[tokio::test]
async fn a_program_has_no_network_no_secrets_and_no_files() {
    let registry = stagewright_tests::Environment::get().registry;
    // A step of a build gets there.
    let address = registry.address().to_owned();
    let reached = move |b: &Build, (): ()| {
        let fetch = format!("echo {} && wget -q -O /out http://{address}/v2/", unique());
        let made = b.base("base", "busybox").builder("made").run(fetch);
        Targets::new().product(b.runtime("app", Scratch).copy(made.artifact("/out"), "/out"))
    };
    let nothing = directory(&[]);
    end(builder()
        .await
        .build(reached, &BuildOptions::new(nothing.path()))
        .await
        .unwrap())
    .await
    .expect_success();

    let body = SPY.replace("REGISTRY", registry.address()).replace("SALTED", &unique());
    let directory = directory(&[("secret.txt", "of the context")]);
    let mut case = Case::new(program(&body));
    case.directory = Some(directory.path().to_owned());
    let asked = case.ask().await;
    let told = |name: &str| {
        let json = serde_json::to_value(asked.plan()).unwrap();
        let steps = json["stages"][0]["steps"].as_array().unwrap().clone();
        let step = steps.iter().find(|step| step["action"]["env"]["name"] == name);
        step.unwrap_or_else(|| panic!("{name}"))["action"]["env"]["value"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(told("FILES"), "/etc/hosts /etc/resolv.conf /program");
    assert_eq!(told("INTERFACES"), "lo");
    assert_eq!(told("CONNECTED"), "false", "to {}", registry.address());
    assert_eq!(told("PROCESSES"), "1");
    // The daemon's own, with where it reports traces to.
    let env = told("ENV");
    let daemons = |name: &str| ["HOME", "PATH", "TRACEPARENT"].contains(&name) || name.starts_with("OTEL_");
    assert!(env.split(' ').all(daemons), "{env}");
    assert!(
        !told("MEMORY").contains(SECRET) && told("USER") == "60613",
        "{} {}",
        told("MEMORY"),
        told("USER")
    );
}

/// The compiler reads files for a program, too: those of its own container.
#[tokio::test]
async fn a_program_cannot_take_files_in_while_it_is_compiled() {
    let name = format!("/tmp/stagewright-{}", unique());
    fs::write(&name, "of the host").unwrap();
    let body = format!("    Targets::new().product(b.runtime(include_str!({name:?}), Scratch))");
    let error = Case::new(program(&body)).ask().await.error();
    fs::remove_file(&name).unwrap();
    assert!(error.message().contains(&format!("couldn't read `{name}`")), "{error}");
}
