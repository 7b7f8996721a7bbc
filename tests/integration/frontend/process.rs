//! Containers over refs: what their processes read and write, and how they end.

use buildkit_gateway::{ContainerMount, ContainerRequest, Exit, FileRange, ProcessEvent, ProcessRequest};
use buildkit_llb::CacheSharing;
use bytes::Bytes;

use super::gateway::{busybox, with_gateway};

#[tokio::test]
async fn processes_run_in_a_container() {
    with_gateway(async |gateway| {
        let reference = busybox(&gateway, Vec::new()).await?;
        let root =
            ContainerMount::Ref { dest: "/".to_owned(), reference, selector: String::new(), readonly: false };
        let cache = ContainerMount::Cache {
            dest: "/cache".to_owned(),
            id: "tests-gateway".to_owned(),
            sharing: CacheSharing::Shared,
        };
        let mounts = vec![root, cache, ContainerMount::Tmpfs { dest: "/memory".to_owned() }];
        let refused = gateway.container(&ContainerRequest::default()).await.unwrap_err();
        assert!(refused.message().contains("root mount is required"), "{refused}");
        let request = ContainerRequest { mounts, hostname: "box".to_owned(), ..ContainerRequest::default() };
        let container = gateway.container(&request).await?;
        let shell = |script: &str| ProcessRequest {
            args: ["sh", "-c", script].map(str::to_owned).to_vec(),
            env: vec!["PATH=/bin:/usr/bin".to_owned()],
            cwd: "/".to_owned(),
            ..ProcessRequest::default()
        };

        // A container ends with its first process: this one ends when all has been seen.
        let keeper = container.start(&ProcessRequest { stdin: true, ..shell("cat") }).await?;

        let script = "hostname; echo no >&2; echo made > /made; touch /cache/a /memory/b; exit 3";
        let ended = container.start(&shell(script)).await?.output().await?;
        assert_eq!(ended.exit.code, 3, "{ended:?}");
        assert_eq!((&ended.stdout[..], &ended.stderr[..]), (&b"box\n"[..], &b"no\n"[..]));
        assert_eq!(&container.read_file(0, "/made", None).await?[..], b"made\n");
        let range = FileRange { offset: 1, length: 2 };
        assert_eq!(&container.read_file(0, "/made", Some(range)).await?[..], b"ad");
        assert_eq!(container.stat_file(0, "/made").await?.size, 5);
        let found = container.read_dir(0, "/").await?;
        assert!(found.iter().any(|file| &file.path[..] == b"made"), "{found:?}");

        let process = container.start(&ProcessRequest { stdin: true, ..shell("cat") }).await?;
        let large = Bytes::from(vec![b'x'; 200_000]);
        let input = process.input();
        let feed = async {
            input.write(large.clone()).await;
            input.close().await;
        };
        let ((), ended) = tokio::join!(feed, process.output());
        let ended = ended?;
        assert_eq!((ended.exit, ended.stdout.len()), (Exit::default(), large.len()));

        let waits = shell("trap 'echo told; exit 5' INT; echo ready; while true; do sleep 0.1; done");
        let mut process = container.start(&waits).await?;
        assert_eq!(process.next().await?, Some(ProcessEvent::Stdout(Bytes::from_static(b"ready\n"))));
        process.input().signal("INT").await;
        let ended = process.output().await?;
        assert_eq!((ended.exit.code, &ended.stdout[..]), (5, &b"told\n"[..]));

        let terminal = ProcessRequest { tty: true, stdin: true, ..shell("read go; stty size") };
        let process = container.start(&terminal).await?;
        process.input().resize(33, 99).await;
        process.input().write(Bytes::from_static(b"\n")).await;
        let ended = process.output().await?;
        let text = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(text.contains("33 99"), "{text:?}");

        keeper.input().close().await;
        assert_eq!(keeper.output().await?.exit, Exit::default());
        container.release().await
    })
    .await;
}
