//! Progress as plain lines, each written once and none lost: for logs, pipes and CI.
//!
//! Lines carry the number of their step (`#4 0.123 text`). Steps run side by side, so their lines are put
//! together in blocks: another step's block is written when the step that is shown has ended, has been shown
//! for a while, or when that other step has ended or has much to say.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::sanitize;
use super::state::{Event, State, StepId};
use super::step::{Item, Line};
use super::units;
use super::view::Phase;
use super::warning;

/// How long one step is shown while others wait.
const SHOWN_AT_LEAST: Duration = Duration::from_secs(5);

/// How much waits to be shown, in bytes for each step.
const MOST_WAITING: usize = 64 * 1024;

/// The time between two lines on one item.
const BETWEEN_ITEMS: Duration = Duration::from_secs(5);

/// The painter of plain lines.
#[derive(Debug)]
pub(super) struct Plain {
    colours: bool,
    current: Option<StepId>,
    /// When the current step was taken up.
    since: Duration,
    waiting: BTreeMap<StepId, Block>,
    /// Which items were told of, and when they were told of last.
    told: BTreeMap<(StepId, usize), Told>,
    is_first: bool,
}

/// What waits to be written of a step.
#[derive(Debug, Default)]
struct Block {
    text: String,
    ended: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Told {
    at: Duration,
    completed: bool,
}

impl Plain {
    /// A painter; `colours` keeps those of the builds' output.
    pub(super) fn new(colours: bool) -> Self {
        Self {
            colours,
            current: None,
            since: Duration::ZERO,
            waiting: BTreeMap::new(),
            told: BTreeMap::new(),
            is_first: true,
        }
    }

    /// Takes what is new and gives what is to be written.
    pub(super) fn paint(&mut self, now: Duration, state: &State, events: &[Event]) -> String {
        for event in events {
            self.take(now, state, event);
        }
        let mut out = String::new();
        self.write_due(now, state, false, &mut out);
        out
    }

    /// Gives all that waits.
    pub(super) fn finish(&mut self, now: Duration, state: &State, events: &[Event]) -> String {
        let mut out = self.paint(now, state, events);
        self.write_due(now, state, true, &mut out);
        for (index, line) in warning::lines(state.warnings()).iter().enumerate() {
            // Writing to a string does not fail.
            let _ = writeln!(out, "{}{line}", if index == 0 { "\n" } else { "" });
        }
        out
    }

    fn take(&mut self, now: Duration, state: &State, event: &Event) {
        let (id, text) = match event {
            Event::Started(id) => (*id, None),
            Event::Line(id, line) => (*id, Some(self.line(line))),
            Event::Progress(id, index) => {
                let item = &state.steps()[*id].items()[*index];
                let told = self.told.entry((*id, *index)).or_insert(Told { at: now, completed: false });
                let is_due = item.completed && !told.completed
                    || !item.completed && now.saturating_sub(told.at) >= BETWEEN_ITEMS;
                if !is_due {
                    return;
                }
                *told = Told { at: now, completed: item.completed };
                (*id, Some(item_text(item)))
            }
            Event::Warning(Some(id), index) => {
                (*id, Some(format!("WARN: {}", state.warnings()[*index].short)))
            }
            // What no step is at fault for stands in the summary alone.
            Event::Warning(None, _) => return,
            Event::Ended(id) => (*id, Some(end_text(state, *id, now))),
        };
        let number = state.steps()[id].number().unwrap_or_default();
        let block = self.waiting.entry(id).or_default();
        block.ended = matches!(event, Event::Ended(_));
        for line in text.iter().flat_map(|text| text.split('\n')) {
            // Writing to a string does not fail.
            let _ = writeln!(block.text, "#{number} {line}");
        }
    }

    /// Writes the blocks whose time has come, or all.
    fn write_due(&mut self, now: Duration, state: &State, all: bool, out: &mut String) {
        if let Some(block) = self.current.and_then(|id| self.waiting.remove(&id)) {
            out.push_str(&block.text);
            if block.ended {
                self.current = None;
            }
        }
        for (id, block) in std::mem::take(&mut self.waiting) {
            if all || block.ended || block.text.len() >= MOST_WAITING {
                self.write_block(now, state, id, &block, out);
            } else {
                self.waiting.insert(id, block);
            }
        }
        // Whoever started first is next.
        let next = self.waiting.keys().copied().min_by_key(|id| state.steps()[*id].number());
        let is_free = self.current.is_none() || now.saturating_sub(self.since) >= SHOWN_AT_LEAST;
        if let Some((id, block)) = next.filter(|_| is_free).and_then(|id| self.waiting.remove_entry(&id)) {
            self.write_block(now, state, id, &block, out);
        }
    }

    fn write_block(&mut self, now: Duration, state: &State, id: StepId, block: &Block, out: &mut String) {
        if let Some(old) = self.current.and_then(|old| state.steps()[old].number()) {
            let _ = writeln!(out, "#{old} ...");
        }
        if !std::mem::take(&mut self.is_first) {
            out.push('\n');
        }
        let step = &state.steps()[id];
        let _ = writeln!(out, "#{} {}", step.number().unwrap_or_default(), step.name());
        out.push_str(&block.text);
        self.current = (!block.ended).then_some(id);
        self.since = now;
    }

    fn line(&self, line: &Line) -> String {
        let at = line.at.as_secs_f64();
        let text = &line.text;
        match self.colours {
            true => format!("{at:.3} {text}"),
            false => format!("{at:.3} {}", sanitize::without_colours(text)),
        }
    }
}

/// An item with what is known of it: `extracting sha256:… 1.20kB / 3.40MB 0.5s done`.
pub(super) fn item_text(item: &Item) -> String {
    let mut text = item.name.clone();
    match (item.current, item.total) {
        (current, total) if total > 0 => {
            let _ = write!(text, " {} / {}", units::bytes(current), units::bytes(total));
        }
        (current, _) if current > 0 => {
            let _ = write!(text, " {}", units::bytes(current));
        }
        _ => {}
    }
    if item.taken >= Duration::from_millis(50) {
        let _ = write!(text, " {}", units::seconds(item.taken));
    }
    if item.completed {
        text.push_str(" done");
    }
    text
}

fn end_text(state: &State, id: StepId, now: Duration) -> String {
    let step = &state.steps()[id];
    match step.phase() {
        Phase::Cached => "CACHED".to_owned(),
        Phase::Failed(error) => format!("ERROR: {error}"),
        Phase::Cancelled => "CANCELED".to_owned(),
        Phase::Done | Phase::Running | Phase::Waiting => {
            format!("DONE {}", units::seconds(step.elapsed(now)))
        }
    }
}

#[cfg(test)]
mod tests {
    use buildkit_client::StatusUpdate;
    use buildkit_client::status::VertexWarning;
    use bytes::Bytes;
    use expect_test::{Expect, expect};

    use super::super::told::{cached, ended, failed, item, log, running, update, vertex};
    use super::*;

    /// What is written for updates at seconds of our clock.
    fn check(updates: &[(u64, StatusUpdate)], expected: &Expect) {
        let (mut state, mut plain, mut out) = (State::default(), Plain::new(false), String::new());
        let mut now = Duration::ZERO;
        for (second, update) in updates {
            now = Duration::from_secs(*second);
            let events = state.apply(now, "app", update);
            out.push_str(&plain.paint(now, &state, &events));
        }
        let events = state.finish(now);
        out.push_str(&plain.finish(now, &state, &events));
        expected.assert_eq(&out);
    }

    #[test]
    fn ends() {
        check(
            &[
                (0, update(&[vertex("aa", "[base] FROM node", cached(0))], &[])),
                (0, update(&[vertex("bb", "[build 1/2] RUN npm ci", running(1))], &[])),
                (3, update(&[vertex("bb", "[build 1/2] RUN npm ci", ended(1, 4))], &[])),
                (
                    4,
                    update(
                        &[vertex("cc", "[build 2/2] RUN npm test", failed(4, "exit code: 1\nand more"))],
                        &[],
                    ),
                ),
                (4, update(&[vertex("dd", "[lint] RUN npm run lint", running(4))], &[])),
            ],
            &expect![[r#"
                #1 [base] FROM node
                #1 CACHED

                #2 [build 1/2] RUN npm ci
                #2 DONE 3.0s

                #3 [build 2/2] RUN npm test
                #3 ERROR: exit code: 1
                #3 and more

                #4 [lint] RUN npm run lint
                #4 CANCELED
            "#]],
        );
    }

    #[test]
    fn steps_side_by_side() {
        check(
            &[
                (0, update(&[vertex("aa", "first", running(0)), vertex("bb", "second", running(0))], &[])),
                (1, update(&[], &[log("aa", 1, b"a1\na2\n"), log("bb", 1, b"b1\n")])),
                (2, update(&[], &[log("aa", 2, b"a3\n")])),
                (6, update(&[], &[log("bb", 6, b"b2\n")])),
                (7, update(&[vertex("aa", "first", ended(0, 7))], &[log("aa", 7, b"a4\n")])),
                (8, update(&[vertex("bb", "second", ended(0, 8))], &[log("bb", 8, b"b3\n")])),
            ],
            &expect![[r#"
                #1 first
                #1 1.000 a1
                #1 1.000 a2
                #1 2.000 a3
                #1 ...

                #2 second
                #2 1.000 b1
                #2 6.000 b2
                #2 ...

                #1 first
                #1 7.000 a4
                #1 DONE 7.0s

                #2 second
                #2 8.000 b3
                #2 DONE 8.0s
            "#]],
        );
    }

    #[test]
    fn items_and_warnings() {
        let statuses = |statuses: Vec<_>| StatusUpdate { statuses, ..StatusUpdate::default() };
        let warning = VertexWarning {
            vertex: "aa".to_owned(),
            short: Bytes::from_static(b"slow disk"),
            ..Default::default()
        };
        check(
            &[
                (0, update(&[vertex("aa", "[internal] load context", running(0))], &[])),
                (0, statuses(vec![item("aa", "transferring context:", 0, 0, 0)])),
                (1, statuses(vec![item("aa", "sha256:aa", 1, 10, 5000)])),
                (3, statuses(vec![item("aa", "sha256:aa", 3, 20, 5000)])),
                (7, statuses(vec![item("aa", "sha256:aa", 7, 3000, 5000)])),
                (9, statuses(vec![item("aa", "sha256:aa", 9, 5000, 5000)])),
                (9, StatusUpdate { warnings: vec![warning], ..StatusUpdate::default() }),
            ],
            &expect![[r#"
                #1 [internal] load context
                #1 transferring context: done
                #1 sha256:aa 3.00kB / 5.00kB 7.0s
                #1 sha256:aa 5.00kB / 5.00kB 9.0s done
                #1 WARN: slow disk
                #1 CANCELED

                1 warning:
                 - slow disk
            "#]],
        );
    }

    #[test]
    fn no_line_is_lost_and_little_waits() {
        let (mut state, mut plain, mut out) = (State::default(), Plain::new(false), String::new());
        let begun: Vec<_> = (0..8).map(|n| vertex(&format!("d{n}"), "loud", running(0))).collect();
        let mut paint = |state: &mut State, update: &StatusUpdate| {
            let events = state.apply(Duration::ZERO, "app", update);
            out.push_str(&plain.paint(Duration::ZERO, state, &events));
            let waiting: usize = plain.waiting.values().map(|block| block.text.len()).sum();
            assert!(waiting <= 8 * MOST_WAITING, "{waiting}");
        };
        paint(&mut state, &update(&begun, &[]));
        for line in 0..20_000 {
            let digest = format!("d{}", line % 8);
            paint(&mut state, &update(&[], &[log(&digest, 1, format!("line {line} of many\n").as_bytes())]));
        }
        let events = state.finish(Duration::ZERO);
        out.push_str(&plain.finish(Duration::ZERO, &state, &events));
        assert_eq!(out.matches(" of many\n").count(), 20_000);
    }
}
