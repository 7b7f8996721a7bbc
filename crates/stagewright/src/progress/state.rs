//! The status streams of several solves, folded into one view.
//!
//! Each product is a solve with a stream of its own, and each stream tells of every vertex that its solve needs.
//! Vertices are known by digest, so what products share is one step; exporters have one digest for all solves of
//! a session and are known by target and digest (BuildKit v0.34 `solver/llbsolver/solver.go`). Nothing that a
//! stream says is believed to be in order: digests may be unknown, times may run backwards.
//!
//! Times are in two clocks: what the daemon says is on its own, `now` is the time since the build began on ours.
//! They are never compared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use buildkit_client::StatusUpdate;
use buildkit_client::status::{Vertex, VertexLog};

use super::sanitize;
use super::step::{Line, Step};
use super::view::Phase;
use super::warning::Warning;

/// How many warnings are remembered.
const MOST_WARNINGS: usize = 1000;

/// How many vertices are followed, counted for each target that shows it, and how many steps there are; and how many
/// steps a stream may begin by their output alone. What more there is has no step of its own; its output is shown
/// all the same.
const MOST_VERTICES: usize = 100_000;
const MOST_UNANNOUNCED: usize = 1000;

/// The longest name of a step, in bytes.
const LONGEST_NAME: usize = 8 * 1024;

/// The longest digest or id of a group, in bytes. What has a longer one is not followed.
const LONGEST_KEY: usize = 256;

/// The step of output that has none of its own.
const REST: &str = "steps that are not shown";

/// After how long a line that has not ended is shown: it may be a question.
const PARTIAL_LINE_REST: Duration = Duration::from_secs(3);

/// A step's index in [`State::steps`].
pub(crate) type StepId = usize;

/// Something new, for painters that write once what happens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// A step has started and has its number.
    Started(StepId),
    /// A line of output. The number is given by now.
    Line(StepId, Line),
    /// An item of a step, by index, went on.
    Progress(StepId, usize),
    /// A warning, by index, and its step.
    Warning(Option<StepId>, usize),
    /// A step has ended.
    Ended(StepId),
}

/// All that is known of a build.
#[derive(Debug, Default)]
pub(crate) struct State {
    targets: Vec<String>,
    steps: Vec<Step>,
    shared: BTreeMap<String, StepId>,
    /// Exporters, by target and digest.
    own: BTreeMap<(usize, String), StepId>,
    groups: BTreeMap<String, StepId>,
    /// How many steps have a number.
    started: u32,
    warnings: Vec<Warning>,
    /// How many steps were begun by their output alone.
    unannounced: usize,
    /// The step of output that has none of its own.
    rest: Option<StepId>,
}

/// What an update says beside output.
#[derive(Debug)]
pub(super) struct Said {
    /// What is new so far.
    pub(super) events: Vec<Event>,
    /// Steps that may have ended.
    pub(super) touched: BTreeSet<StepId>,
}

impl State {
    /// Takes an update of a target's stream, and gives what is new.
    #[cfg(test)]
    pub(crate) fn apply(&mut self, now: Duration, target: &str, update: &StatusUpdate) -> Vec<Event> {
        let Said { mut events, touched } = self.begin(now, target, update);
        for log in &update.logs {
            self.output(now, target, log, &mut events);
        }
        self.close_update(now, target, update, touched, &mut events);
        events
    }

    /// Takes what an update says of vertices and their items. Its output follows, then [`State::close_update`].
    pub(super) fn begin(&mut self, now: Duration, target: &str, update: &StatusUpdate) -> Said {
        let target = self.target(target);
        let mut events = Vec::new();
        let mut touched = BTreeSet::new();
        for vertex in &update.vertexes {
            let Some(id) = self.step_of(target, vertex) else { continue };
            self.steps[id].apply(target, vertex);
            self.steps[id].settle(now);
            let is_weak = vertex.progress_group.as_ref().is_some_and(|group| group.weak);
            if !is_weak && *self.steps[id].phase() != Phase::Waiting {
                self.start(id, &mut events);
            }
            touched.insert(id);
        }
        for status in &update.statuses {
            let Some(id) = self.find(target, &status.vertex) else { continue };
            if let Some(item) = self.steps[id].progress(status) {
                self.start(id, &mut events);
                events.push(Event::Progress(id, item));
            }
        }
        Said { events, touched }
    }

    /// Takes output.
    pub(super) fn output(&mut self, now: Duration, target: &str, log: &VertexLog, events: &mut Vec<Event>) {
        let target = self.target(target);
        let id = self.find(target, &log.vertex).unwrap_or_else(|| self.unknown(&log.vertex));
        let lines = self.steps[id].log(now, target, log);
        if !lines.is_empty() {
            self.start(id, events);
        }
        events.extend(lines.into_iter().map(|line| Event::Line(id, line)));
    }

    /// Takes what an update says at last: warnings, and that steps have ended.
    pub(super) fn close_update(
        &mut self,
        now: Duration,
        target: &str,
        update: &StatusUpdate,
        touched: BTreeSet<StepId>,
        events: &mut Vec<Event>,
    ) {
        let target = self.target(target);
        for warning in &update.warnings {
            let step = self.find(target, &warning.vertex);
            let warning = Warning::read(warning);
            if self.warnings.len() < MOST_WARNINGS && !self.warnings.contains(&warning) {
                if let Some(id) = step {
                    self.start(id, events);
                }
                events.push(Event::Warning(step, self.warnings.len()));
                self.warnings.push(warning);
            }
        }
        self.close(now, touched, events);
    }

    /// Takes that a target's stream has ended, and gives what is new: what it left open was cancelled for it.
    pub(super) fn end(&mut self, now: Duration, target: &str) -> Vec<Event> {
        let target = self.target(target);
        for step in &mut self.steps {
            step.end(target);
            step.settle(now);
        }
        let mut events = Vec::new();
        self.close(now, 0..self.steps.len(), &mut events);
        events
    }

    /// Gives lines that have not ended and that nothing was added to for a while.
    pub(super) fn resting(&mut self, now: Duration) -> Vec<Event> {
        self.partial_lines(now, PARTIAL_LINE_REST)
    }

    /// Takes that all streams have ended, and gives what is new.
    pub(super) fn finish(&mut self, now: Duration) -> Vec<Event> {
        let mut events = self.partial_lines(now, Duration::ZERO);
        for target in self.targets.clone() {
            events.extend(self.end(now, &target));
        }
        events
    }

    /// All steps, in the order in which they were first told of.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The step that a vertex belongs to, as a target's stream names it.
    pub(crate) fn step(&self, target: &str, digest: &str) -> Option<&Step> {
        let target = self.targets.iter().position(|known| known == target)?;
        self.find(target, digest).map(|id| &self.steps[id])
    }

    /// The step that failed first in a target's stream.
    pub(crate) fn failed(&self, target: &str) -> Option<&Step> {
        let target = self.targets.iter().position(|known| known == target)?;
        let failed = self.steps.iter().filter(|step| step.has_failed(target));
        failed.min_by_key(|step| step.number())
    }

    /// All warnings, each once.
    pub(crate) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    fn target(&mut self, name: &str) -> usize {
        self.targets.iter().position(|known| known == name).unwrap_or_else(|| {
            self.targets.push(name.to_owned());
            self.targets.len() - 1
        })
    }

    fn find(&self, target: usize, digest: &str) -> Option<StepId> {
        let own = self.own.get(&(target, digest.to_owned()));
        own.or_else(|| self.shared.get(digest)).copied()
    }

    /// The step of a vertex, made if it is not known and there is room, under the vertex's name.
    fn step_of(&mut self, target: usize, vertex: &Vertex) -> Option<StepId> {
        if self.is_full() || vertex.digest.len() > LONGEST_KEY {
            return self.find(target, &vertex.digest);
        }
        let given = if vertex.name.is_empty() { &vertex.digest } else { &vertex.name };
        let name = sanitize::name(given);
        let next = self.steps.len();
        let group = vertex.progress_group.as_ref().filter(|group| group.id.len() <= LONGEST_KEY);
        let (id, name) = if let Some(group) = group {
            let id = *self.groups.entry(group.id.clone()).or_insert(next);
            self.shared.insert(vertex.digest.clone(), id);
            (id, sanitize::name(if group.name.is_empty() { given } else { &group.name }))
        } else if is_exporter(vertex) {
            let name = format!("[{}] {name}", sanitize::name(&self.targets[target]));
            (*self.own.entry((target, vertex.digest.clone())).or_insert(next), name)
        } else {
            (*self.shared.entry(vertex.digest.clone()).or_insert(next), name)
        };
        let name = sanitize::cut(name, LONGEST_NAME);
        match self.steps.get_mut(id) {
            Some(step) => step.rename(name),
            None => self.steps.push(Step::new(name)),
        }
        Some(id)
    }

    /// A step for a vertex that no stream has told of: its output is not lost.
    fn unknown(&mut self, digest: &str) -> StepId {
        if let Some(rest) = self.rest {
            return rest;
        }
        let id = self.steps.len();
        if self.unannounced == MOST_UNANNOUNCED || self.is_full() || digest.len() > LONGEST_KEY {
            self.rest = Some(id);
            self.steps.push(Step::new(REST.to_owned()));
        } else {
            self.unannounced += 1;
            self.shared.insert(digest.to_owned(), id);
            self.steps.push(Step::new(sanitize::cut(sanitize::name(digest), LONGEST_NAME)));
        }
        id
    }

    /// Whether nothing new is followed any more.
    fn is_full(&self) -> bool {
        self.steps.len() >= MOST_VERTICES || self.shared.len() + self.own.len() >= MOST_VERTICES
    }

    /// Gives a step its number if it has none.
    fn start(&mut self, id: StepId, events: &mut Vec<Event>) {
        if self.steps[id].number.is_none() {
            self.started += 1;
            self.steps[id].number = Some(self.started);
            events.push(Event::Started(id));
        }
    }

    /// Makes known which steps have ended, with what they left unsaid.
    fn close(&mut self, now: Duration, steps: impl IntoIterator<Item = StepId>, events: &mut Vec<Event>) {
        for id in steps {
            let step = &mut self.steps[id];
            if step.number.is_some() && step.take_end(now) {
                let lines = step.take_partial(now, Duration::ZERO);
                events.extend(lines.into_iter().map(|line| Event::Line(id, line)));
                events.push(Event::Ended(id));
            }
        }
    }

    fn partial_lines(&mut self, now: Duration, idle: Duration) -> Vec<Event> {
        let mut events = Vec::new();
        for id in 0..self.steps.len() {
            let lines = self.steps[id].take_partial(now, idle);
            if !lines.is_empty() {
                self.start(id, &mut events);
            }
            events.extend(lines.into_iter().map(|line| Event::Line(id, line)));
        }
        events
    }
}

/// Exporters say so by their names and have no inputs.
fn is_exporter(vertex: &Vertex) -> bool {
    vertex.inputs.is_empty() && vertex.name.starts_with("exporting ")
}

#[cfg(test)]
mod tests {
    use buildkit_client::status::{ProgressGroup, VertexWarning};
    use bytes::Bytes;

    use super::super::told::{cached, ended, failed, log, running, update, vertex, waiting};
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    /// The lines that a state gives for an update.
    fn lines(state: &mut State, target: &str, update: &StatusUpdate) -> Vec<String> {
        let events = state.apply(NOW, target, update);
        let lines = events.into_iter().filter_map(|event| match event {
            Event::Line(_, line) => Some(line.text),
            _ => None,
        });
        lines.collect()
    }

    #[test]
    fn numbers_stand_in_the_order_of_start() {
        let mut state = State::default();
        let announced = [vertex("aa", "a", waiting()), vertex("bb", "b", waiting())];
        assert_eq!(state.apply(NOW, "app", &update(&announced, &[])), []);
        let begun = update(&[vertex("bb", "b", running(1))], &[]);
        assert_eq!(state.apply(NOW, "app", &begun), [Event::Started(1)]);
        let done = update(&[vertex("aa", "a", cached(2))], &[]);
        assert_eq!(state.apply(NOW, "app", &done), [Event::Started(0), Event::Ended(0)]);
        let numbers: Vec<_> = state.steps().iter().map(Step::number).collect();
        assert_eq!(numbers, [Some(2), Some(1)]);
    }

    #[test]
    fn what_products_share_is_one_step_and_exporters_are_not() {
        let mut state = State::default();
        let told = update(
            &[vertex("aa", "build", ended(1, 2)), vertex("ee", "exporting to image", running(2))],
            &[],
        );
        assert_eq!(state.apply(NOW, "api", &told).len(), 3);
        assert_eq!(state.apply(NOW, "web", &told), [Event::Started(2)]);
        let names: Vec<_> = state.steps().iter().map(Step::name).collect();
        assert_eq!(names, ["build", "[api] exporting to image", "[web] exporting to image"]);
        let failing = update(&[vertex("ee", "exporting to image", failed(2, "denied"))], &[]);
        assert_eq!(state.apply(NOW, "web", &failing), [Event::Ended(2)]);
        assert_eq!(*state.step("api", "ee").unwrap().phase(), Phase::Running);
        assert_eq!(state.failed("web").unwrap().name(), "[web] exporting to image");
        assert!(state.failed("api").is_none());
        assert!(state.step("no", "ee").is_none());
    }

    #[test]
    fn a_product_that_ends_leaves_what_others_run() {
        let mut state = State::default();
        let begun = update(&[vertex("aa", "build", running(1))], &[]);
        state.apply(NOW, "api", &begun);
        state.apply(NOW, "web", &begun);
        assert_eq!(state.end(NOW, "api"), []);
        assert_eq!(*state.step("web", "aa").unwrap().phase(), Phase::Running);
        assert_eq!(state.finish(NOW), [Event::Ended(0)]);
        assert_eq!(*state.step("web", "aa").unwrap().phase(), Phase::Cancelled);
        assert_eq!(state.finish(NOW), []);
    }

    #[test]
    fn shared_output_is_told_once_and_to_its_end() {
        let mut state = State::default();
        let begun = [vertex("aa", "build", running(1))];
        let both = [log("aa", 2, b"one\n"), log("aa", 3, b"two\n")];
        assert_eq!(lines(&mut state, "api", &update(&begun, &both[..1])), ["one"]);
        // The second stream begins with what the first has said, and goes ahead of it.
        assert_eq!(lines(&mut state, "web", &update(&begun, &both)), ["two"]);
        assert_eq!(lines(&mut state, "api", &update(&[], &both[1..])), [""; 0]);
        state.end(NOW, "web");
        assert_eq!(lines(&mut state, "api", &update(&[], &[log("aa", 4, b"three\n")])), ["three"]);
        // One stream may say as much as it wants in one instant, or in the past.
        assert_eq!(
            lines(&mut state, "api", &update(&[], &[log("aa", 4, b"4\n"), log("aa", 1, b"5\n")])),
            ["4", "5"]
        );
    }

    #[test]
    fn output_ends_before_its_step() {
        let mut state = State::default();
        let told = update(&[vertex("aa", "build", ended(1, 5))], &[log("aa", 3, b"no newline")]);
        let line = Line { at: Duration::from_secs(2), text: "no newline".to_owned() };
        assert_eq!(
            state.apply(NOW, "app", &told),
            [Event::Started(0), Event::Line(0, line), Event::Ended(0)]
        );
    }

    #[test]
    fn a_question_is_shown() {
        let mut state = State::default();
        state.apply(NOW, "app", &update(&[vertex("aa", "a", running(1))], &[log("aa", 1, b"Continue? ")]));
        assert_eq!(state.step("app", "aa").unwrap().tail(), ["Continue? "]);
        assert_eq!(state.resting(NOW), []);
        assert_eq!(state.resting(NOW + PARTIAL_LINE_REST).len(), 1);
        assert_eq!(state.finish(NOW).len(), 1);
    }

    #[test]
    fn a_group_is_one_step_and_hides_while_it_is_weak() {
        let group = |weak| Some(ProgressGroup { id: "g".to_owned(), name: "install".to_owned(), weak });
        let weak = Vertex { progress_group: group(true), ..vertex("aa", "a", running(1)) };
        let strong = Vertex { progress_group: group(false), ..vertex("bb", "b", ended(2, 4)) };
        let mut state = State::default();
        assert_eq!(state.apply(NOW, "app", &update(&[weak], &[])), []);
        assert_eq!(state.apply(NOW, "app", &update(&[strong], &[])), [Event::Started(0)]);
        assert_eq!((state.steps().len(), state.steps()[0].name()), (1, "install"));
        assert_eq!(*state.steps()[0].phase(), Phase::Running);
        let done = Vertex { progress_group: group(true), ..vertex("aa", "a", ended(1, 3)) };
        assert_eq!(state.apply(NOW, "app", &update(&[done], &[])), [Event::Ended(0)]);
        assert_eq!(state.steps()[0].elapsed(NOW), Duration::from_secs(3));
    }

    #[test]
    fn an_end_is_made_known_once() {
        let mut state = State::default();
        let told = |vertex| update(&[vertex], &[]);
        state.apply(NOW, "api", &told(vertex("aa", "a", ended(1, 3))));
        assert_eq!(state.apply(NOW, "api", &told(vertex("aa", "a", ended(1, 3)))), []);
        assert_eq!(state.apply(NOW, "web", &told(vertex("aa", "a", running(5)))), []);
        assert_eq!(state.apply(NOW, "web", &told(vertex("aa", "a", cached(5)))), []);
        assert_eq!(*state.steps()[0].phase(), Phase::Done);
    }

    #[test]
    fn warnings_are_known_once() {
        let warning = VertexWarning {
            vertex: "aa".to_owned(),
            short: Bytes::from_static(b"old"),
            ..Default::default()
        };
        let told = StatusUpdate { warnings: vec![warning], ..StatusUpdate::default() };
        let mut state = State::default();
        assert_eq!(state.apply(NOW, "api", &told), [Event::Warning(None, 0)]);
        assert_eq!(state.apply(NOW, "web", &told), []);
        assert_eq!(state.warnings()[0].short, "old");
    }
}
