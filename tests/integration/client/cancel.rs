//! Builds that end before they are done.

use std::time::{Duration, Instant};

use buildkit_client::{BuildError, BuildRequest};

use super::{Shown, bare_session, build, connect};
use crate::step::{runs, sleeping_step};
use crate::support::eventually;

#[tokio::test]
async fn dropping_a_build_stops_its_step() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let (id, definition) = sleeping_step();
    let shown = Shown::default();
    {
        let running = build(&client, BuildRequest::new(&session), &shown, &definition);
        let started = eventually("the step runs", Duration::from_secs(30), || runs(&id));
        tokio::select! {
            ended = running => panic!("{ended:?}"),
            () = started => {}
        }
    }
    eventually("the step is gone", Duration::from_secs(3), || !runs(&id)).await;
    session.close().await;
}

#[tokio::test]
async fn a_build_is_cancelled_in_good_order() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let (id, definition) = sleeping_step();
    let request = BuildRequest::new(&session);
    let cancel = request.cancel.clone();
    let shown = Shown::default();
    let running = build(&client, request, &shown, &definition);
    let cancelled = async {
        eventually("the step runs", Duration::from_secs(30), || runs(&id)).await;
        cancel.cancel();
        Instant::now()
    };
    let (ended, cancelled) = tokio::join!(running, cancelled);
    assert!(matches!(ended, Err(BuildError::Cancelled)), "{ended:?}");
    assert!(cancelled.elapsed() < Duration::from_secs(1), "{:?}", cancelled.elapsed());
    eventually("the step is gone", Duration::from_secs(3), || !runs(&id)).await;
    session.close().await;
}
