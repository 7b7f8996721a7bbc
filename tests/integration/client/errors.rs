//! What is told of a build that fails, and when.

use std::time::{Duration, Instant};

use buildkit_client::session::filesend::{ExportTarget, Exports};
use buildkit_client::{BuildError, BuildGateway, BuildRequest, Exporter, SessionOptions, new_id};
use buildkit_gateway::{GatewayError, GatewayResult, Ref, SolveOptions};
use buildkit_llb::{Graph, Position, Range, SourceFile};

use super::{Shown, bare_session, build, connect, evaluate, one_file};
use crate::step::run;

#[tokio::test]
async fn a_failing_step_keeps_its_exit_code_and_lines() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let mut graph = Graph::new();
    let step = run(&mut graph, "fail", &["exit", "42"], &new_id().unwrap());
    let place = |line| Position { line, character: 0 };
    let source = graph.add_file(SourceFile {
        filename: "stages.rs".into(),
        // The whole file comes back in the error, in a trailer.
        data: format!("a\nb\nc\n{}", "// more\n".repeat(50_000)).into(),
        language: "Rust".into(),
        definition: None,
    });
    graph
        .locate(step, source, vec![Range { start: place(2), end: place(2) }])
        .unwrap();
    let definition = graph.definition(Some(step.root())).unwrap();
    let digest = graph.digest(step).unwrap().to_string();

    let shown = Shown::default();
    let error = build(&client, BuildRequest::new(&session), &shown, &definition)
        .await
        .unwrap_err();
    let BuildError::Drive(error) = error else { panic!("{error}") };
    assert_eq!(error.exit_code(), Some(42), "{error}");
    assert_eq!(error.vertex(), Some(digest));
    assert!(error.solve().is_some_and(|solve| !solve.mount_ids.is_empty()));
    let sources = error.sources();
    assert_eq!((sources[0].info.filename.as_str(), sources[0].ranges[0].start.line), ("stages.rs", 2));

    // Unevaluated, the daemon finds out when it exports.
    let drive = async |gateway: BuildGateway| {
        let reference = gateway.solve(&definition, &SolveOptions::default()).await?;
        Ok::<_, GatewayError>(GatewayResult::single(reference))
    };
    let folder = tempfile::tempdir().unwrap();
    let exports = Exports::prepare([(0, ExportTarget::File(folder.path().join("out.tar")))]).unwrap();
    let session = client
        .session(SessionOptions::new().file_send(exports.service()))
        .await
        .unwrap();
    let request = BuildRequest::new(&session).exporter(Exporter::new("tar"));
    let error = client.build(request, drop, drive).await.unwrap_err();
    let BuildError::Solve(error) = error else { panic!("{error}") };
    assert_eq!(error.exit_code(), Some(42), "{error}");
    session.close().await;
}

#[tokio::test]
async fn an_own_error_reaches_the_daemon_with_its_lines() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let drive = async |_| Err::<GatewayResult, _>(GatewayError::new("the gate is shut"));
    let error = client.build(BuildRequest::new(&session), drop, drive).await.unwrap_err();
    assert!(matches!(&error, BuildError::Drive(inner) if inner.message() == "the gate is shut"), "{error}");
    session.close().await;
}

#[tokio::test]
async fn the_error_of_the_solve_is_preferred_and_prompt() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let request = BuildRequest::new(&session).exporter(Exporter::new("nonsense"));
    let start = Instant::now();
    let error = build(&client, request, &Shown::default(), &one_file("/a", "a"))
        .await
        .unwrap_err();
    assert!(matches!(&error, BuildError::Solve(inner) if inner.message().contains("nonsense")), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    session.close().await;
}

#[tokio::test]
async fn a_result_that_makes_no_sense_is_refused() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let definition = one_file("/a", "a");
    let drive = async |gateway: BuildGateway| {
        let reference = evaluate(&gateway, &definition).await?;
        let refs = [("linux/amd64".to_owned(), reference), ("linux/arm64".to_owned(), Ref::scratch())];
        Ok::<_, GatewayError>(GatewayResult::map(refs.into()))
    };
    let request = BuildRequest::new(&session).exporter(Exporter::new("image"));
    let error = client.build(request, drop, drive).await.unwrap_err();
    assert!(error.to_string().contains("platforms mapping"), "{error}");
    client.info().await.expect("the daemon lives on");
    session.close().await;
}
