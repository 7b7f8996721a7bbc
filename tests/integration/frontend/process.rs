//! Containers over refs: what their processes read and write, how they end, and what that does to others.

use std::time::Duration;

use buildkit_client::session::secrets::{Secret, Secrets};
use buildkit_client::{BuildChannel, BuildGateway, SessionOptions};
use buildkit_gateway::{
    Container, ContainerMount, ContainerRequest, Exit, FileRange, GatewayError, Process, ProcessError,
    ProcessEvent, ProcessRequest, Ref, Signal, SolveOptions,
};
use buildkit_llb::{
    CacheSharing, ExecOp, FileOp, Graph, ImageSource, Metadata, MkfileAction, Mount, Platform, SecretEnv,
    SecretMount,
};
use bytes::Bytes;

use super::gateway::{busybox, with_gateway, with_session};
use crate::step::runs;
use crate::support::{eventually, unique};

const LIMIT: Duration = Duration::from_secs(60);

/// A filesystem at `/`.
fn root(reference: Ref) -> ContainerMount {
    ContainerMount::Ref { dest: "/".to_owned(), reference, selector: String::new(), readonly: false }
}

/// A container of busybox, and more.
async fn container(
    gateway: &BuildGateway,
    more: Vec<ContainerMount>,
) -> Result<Container<BuildChannel>, GatewayError> {
    let mounts = [root(busybox(gateway, Vec::new()).await?)].into_iter().chain(more);
    let request = ContainerRequest { mounts: mounts.collect(), ..ContainerRequest::default() };
    gateway.container(&request).await
}

fn shell(script: &str) -> ProcessRequest {
    ProcessRequest { args: ["sh", "-c", script].map(str::to_owned).to_vec(), ..ProcessRequest::default() }
}

/// A process that lasts until its input ends.
fn keeper() -> ProcessRequest {
    ProcessRequest { stdin: true, ..shell("cat") }
}

/// Reads until a process has written this to stdout.
async fn wait_for(process: &mut Process, expected: &str) -> Result<(), ProcessError> {
    let mut written = Vec::new();
    while !String::from_utf8_lossy(&written).contains(expected) {
        match process.next().await? {
            Some(ProcessEvent::Stdout(data)) => written.extend_from_slice(&data),
            other => panic!("{other:?} before {expected:?}, after {:?}", String::from_utf8_lossy(&written)),
        }
    }
    Ok(())
}

#[track_caller]
fn ended_with<T: std::fmt::Debug>(result: Result<T, ProcessError>, code: u32) {
    match result {
        Err(ProcessError::Ended(exit)) => assert_eq!(exit.code, code, "{exit:?}"),
        other => panic!("{other:?}, and not the end of the container with {code}"),
    }
}

#[tokio::test]
async fn a_process_writes_to_both_streams_and_into_files() {
    with_gateway(async |gateway| {
        let refused = gateway.container(&ContainerRequest::default()).await.unwrap_err();
        assert!(refused.message().contains("root mount is required"), "{refused}");
        let mounts = vec![root(busybox(&gateway, Vec::new()).await?)];
        let request = ContainerRequest { mounts, hostname: "box".to_owned(), ..ContainerRequest::default() };
        let container = gateway.container(&request).await?;

        let asked = ProcessRequest {
            env: vec!["WORD=made".to_owned()],
            cwd: "/tmp".to_owned(),
            user: "7:8".to_owned(),
            ..shell("hostname; id -u; id -g; pwd; echo no >&2; echo $WORD > made; exit 3")
        };
        let ended = container.start(&asked).await?.output().await?;
        assert_eq!(ended.exit.code, 3, "{ended:?}");
        assert_eq!((&ended.stdout[..], &ended.stderr[..]), (&b"box\n7\n8\n/tmp\n"[..], &b"no\n"[..]));

        // What it left can be looked at. Nothing else can run there.
        assert_eq!(&container.read_file(0, "/tmp/made", None).await?[..], b"made\n");
        let range = FileRange { offset: 1, length: 2 };
        assert_eq!(&container.read_file(0, "/tmp/made", Some(range)).await?[..], b"ad");
        let stat = container.stat_file(0, "/tmp/made").await?;
        assert_eq!(stat.size, 5, "{stat:?}");
        let found = container.read_dir(0, "/tmp").await?;
        assert!(found.iter().any(|file| &file.path[..] == b"made"), "{found:?}");
        ended_with(container.start(&shell("true")).await, 3);
        container.release().await
    })
    .await;
}

#[tokio::test]
async fn a_process_has_the_mounts_that_were_asked_for() {
    let secrets = Secrets::new().with("token", Secret::value("hunter2").unwrap());
    let id = unique();
    with_session(SessionOptions::new().secrets(secrets), async |gateway| {
        let mounts = || {
            let secret = SecretMount { uid: 7, mode: 0o400, ..SecretMount::new("token", "/secret") };
            let optional = SecretMount { optional: true, ..SecretMount::new("none", "/none") };
            vec![
                ContainerMount::Cache {
                    dest: "/cache".to_owned(),
                    id: id.clone(),
                    base: String::new(),
                    selector: String::new(),
                    sharing: CacheSharing::Shared,
                },
                ContainerMount::Tmpfs { dest: "/memory".to_owned() },
                ContainerMount::Secret(secret),
                ContainerMount::Secret(optional),
            ]
        };
        let first = container(&gateway, mounts()).await?;
        let token = SecretEnv { id: "token".to_owned(), name: "TOKEN".to_owned(), optional: false };
        let script = "cat /secret; echo; stat -c %u:%a /secret; test ! -e /none && echo $TOKEN
            grep -c ' /memory tmpfs ' /proc/mounts; echo kept > /cache/file; touch /memory/file";
        let asked = ProcessRequest { secret_env: vec![token], ..shell(script) };
        let ended = first.start(&asked).await?.output().await?;
        assert_eq!(
            String::from_utf8_lossy(&ended.stdout),
            "hunter2\n7:400\nhunter2\n1\n",
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        assert_eq!(&first.read_file(1, "/file", None).await?[..], b"kept\n");
        first.release().await?;

        let second = container(&gateway, mounts()).await?;
        let ended = second.start(&shell("cat /cache/file; ls /memory")).await?.output().await?;
        assert_eq!((&ended.stdout[..], ended.exit), (&b"kept\n"[..], Exit::default()));
        second.release().await?;

        let missing = ContainerMount::Secret(SecretMount::new("none", "/none"));
        let missing = container(&gateway, vec![missing]).await.map(drop).unwrap_err();
        assert!(missing.message().contains("none"), "{missing}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_is_read_only_or_a_part_is_mounted_so() {
    with_gateway(async |gateway| {
        let mut graph = Graph::new();
        let file = MkfileAction::new("/file", 0o644, "below\n");
        let file = graph.add(FileOp::chain(None, [file]), Metadata::default()).unwrap();
        let definition = graph.definition(Some(file.root())).unwrap();
        let reference = gateway.solve(&definition, &SolveOptions::default()).await?;
        let mount = |dest: &str, selector: &str, readonly| ContainerMount::Ref {
            dest: dest.to_owned(),
            reference: reference.clone(),
            selector: selector.to_owned(),
            readonly,
        };
        let mounts =
            vec![mount("/readonly", "", true), mount("/part", "file", true), mount("/writable", "", false)];
        let container = container(&gateway, mounts).await?;
        let script = "cat /part; echo more >> /writable/file; touch /readonly/other || cat /readonly/file";
        let ended = container.start(&shell(script)).await?.output().await?;
        assert_eq!(&ended.stdout[..], b"below\nbelow\n", "{ended:?}");
        assert_eq!(&container.read_file(3, "/file", None).await?[..], b"below\nmore\n");
        container.release().await
    })
    .await;
}

#[tokio::test]
async fn processes_run_side_by_side_until_the_first_ends() {
    with_gateway(async |gateway| {
        let container = container(&gateway, Vec::new()).await?;
        let first = container.start(&keeper()).await?;

        let large = Bytes::from(vec![b'x'; 200_000]);
        for _ in 0..3 {
            let process = container.start(&keeper()).await?;
            let input = process.input();
            let feed = async {
                input.write(large.clone()).await;
                input.close().await;
            };
            let ((), ended) = tokio::join!(feed, process.output());
            let ended = ended?;
            assert_eq!((ended.exit, ended.stdout.len()), (Exit::default(), large.len()));
        }

        let other = container.start(&keeper()).await?;
        first.input().close().await;
        assert_eq!(first.output().await?.exit, Exit::default());
        ended_with(other.output().await, 0);
        ended_with(container.start(&shell("true")).await, 0);
        container.release().await
    })
    .await;
}

#[tokio::test]
async fn a_process_that_fails_ends_all_of_its_container() {
    with_gateway(async |gateway| {
        let container = container(&gateway, Vec::new()).await?;
        let first = container.start(&keeper()).await?;
        let failed = container.start(&shell("echo so; exit 3")).await?.output().await?;
        assert_eq!((failed.exit.code, &failed.stdout[..]), (3, &b"so\n"[..]));
        ended_with(first.output().await, 3);
        ended_with(container.start(&shell("true")).await, 3);
        container.release().await
    })
    .await;
}

#[tokio::test]
async fn input_that_nobody_reads_stops_nothing() {
    with_gateway(async |gateway| {
        let container = container(&gateway, Vec::new()).await?;
        let process = container.start(&ProcessRequest { stdin: true, ..shell("exit 0") }).await?;
        let input = process.input();
        let feed = async {
            input.write(Bytes::from(vec![b'x'; 2_000_000])).await;
            input.close().await;
        };
        let ((), ended) = tokio::join!(feed, process.output());
        assert_eq!(ended?.exit, Exit::default());
        container.release().await
    })
    .await;
}

#[tokio::test]
async fn signals_reach_a_process() {
    with_gateway(async |gateway| {
        let container = container(&gateway, Vec::new()).await?;
        let script = |signal: &str| {
            shell(&format!("trap 'echo told; exit 5' {signal}; echo ready; while true; do sleep 0.1; done"))
        };
        let _first = container.start(&keeper()).await?;
        let mut process = container.start(&script("INT")).await?;
        wait_for(&mut process, "ready\n").await?;
        process.input().signal(Signal::Int).await;
        let ended = process.output().await?;
        assert_eq!((ended.exit.code, &ended.stdout[..]), (5, &b"told\n"[..]), "{ended:?}");
        container.release().await
    })
    .await;
    // Of the first process too, which is the first of its world.
    with_gateway(async |gateway| {
        for (signal, code) in [(Signal::Term, 5), (Signal::Kill, 137)] {
            let container = container(&gateway, Vec::new()).await?;
            let script = "trap 'exit 5' TERM; echo ready; while true; do sleep 0.1; done";
            let mut process = container.start(&shell(script)).await?;
            wait_for(&mut process, "ready\n").await?;
            process.input().signal(signal).await;
            let ended = process.output().await?;
            assert_eq!(ended.exit.code, code, "{ended:?}");
            container.release().await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_terminal_has_the_size_that_it_is_given() {
    with_gateway(async |gateway| {
        let container = container(&gateway, Vec::new()).await?;
        let script =
            "until [ \"$(stty size)\" = '33 99' ]; do sleep 0.1; done; test -t 2; echo sized $?; read word; echo got $word";
        let mut process = container
            .start(&ProcessRequest { tty: true, stdin: true, ..shell(script) })
            .await?;
        process.input().resize(33, 99).await;
        wait_for(&mut process, "sized 0").await?;
        process.input().write(Bytes::from_static(b"this\n")).await;
        let ended = process.output().await?;
        let text = String::from_utf8_lossy(&ended.stdout).into_owned();
        // The terminal echoes what is typed, and ends lines as terminals do.
        assert!(text.contains("this\r\n") && text.ends_with("got this\r\n"), "{text:?}");
        assert_eq!(ended.exit, Exit::default());
        container.release().await
    })
    .await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    with_gateway(async |gateway| {
        let missing = || ProcessRequest { args: vec!["/no/such".to_owned()], ..ProcessRequest::default() };
        let first = container(&gateway, Vec::new()).await?;
        let ended = first.start(&missing()).await?.output().await?;
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.exit.code != 0 && text.contains("/no/such"), "{ended:?} {text}");
        ended_with(first.start(&shell("true")).await, ended.exit.code);
        first.release().await?;

        let second = container(&gateway, Vec::new()).await?;
        let _keeper = second.start(&keeper()).await?;
        let ended = second.start(&missing()).await?.output().await?;
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.exit.code != 0 && text.contains("/no/such"), "{ended:?} {text}");
        second.release().await
    })
    .await;
}

#[tokio::test]
async fn releasing_stops_what_runs_and_dropping_does_not() {
    with_gateway(async |gateway| {
        let id = unique();
        let container = container(&gateway, Vec::new()).await?;
        let asked = ProcessRequest {
            env: vec![format!("BUILD={id}")],
            ..shell("echo ready; while true; do sleep 0.1; done")
        };
        let mut process = container.start(&asked).await?;
        wait_for(&mut process, "ready\n").await?;
        drop(process);
        // The daemon has seen the end of the stream when it answers this.
        assert!(container.stat_file(0, "/bin").await?.is_dir());
        assert!(runs(&id));
        container.release().await?;
        assert!(!runs(&id), "a process runs on after the release");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_build_stops_what_runs_in_its_containers() {
    let id = unique();
    with_gateway(async |gateway| {
        let container = container(&gateway, Vec::new()).await?;
        let asked = ProcessRequest { env: vec![format!("BUILD={id}")], ..shell("echo ready; sleep 3600") };
        let mut process = container.start(&asked).await?;
        wait_for(&mut process, "ready\n").await?;
        Ok(())
    })
    .await;
    eventually("the process is gone", LIMIT, || !runs(&id)).await;
}

/// What `--on-error shell` would do: a shell where the step failed, with all that the step had.
#[tokio::test]
async fn a_failed_steps_own_filesystem_is_mounted() {
    let secrets = Secrets::new().with("token", Secret::value("hunter2").unwrap());
    with_session(SessionOptions::new().secrets(secrets), async |gateway| {
        let platform = Platform::new("linux", std::env::consts::ARCH).normalized();
        let mut graph = Graph::new();
        let image = ImageSource::new("busybox:latest".parse().unwrap(), platform.clone());
        let image = graph.add(image, Metadata::default()).unwrap();
        let given = FileOp::chain(None, [MkfileAction::new("/file", 0o644, "given\n")]);
        let given = graph.add(given, Metadata::default()).unwrap();
        let script = "echo half > /half; echo more >> /data/file; exit 9";
        let mut exec = ExecOp::new(Some(image.root()), ["sh", "-c", script].map(str::to_owned), platform);
        exec.env.push(format!("BUILD={}", unique()));
        exec.cwd = "/data".to_owned();
        exec.mounts.push(Mount::bind("/data", Some(given.root())));
        exec.secrets.push(SecretMount::new("token", "/secret"));
        let exec = graph.add(exec, Metadata::named("the step that fails")).unwrap();
        let definition = graph.definition(Some(exec.root())).unwrap();
        let evaluate = SolveOptions { evaluate: true, ..SolveOptions::default() };
        let error = gateway.solve(&definition, &evaluate).await.unwrap_err();
        assert_eq!(error.exit_code(), Some(9), "{error}");

        let failed = error.solve().expect("the error tells what to mount");
        let step = failed
            .failed_step()
            .unwrap_or_else(|| panic!("the step is not known: {failed:?}"));
        let container = gateway.container(&step.container).await?;
        let shell = ProcessRequest { args: vec!["sh".to_owned()], stdin: true, ..step.process };
        let process = container.start(&shell).await?;
        let typed = "cat /half file /secret\n";
        process.input().write(Bytes::from_static(typed.as_bytes())).await;
        process.input().close().await;
        let ended = process.output().await?;
        assert_eq!(String::from_utf8_lossy(&ended.stdout), "half\ngiven\nmore\nhunter2", "{ended:?}");
        container.release().await
    })
    .await;
}
