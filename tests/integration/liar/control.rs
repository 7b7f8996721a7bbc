//! What a daemon tells of itself and of a build: unknown, twice, backwards, garbage.

use std::process::Stdio;
use std::time::{Duration, Instant};

use buildkit_client::status::StatusUpdate;
use buildkit_client::{BuildRequest, Client, SessionOptions, SolveError, SolveResponse};
use buildkit_gateway::GatewayError;
use buildkit_llb::{Definition, FileOp, Graph, Metadata, MkfileAction};
use buildkit_proto::control::{
    InfoResponse, StatusResponse, Vertex, VertexLog, VertexStatus, VertexWarning, solve_response,
};
use buildkit_proto::{control, pb, worker};
use bytes::Bytes;
use prost_types::Timestamp;
use stagewright_tests::BUILDKIT_HOST;
use tonic::{Code, Status};

use super::daemon::{Liar, Lies};
use super::memory::Memory;
use super::within;
use crate::support::{program, run};

pub(super) fn definition(data: Vec<u8>) -> Definition {
    let mut graph = Graph::new();
    let file = FileOp::chain(None, [MkfileAction::new("/a", 0o644, data)]);
    let file = graph.add(file, Metadata::default()).unwrap();
    graph.definition(Some(file.root())).unwrap()
}

/// What a solve of a small definition ends with, and what it showed.
async fn solve(lies: Lies) -> (Result<SolveResponse, SolveError>, Vec<StatusUpdate>) {
    let liar = Liar::start(lies);
    let (client, session, _caller) = liar.session(SessionOptions::new()).await;
    let mut shown = Vec::new();
    let request = BuildRequest::new(&session);
    let small = definition(b"a".to_vec());
    let solved = client.solve(&small, request, |update| shown.push(update));
    let answer = within("the solve ends", solved).await;
    (answer, shown)
}

fn at(seconds: i64, nanos: i32) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos })
}

/// Nothing in it makes sense.
fn nonsense() -> Vec<StatusResponse> {
    let vertex = |digest: &str, started, completed| Vertex {
        digest: digest.into(),
        name: "a\u{1b}[2J\u{202e}\n".repeat(50).into(),
        started,
        completed,
        inputs: vec![digest.into(), String::new(), "sha256:none".into()],
        ..Vertex::default()
    };
    let log = |vertex: &str, msg: Vec<u8>| VertexLog {
        vertex: vertex.into(),
        stream: i64::MIN,
        msg: msg.into(),
        timestamp: at(i64::MAX, i32::MIN),
    };
    let status = VertexStatus {
        id: "\0".into(),
        vertex: "sha256:unknown".into(),
        current: i64::MAX,
        total: i64::MIN,
        started: at(5, 0),
        completed: at(-5, 0),
        ..VertexStatus::default()
    };
    let warning = VertexWarning {
        vertex: "not a digest".into(),
        level: i64::MIN,
        short: Bytes::from_static(b"\xff\x1b]0;title\x07"),
        info: Some(pb::SourceInfo { data: Bytes::from_static(b"\xff"), ..Default::default() }),
        ranges: vec![pb::Range {
            start: Some(pb::Position { line: i32::MIN, character: i32::MAX }),
            end: Some(pb::Position { line: -1, character: -1 }),
        }],
        ..VertexWarning::default()
    };
    vec![
        StatusResponse::default(),
        // A log and a completion of what was never told of.
        StatusResponse { logs: vec![log("sha256:unknown", b"\xff\xfe".to_vec())], ..Default::default() },
        StatusResponse {
            vertexes: vec![
                vertex("", None, at(1, 0)),
                vertex("sha256:a", at(10, 0), None),
                vertex("sha256:a", at(9, 0), at(1, 0)),
                vertex("sha256:a", at(9, 0), at(1, 0)),
                vertex("sha256:a", None, None),
                vertex("sha256:a", at(i64::MIN, i32::MIN), at(i64::MAX, i32::MAX)),
                Vertex { error: "\u{1b}[31m".into(), ..vertex("../../x", at(0, -1), at(0, 0)) },
            ],
            statuses: vec![status.clone(), status],
            logs: vec![log("sha256:a", vec![b'x'; 1 << 20]), log("", Vec::new())],
            warnings: vec![warning],
        },
    ]
}

#[tokio::test]
async fn a_status_stream_of_nonsense_is_passed_on() {
    let (answer, shown) = solve(Lies { status: nonsense(), ..Lies::default() }).await;
    assert!(answer.unwrap().status_error.is_none());
    assert_eq!(shown.len(), 3);
    let last = &shown[2];
    assert_eq!((last.vertexes.len(), last.statuses.len(), last.logs.len()), (7, 2, 2));
    assert_eq!(last.vertexes[5].started, None, "a time that is none is absent");
    serde_json::to_string(last).unwrap();
}

#[tokio::test]
async fn updates_are_not_kept() {
    let Some(memory) = Memory::alone(module_path!(), "updates_are_not_kept") else { return };
    let log = VertexLog { msg: Bytes::from(vec![b'x'; 4 << 20]), ..Default::default() };
    let update = StatusResponse { logs: vec![log], ..Default::default() };
    let liar = Liar::start(Lies { status: vec![update; 100], ..Lies::default() });
    let (client, session, _caller) = liar.session(SessionOptions::new()).await;
    let mut bytes = 0;
    let small = definition(b"a".to_vec());
    let solved = client.solve(&small, BuildRequest::new(&session), |update| {
        bytes += update.logs.iter().map(|log| log.data.len()).sum::<usize>();
    });
    within("the solve ends", solved).await.unwrap();
    assert_eq!(bytes, 400 << 20);
    memory.assert_grew_less(100 << 20);
}

#[tokio::test]
async fn an_answer_of_nonsense_has_no_digest() {
    let entry = |key: Option<&str>, value: Option<&str>| solve_response::ExporterResponseEntry {
        key: key.map(Into::into),
        value: value.map(Into::into),
    };
    let exporter_response = vec![
        entry(None, None),
        entry(Some("containerimage.digest"), None),
        entry(None, Some("x")),
        entry(Some("image.name"), Some(",,,")),
    ];
    let answer = control::SolveResponse { exporter_response };
    let (answer, _) = solve(Lies { solve: Ok(answer), ..Lies::default() }).await;
    let answer = answer.unwrap();
    assert_eq!(answer.image_names().count(), 0);
    assert_eq!(answer.image_digest().unwrap_or_default(), "");
    assert_eq!(answer.image_config_digest(), None);
}

#[tokio::test]
async fn errors_keep_their_code_and_large_details() {
    use buildkit_proto::Message as _;
    use buildkit_proto::rpc;
    let any = |size: usize| prost_types::Any {
        type_url: "github.com/moby/buildkit/errdefs.Unheard+json".into(),
        value: vec![b'x'; size],
    };
    let full = |details| rpc::Status { code: 9, message: "no".into(), details }.encode_to_vec();
    let with = |details: Vec<u8>| Status::with_details(Code::FailedPrecondition, "no", details.into());
    for (status, details) in [
        (with(full(vec![any(8 << 20)])), 1),
        (with(full(vec![any(0); 1000])), 1000),
        (with(b"\xff\xff not a message".to_vec()), 0),
        (with(Vec::new()), 0),
    ] {
        let (answer, _) = solve(Lies { solve: Err(status), ..Lies::default() }).await;
        let error = match answer.unwrap_err() {
            SolveError::Solve(error) => error,
            other => panic!("{other}"),
        };
        assert_eq!((error.code(), error.message()), (Code::FailedPrecondition, "no"));
        assert_eq!(error.raw_details().len(), details);
    }
}

#[tokio::test]
async fn a_daemon_that_tells_rubbish_of_itself_is_still_one() {
    let version = |text: String| worker::BuildkitVersion { version: text, ..Default::default() };
    for info in [
        Ok(InfoResponse { buildkit_version: None }),
        Ok(InfoResponse { buildkit_version: Some(version("\u{1b}[2J".into())) }),
        Ok(InfoResponse { buildkit_version: Some(version("9".repeat(10 << 20))) }),
        Err(Status::unimplemented("too old")),
    ] {
        let workers =
            vec![worker::WorkerRecord { platforms: vec![pb::Platform::default()], ..Default::default() }];
        let workers = control::ListWorkersResponse { record: workers };
        let liar = Liar::start(Lies { info, workers, ..Lies::default() });
        let client = within("connect", Client::connect(&liar.endpoint)).await.unwrap();
        assert_eq!(client.workers().await.unwrap().len(), 1);
    }
    for info in [
        Err(Status::permission_denied("not you")),
        Ok(InfoResponse { buildkit_version: Some(version("9".repeat(17 << 20))) }),
    ] {
        let liar = Liar::start(Lies { info, ..Lies::default() });
        let error = within("connect", Client::connect(&liar.endpoint)).await.unwrap_err();
        assert!(error.to_string().contains("does not answer as a BuildKit daemon"), "{error}");
    }
}

#[tokio::test]
async fn a_definition_over_the_limit_is_told_with_a_hint() {
    let liar = Liar::start(Lies::default());
    let (client, session, _caller) = liar.session(SessionOptions::new()).await;
    let large = definition(vec![b'x'; 17 << 20]);
    let error = client.solve(&large, BuildRequest::new(&session), drop).await.unwrap_err();
    let SolveError::Solve(error) = error else { panic!("{error}") };
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert!(error.message().contains("takes at most 16777216"), "{error}");
    // The gateway's door has the same limit.
    let drive = async |gateway: buildkit_client::BuildGateway| {
        let built = gateway.solve(&large, &Default::default()).await?;
        Ok::<_, GatewayError>(buildkit_gateway::GatewayResult::single(built))
    };
    let ended = client.build(BuildRequest::new(&session), drop, drive);
    let error = within("the build ends", ended).await.unwrap_err().to_string();
    assert!(error.contains("definition") && error.contains("16777216"), "{error}");
}

#[tokio::test]
async fn a_build_program_ends_with_an_error_and_not_with_a_panic() {
    for status in [nonsense(), Vec::new()] {
        let liar = Liar::start(Lies { status, ..Lies::default() });
        let address = liar.endpoint.to_string();
        let ended = tokio::task::spawn_blocking(move || {
            let start = Instant::now();
            let mut build = program("microservices");
            build
                .args(["build", "--progress", "plain"])
                .env(BUILDKIT_HOST, address)
                .stderr(Stdio::piped());
            (run(&mut build), start.elapsed())
        });
        let (output, elapsed) = ended.await.unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(!text.contains("panicked") && !text.contains("\u{1b}[2J"), "{text}");
        assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
    }
}
