//! Calls of the gateway that builds seldom make: sources, policies, inputs, containers.
//!
//! They are the same from outside a daemon and from inside, and are made from outside here.

use buildkit_client::{BuildGateway, BuildRequest, Client, SessionOptions};
use buildkit_gateway::{
    ChecksumAlgorithm, ContainerMount, ContainerRequest, Exit, FileRange, GatewayError, GatewayResult,
    ProcessEvent, ProcessRequest, Ref, SolveOptions, SourceAction, SourceId, SourceMatch, SourcePolicy,
    SourceRequest, SourceRule, SourceState,
};
use buildkit_llb::{CacheSharing, Graph, ImageSource, Metadata, Platform};
use bytes::Bytes;
use stagewright_tests::Environment;

const BUSYBOX: &str = "docker-image://docker.io/library/busybox:latest";

/// Runs calls of the gateway in a build of their own.
async fn with_gateway<T>(calls: impl AsyncFnOnce(BuildGateway) -> Result<T, GatewayError>) -> T {
    let host = Environment::get().buildkit_host;
    let client = Client::connect(&host.parse().unwrap()).await.unwrap();
    let session = client.session(SessionOptions::new()).await.unwrap();
    let mut answer = None;
    let drive = async |gateway: BuildGateway| {
        answer = Some(calls(gateway).await?);
        Ok::<_, GatewayError>(GatewayResult::single(Ref::scratch()))
    };
    client.build(BuildRequest::new(&session), drop, drive).await.unwrap();
    session.close().await;
    answer.unwrap()
}

async fn busybox(gateway: &BuildGateway, policies: Vec<SourcePolicy>) -> Result<Ref, GatewayError> {
    let platform = Platform::new("linux", std::env::consts::ARCH).normalized();
    let mut graph = Graph::new();
    let image = ImageSource::new("busybox:latest".parse().unwrap(), platform);
    let image = graph.add(image, Metadata::default()).unwrap();
    let definition = graph.definition(Some(image.root())).unwrap();
    gateway
        .solve(&definition, &SolveOptions { evaluate: true, policies, ..SolveOptions::default() })
        .await
}

fn image(identifier: &str) -> SourceRequest {
    let source = SourceId { identifier: identifier.to_owned(), ..SourceId::default() };
    SourceRequest { source, ..SourceRequest::default() }
}

fn rule(action: SourceAction) -> Vec<SourcePolicy> {
    let identifier = "docker-image://docker.io/library/busybox:*".to_owned();
    let (matching, constraints) = (SourceMatch::Wildcard, Vec::new());
    vec![SourcePolicy { rules: vec![SourceRule { identifier, matching, constraints, action }] }]
}

#[tokio::test]
async fn what_an_image_is_now() {
    let [meta, bare] = with_gateway(async |gateway| {
        let meta = gateway.resolve_source(&image(BUSYBOX)).await?;
        let bare = SourceRequest { no_config: true, ..image(BUSYBOX) };
        Ok([meta, gateway.resolve_source(&bare).await?])
    })
    .await;
    let SourceState::Image { digest, config, attestations: None } = &meta.state else { panic!("{meta:?}") };
    assert!(digest.starts_with("sha256:") && !config.is_empty());
    assert!(meta.source.identifier.starts_with(BUSYBOX), "{meta:?}");
    let SourceState::Image { digest: same, .. } = &bare.state else { panic!("{bare:?}") };
    assert_eq!(same, digest);
}

#[tokio::test]
async fn what_a_file_behind_a_url_is_now() {
    let url = format!("http://{}/v2/", Environment::get().registry.address());
    let meta = with_gateway(async |gateway| {
        let checksum = Some((ChecksumAlgorithm::Sha256, Bytes::from_static(b"x")));
        gateway.resolve_source(&SourceRequest { checksum, ..image(&url) }).await
    })
    .await;
    let SourceState::Http { checksum, asked: Some((digest, suffix)), .. } = &meta.state else {
        panic!("{meta:?}")
    };
    assert!(checksum.starts_with("sha256:") && digest.starts_with("sha256:") && checksum != digest);
    assert_eq!(&suffix[..], b"x");
}

#[tokio::test]
async fn policies_decide_about_sources() {
    let (denied, converted) = with_gateway(async |gateway| {
        let denied = busybox(&gateway, rule(SourceAction::Deny)).await.unwrap_err();
        let convert = SourceAction::Convert {
            identifier: "docker-image://docker.io/library/debian:bookworm-slim".to_owned(),
            attrs: Default::default(),
        };
        let request = SourceRequest { policies: rule(convert), ..image(BUSYBOX) };
        Ok((denied, gateway.resolve_source(&request).await?))
    })
    .await;
    assert!(denied.message().contains("denied by policy"), "{denied}");
    assert!(converted.source.identifier.contains("library/debian:bookworm-slim"), "{converted:?}");
}

#[tokio::test]
async fn a_build_without_inputs_has_none() {
    assert!(with_gateway(async |gateway| gateway.inputs().await).await.is_empty());
}

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

        let script = "hostname; echo no >&2; echo made > /made; touch /cache/a /memory/b; exit 3";
        let ended = container.start(&shell(script)).await?.output().await?;
        assert_eq!(ended.exit.code, 3, "{ended:?}");
        assert_eq!((&ended.stdout[..], &ended.stderr[..]), (&b"box\n"[..], &b"no\n"[..]));
        assert_eq!(&container.read_file(0, "/made", None).await?[..], b"made\n");
        let range = FileRange { offset: 1, length: 2 };
        assert_eq!(&container.read_file(0, "/made", Some(range)).await?[..], b"ad");
        assert_eq!(container.stat_file(0, "/made").await?.size, 5);
        let found = container.read_dir(0, "/", Some("made")).await?;
        assert_eq!(&found[0].path[..], b"made");

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

        container.release().await
    })
    .await;
}
