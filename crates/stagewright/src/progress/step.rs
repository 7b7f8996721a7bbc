//! One step as it is shown: a vertex, or a group of vertices under one name.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use buildkit_client::status::{Vertex, VertexLog, VertexStatus};
use jiff::Timestamp;

use super::lines::LineCutter;
use super::sanitize;
use super::view::{Phase, View, covered, since, together};

/// How many lines of output are remembered.
const TAIL_LINES: usize = 25;

/// How much of a remembered line is kept, in bytes.
const TAIL_LINE: usize = 2 * 1024;

/// How many items are remembered.
const MOST_ITEMS: usize = 1000;

/// The longest name of an item, in bytes.
const LONGEST_ITEM: usize = 1024;

/// A step of the build.
#[derive(Debug)]
pub(crate) struct Step {
    name: String,
    /// Its place in the order of start, from 1.
    pub(super) number: Option<u32>,
    /// What each target's stream says of each of its vertices.
    views: BTreeMap<String, BTreeMap<usize, View>>,
    phase: Phase,
    /// When the present run was first seen, on our clock: the daemon's may differ.
    run_seen: Duration,
    outputs: [Output; 2],
    tail: VecDeque<String>,
    items: Vec<Item>,
    /// The end that was made known last.
    announced: Option<(Phase, Duration)>,
}

/// Progress within a step, such as one layer's download.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// What it is, for people.
    pub(crate) name: String,
    /// How much is done; often in bytes.
    pub(crate) current: i64,
    /// How much there is; 0 if unknown.
    pub(crate) total: i64,
    /// How long it has taken on the daemon's clock.
    pub(crate) taken: Duration,
    /// Whether it has ended.
    pub(crate) completed: bool,
    id: String,
    timestamp: Option<Timestamp>,
}

/// A line of a step's output, with when it came since the step's start.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) at: Duration,
    pub(crate) text: String,
}

/// One of the two streams of a step's output.
///
/// Every product's stream shows the output of a step that it shares, from its beginning. So a piece counts if
/// its time is new, or if it comes from the product that told the newest: what one product said is not said
/// again by the next, and none is missed when a product ends early.
#[derive(Debug, Default)]
struct Output {
    cutter: LineCutter,
    newest: Option<(Option<Timestamp>, usize)>,
    at: Duration,
}

impl Step {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            number: None,
            views: BTreeMap::new(),
            phase: Phase::Waiting,
            run_seen: Duration::ZERO,
            outputs: Default::default(),
            tail: VecDeque::new(),
            items: Vec::new(),
            announced: None,
        }
    }

    /// Its name, in one line, without control sequences.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its place in the order of start, from 1; none before that.
    pub(crate) fn number(&self) -> Option<u32> {
        self.number
    }

    /// How far it is.
    pub(crate) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// How long it has taken; `now` is on our clock.
    pub(crate) fn elapsed(&self, now: Duration) -> Duration {
        let ended = covered(self.views.values().flat_map(BTreeMap::values).flat_map(View::ended_runs));
        match self.phase {
            Phase::Running => ended + now.saturating_sub(self.run_seen),
            _ => ended,
        }
    }

    /// The last lines of its output; colours may be in them. Long lines are cut.
    pub(crate) fn tail(&self) -> Vec<String> {
        let partial = self.outputs.iter().map(|output| output.cutter.partial());
        let partial = partial.filter(|line| !line.is_empty()).map(sanitize::line);
        let mut tail: Vec<String> = self.tail.iter().cloned().chain(partial.map(short)).collect();
        tail.drain(..tail.len().saturating_sub(TAIL_LINES));
        tail
    }

    /// Progress within it.
    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    /// Whether it has failed in one target's stream.
    pub(super) fn has_failed(&self, target: usize) -> bool {
        let views = self.views.values().filter_map(|views| views.get(&target));
        views.map(View::phase).any(|phase| matches!(phase, Phase::Failed(_)))
    }

    pub(super) fn rename(&mut self, name: String) {
        self.name = name;
    }

    /// Takes what a stream says of one of its vertices.
    pub(super) fn apply(&mut self, target: usize, vertex: &Vertex) {
        self.views
            .entry(vertex.digest.clone())
            .or_default()
            .entry(target)
            .or_default()
            .apply(vertex);
    }

    /// Takes that a stream has ended.
    pub(super) fn end(&mut self, target: usize) {
        for view in self.views.values_mut().filter_map(|views| views.get_mut(&target)) {
            view.end();
        }
    }

    /// Finds out how far it is now, after something was said of it.
    pub(super) fn settle(&mut self, now: Duration) {
        let of_member = |views: &BTreeMap<usize, View>| together(&views.values().collect::<Vec<_>>());
        let members: Vec<Phase> = self.views.values().map(of_member).collect();
        let phase = of_members(&members);
        if phase == Phase::Running && self.phase != Phase::Running {
            self.run_seen = now;
        }
        self.phase = phase;
    }

    /// Whether it has ended in a way that was not made known yet.
    pub(super) fn take_end(&mut self, now: Duration) -> bool {
        if matches!(self.phase, Phase::Waiting | Phase::Running) {
            return false;
        }
        let end = Some((self.phase.clone(), self.elapsed(now)));
        let is_new = self.announced != end;
        self.announced = end;
        is_new
    }

    /// Takes output, and gives the lines that it ends.
    pub(super) fn log(&mut self, now: Duration, target: usize, log: &VertexLog) -> Vec<Line> {
        let started = self
            .views
            .get(&log.vertex)
            .and_then(|views| views.get(&target))
            .and_then(View::started);
        let output = &mut self.outputs[usize::from(log.stream == 2)];
        match output.newest {
            Some((newest, owner)) if log.timestamp <= newest && target != owner => return Vec::new(),
            _ => output.newest = Some((log.timestamp, target)),
        }
        if let (Some(at), Some(started)) = (log.timestamp, started) {
            output.at = since(at, started);
        }
        let mut lines = Vec::new();
        let at = output.at;
        output
            .cutter
            .push(now, &log.data, |line| lines.push(Line { at, text: sanitize::line(line) }));
        for line in &lines {
            self.remember(&line.text);
        }
        lines
    }

    /// Gives the lines that have not ended and that nothing was added to for `idle`.
    pub(super) fn take_partial(&mut self, now: Duration, idle: Duration) -> Vec<Line> {
        let taken = self.outputs.iter_mut().filter_map(|output| {
            let text = sanitize::line(&output.cutter.take(now, idle)?);
            Some(Line { at: output.at, text })
        });
        let lines: Vec<Line> = taken.collect();
        for line in &lines {
            self.remember(&line.text);
        }
        lines
    }

    /// Takes progress, and gives the index of the item that it is of, if that says anything new.
    pub(super) fn progress(&mut self, status: &VertexStatus) -> Option<usize> {
        let id = sanitize::cut(status.id.clone(), LONGEST_ITEM);
        let index = self.items.iter().position(|item| item.id == id).unwrap_or(self.items.len());
        let is_stale = |item: &Item| {
            status.timestamp <= item.timestamp && (item.completed || status.completed.is_none())
        };
        if index == MOST_ITEMS || self.items.get(index).is_some_and(is_stale) {
            return None;
        }
        let end = status.completed.or(status.timestamp);
        let item = Item {
            name: sanitize::name(&id),
            current: status.current,
            total: status.total,
            taken: end.zip(status.started).map_or(Duration::ZERO, |(end, start)| since(end, start)),
            completed: status.completed.is_some(),
            id,
            timestamp: status.timestamp,
        };
        match self.items.get_mut(index) {
            Some(known) => *known = item,
            None => self.items.push(item),
        }
        Some(index)
    }

    fn remember(&mut self, line: &str) {
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(short(line.to_owned()));
    }
}

/// A group runs while one of its vertices runs, and fails with the first that fails.
fn of_members(members: &[Phase]) -> Phase {
    let any = |wanted: fn(&Phase) -> bool| members.iter().find(|phase| wanted(phase)).cloned();
    any(|phase| matches!(phase, Phase::Failed(_)))
        .or_else(|| any(|phase| *phase == Phase::Running))
        .or_else(|| any(|phase| *phase == Phase::Cancelled))
        .or_else(|| any(|phase| *phase == Phase::Done))
        .or_else(|| any(|phase| *phase == Phase::Cached))
        .unwrap_or(Phase::Waiting)
}

/// A line as it is remembered.
fn short(line: String) -> String {
    if line.len() <= TAIL_LINE {
        return line;
    }
    sanitize::line(&line.as_bytes()[..line.floor_char_boundary(TAIL_LINE)])
}
