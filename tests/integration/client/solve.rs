//! Solves within a build: what the daemon can, definitions, other frontends.

use std::sync::Mutex;

use buildkit_client::{BuildGateway, BuildRequest, new_id};
use buildkit_gateway::{FrontendSolve, GatewayError, GatewayResult};
use buildkit_llb::{CopyAction, Definition, FileInput, FileOp, Graph, Metadata, MkfileAction};

use super::{bare_session, connect, evaluate, one_file};
use crate::step::run;

#[tokio::test]
async fn the_daemon_says_who_it_is_and_what_it_can() {
    let client = connect().await;
    assert!(client.version().package.contains("buildkit"), "{:?}", client.version());
    let workers = client.workers().await.unwrap();
    assert!(workers[0].platforms.iter().any(|platform| platform.os == "linux"));

    let session = bare_session(&client).await;
    let drive = async |gateway: BuildGateway| {
        let caps = gateway.ping().await?;
        assert!(caps.llb.has("exec.meta.base") && caps.frontend.has("gateway.evaluate"));
        assert!(!caps.llb.has("exec.meta.nonsense"));
        assert_eq!(caps.workers[0].id, workers[0].id);
        let scratch = evaluate(&gateway, &Definition::default()).await?;
        assert!(scratch.is_scratch());
        Ok::<_, GatewayError>(GatewayResult::single(scratch))
    };
    client.build(BuildRequest::new(&session), drop, drive).await.unwrap();
    session.close().await;
}

#[tokio::test]
async fn three_builds_on_one_session_run_what_they_share_once() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let mut graph = Graph::new();
    let shared = run(&mut graph, "roll the dice", &["random", "/dice"], &new_id().unwrap());
    let definitions = ["a", "b", "c"].map(|name| {
        let mut copy = FileOp::default();
        let copied = copy.push(FileInput::Scratch, CopyAction::new(shared.root(), "/dice", "/dice"));
        copy.push(copied, MkfileAction::new(format!("/{name}"), 0o644, "x"));
        let product = graph.add(copy, Metadata::named(name)).unwrap();
        graph.definition(Some(product.root())).unwrap()
    });
    let roll = async |definition: &Definition| {
        let dice = Mutex::new(None);
        let drive = async |gateway: BuildGateway| {
            let reference = evaluate(&gateway, definition).await?;
            let read = gateway.read_file(&reference, "/dice", None).await?;
            *dice.lock().unwrap() = Some(read);
            Ok::<_, GatewayError>(GatewayResult::single(reference))
        };
        client.build(BuildRequest::new(&session), drop, drive).await.unwrap();
        dice.into_inner().unwrap().unwrap()
    };
    let [a, b, c] = &definitions;
    let (a, b, c) = tokio::join!(roll(a), roll(b), roll(c));
    assert_eq!((&a, &b), (&b, &c));
    session.close().await;
}

#[tokio::test]
async fn another_frontend_builds_from_inputs() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let drive = async |gateway: BuildGateway| {
        let solve = FrontendSolve {
            frontend: "dockerfile.v0".into(),
            inputs: [
                ("dockerfile".to_owned(), one_file("/Dockerfile", "FROM scratch\nCOPY a /b\nCMD [\"/b\"]\n")),
                ("context".to_owned(), one_file("/a", "from a Dockerfile")),
            ]
            .into(),
            ..FrontendSolve::default()
        };
        let result = gateway.solve_frontend(&solve).await?;
        let config = &result.metadata[buildkit_gateway::metadata::IMAGE_CONFIG];
        assert!(std::str::from_utf8(config).unwrap().contains(r#""Cmd":["/b"]"#));
        let reference = result.as_single().unwrap();
        assert_eq!(gateway.read_file(reference, "/b", None).await?, "from a Dockerfile");
        Ok::<_, GatewayError>(result)
    };
    client.build(BuildRequest::new(&session), drop, drive).await.unwrap();
    session.close().await;
}
