//! Streams that a good daemon would not send.

use std::time::Duration;

use buildkit_client::StatusUpdate;
use buildkit_client::status::{ProgressGroup, Vertex, VertexLog};
use bytes::Bytes;
use jiff::Timestamp;

use super::state::State;
use super::told::{at, item, log, running, update, vertex};

const NOW: Duration = Duration::from_secs(1);

#[test]
fn memory_is_bounded_by_the_steps() {
    let mut state = State::default();
    state.apply(NOW, "app", &update(&[vertex("aa", "a", running(1))], &[]));
    let data = Bytes::from(vec![b'x'; 1 << 20]);
    let endless = VertexLog { data, ..log("aa", 1, b"") };
    let endless = update(&[], &[endless]);
    for _ in 0..8 {
        state.apply(NOW, "app", &endless);
    }
    let kept: usize = state.steps()[0].tail().iter().map(String::len).sum();
    assert!(kept < 64 * 1024, "{kept}");
    for index in 0..5000 {
        let statuses = vec![item("aa", &format!("layer {index}"), 1, 0, 1)];
        state.apply(NOW, "app", &StatusUpdate { statuses, ..StatusUpdate::default() });
    }
    assert_eq!(state.steps()[0].items().len(), 1000);
}

#[test]
fn no_stream_makes_it_panic() {
    let times = [None, Some(Timestamp::MIN), Some(at(0)), Some(at(5)), Some(Timestamp::MAX)];
    let names = ["", "a", "\u{9b}2J\n", "exporting to image"];
    let mut state = State::default();
    for (index, started) in times.iter().enumerate() {
        for (turn, completed) in times.iter().rev().enumerate() {
            let told = Vertex {
                digest: names[turn % 4].to_owned(),
                name: names[index % 4].to_owned(),
                inputs: vec!["unknown".to_owned(); index % 2],
                started: *started,
                completed: *completed,
                cached: turn % 2 == 0,
                error: names[(index + turn) % 4].to_owned(),
                progress_group: (index % 3 == 0).then(ProgressGroup::default),
            };
            let mut told = update(&[told.clone(), told], &[]);
            for digest in ["", "a", "never seen", names[turn % 4]] {
                let output = Bytes::from_static(b"\xff\x1b[2J\r\n\xe2\x82");
                told.logs.push(VertexLog {
                    stream: -7,
                    data: output,
                    timestamp: *completed,
                    vertex: digest.to_owned(),
                });
                told.statuses.push(item(digest, "", index as i64, i64::MIN, i64::MAX));
            }
            state.apply(NOW * (10 - index as u32), names[turn % 4], &told);
        }
    }
    state.finish(Duration::ZERO);
    for step in state.steps() {
        step.elapsed(Duration::MAX);
        assert!(!step.name().chars().any(char::is_control));
        assert!(!step.tail().join("").contains('\x1b'));
    }
}
