//! Secrets, asked for by the daemon whenever a step needs them.

use std::time::Duration;

use buildkit_client::session::secrets::{MAX_SECRET, Secret, Secrets};
use buildkit_client::{BuildRequest, SessionOptions, new_id};
use buildkit_llb::{ExecOp, Graph, SecretMount};

use super::{Shown, build, connect};
use crate::step::run_with;

#[tokio::test]
async fn secrets_reach_the_step_and_optional_ones_may_be_missing() {
    let client = connect().await;
    let secrets = Secrets::new().with("token", Secret::value("hunter2").unwrap());
    let session = client.session(SessionOptions::new().secrets(secrets)).await.unwrap();
    let id = new_id().unwrap();
    let step = |secret: &str, optional: bool| {
        let mut graph = Graph::new();
        let mut mount = SecretMount::new(secret, "/secret");
        mount.optional = optional;
        let with = |exec: ExecOp| ExecOp { secrets: vec![mount], ..exec };
        let step = run_with(&mut graph, "read the secret", &["cat", "/secret"], &id, with);
        graph.definition(Some(step.root())).unwrap()
    };

    let shown = Shown::default();
    build(&client, BuildRequest::new(&session), &shown, &step("token", false))
        .await
        .unwrap();
    assert!(shown.logs().contains("hunter2"), "{}", shown.logs());

    let shown = Shown::default();
    build(&client, BuildRequest::new(&session), &shown, &step("none", true))
        .await
        .unwrap();
    assert!(shown.logs().contains("NotFound"), "{}", shown.logs());

    let shown = Shown::default();
    let missing = build(&client, BuildRequest::new(&session), &shown, &step("none", false)).await;
    assert!(missing.unwrap_err().to_string().contains("none"));
    session.close().await;
}

/// What a file held when it was named is what the step gets, with its last line end and every other byte.
#[tokio::test]
async fn a_secret_file_may_change_and_go_afterwards() {
    let client = connect().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), " two\r\nlines\n\n").unwrap();
    let secret = Secret::file(file.path()).unwrap();
    std::fs::write(file.path(), "another").unwrap();
    drop(file);
    let large = Secret::value(vec![b'x'; MAX_SECRET]).unwrap();
    let secrets = Secrets::new().with("file", secret).with("large", large);
    let session = client.session(SessionOptions::new().secrets(secrets)).await.unwrap();
    let mut graph = Graph::new();
    let with = |exec: ExecOp| ExecOp {
        secrets: vec![SecretMount::new("file", "/secret"), SecretMount::new("large", "/large")],
        ..exec
    };
    let step = run_with(&mut graph, "file", &["cat", "/secret"], &new_id().unwrap(), with);
    let definition = graph.definition(Some(step.root())).unwrap();
    let shown = Shown::default();
    build(&client, BuildRequest::new(&session), &shown, &definition).await.unwrap();
    assert!(shown.logs().contains(r#"Ok(" two\r\nlines\n\n")"#), "{}", shown.logs());
    session.close().await;
}

/// A session without health service is dropped after about ten seconds, and a connection that is pinged too
/// often is closed: both must live through a quiet time.
#[tokio::test]
async fn a_session_outlives_a_quiet_minute() {
    let client = connect().await;
    let secrets = Secrets::new().with("late", Secret::value("still here").unwrap());
    let session = client.session(SessionOptions::new().secrets(secrets)).await.unwrap();
    let idle = connect().await;
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert!(!session.has_ended());
    idle.info().await.expect("an idle connection is made anew");

    let mut graph = Graph::new();
    let with = |exec: ExecOp| ExecOp { secrets: vec![SecretMount::new("late", "/secret")], ..exec };
    let step = run_with(&mut graph, "late", &["cat", "/secret"], &new_id().unwrap(), with);
    let definition = graph.definition(Some(step.root())).unwrap();
    let shown = Shown::default();
    build(&client, BuildRequest::new(&session), &shown, &definition).await.unwrap();
    assert!(shown.logs().contains("still here"), "{}", shown.logs());
    session.close().await;
}
