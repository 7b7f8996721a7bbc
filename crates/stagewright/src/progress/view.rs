//! What one stream says of one vertex, and what several streams say of it together.

use std::collections::BTreeMap;
use std::time::Duration;

use buildkit_client::status::Vertex;
use jiff::Timestamp;

use super::sanitize;

/// How many runs of a vertex are remembered.
const MOST_RUNS: usize = 64;

/// The longest error, in bytes.
const LONGEST_ERROR: usize = 64 * 1024;

/// What the error of a cancelled vertex ends with.
const CANCELLED: &str = "context canceled";

/// How far a vertex is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It was announced.
    Waiting,
    /// It runs.
    Running,
    /// It came from the cache.
    Cached,
    /// It has run.
    Done,
    /// It failed, with the daemon's message.
    Failed(String),
    /// It was stopped before its end.
    Cancelled,
}

/// What one stream says of one vertex.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Ends by starts: a vertex may run several times, and runs may overlap. On the daemon's clock.
    runs: BTreeMap<Timestamp, Option<Timestamp>>,
    started: Option<Timestamp>,
    completed: bool,
    cached: bool,
    error: String,
    stream_ended: bool,
}

impl View {
    /// Takes what the stream said last.
    pub(super) fn apply(&mut self, vertex: &Vertex) {
        self.started = vertex.started.or(vertex.completed);
        self.completed = vertex.completed.is_some();
        self.cached = vertex.cached;
        // A vertex that starts anew still carries the error of its last run.
        let error = if self.completed { sanitize::text(&vertex.error) } else { String::new() };
        self.error = sanitize::cut(error, LONGEST_ERROR);
        if let Some(started) = self.started {
            let end = self.runs.entry(started).or_default();
            *end = vertex.completed.or(*end);
        }
        if self.runs.len() > MOST_RUNS {
            self.runs.pop_first();
        }
    }

    /// Takes that the stream has ended: nothing more will be said.
    pub(super) fn end(&mut self) {
        self.stream_ended = true;
    }

    /// When the last run started, on the daemon's clock.
    pub(super) fn started(&self) -> Option<Timestamp> {
        self.started
    }

    /// How far the vertex is in this stream.
    pub(super) fn phase(&self) -> Phase {
        if self.completed && self.error.ends_with(CANCELLED) {
            Phase::Cancelled
        } else if !self.error.is_empty() {
            Phase::Failed(self.error.clone())
        } else if self.cached {
            Phase::Cached
        } else if self.completed {
            Phase::Done
        } else if self.started.is_some() {
            if self.stream_ended { Phase::Cancelled } else { Phase::Running }
        } else {
            Phase::Waiting
        }
    }

    /// The runs that have ended, from start to end.
    pub(super) fn ended_runs(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        self.runs.iter().filter_map(|(start, end)| Some((*start, (*end)?)))
    }
}

/// How far a vertex is, by all streams that show it.
///
/// An error counts for its own product only: while another product has the vertex run, or had it end well, that is
/// what holds.
pub(super) fn together(views: &[&View]) -> Phase {
    let phases: Vec<(Phase, Option<Timestamp>)> =
        views.iter().map(|view| (view.phase(), view.started())).collect();
    let last = |wanted: fn(&Phase) -> bool| {
        phases
            .iter()
            .filter(|(phase, _)| wanted(phase))
            .map(|(_, started)| *started)
            .max()
    };
    let any = |wanted: fn(&Phase) -> bool| {
        phases.iter().map(|(phase, _)| phase).find(|phase| wanted(phase)).cloned()
    };
    let ended = last(|phase| matches!(phase, Phase::Done | Phase::Cached));
    let running = last(|phase| *phase == Phase::Running);
    if running.is_some() && running > ended {
        return Phase::Running;
    }
    // What one product has run is cached for the next.
    any(|phase| *phase == Phase::Done)
        .or_else(|| any(|phase| *phase == Phase::Cached))
        .or_else(|| any(|phase| matches!(phase, Phase::Failed(_))))
        .or_else(|| any(|phase| *phase == Phase::Cancelled))
        .unwrap_or(Phase::Waiting)
}

/// How long runs took, what overlaps counted once. A run that ends before it starts took no time.
pub(super) fn covered(runs: impl Iterator<Item = (Timestamp, Timestamp)>) -> Duration {
    let mut runs: Vec<_> = runs.collect();
    runs.sort_unstable();
    let mut total = Duration::ZERO;
    let mut counted = Timestamp::MIN;
    for (start, end) in runs {
        total += since(end, start.max(counted));
        counted = counted.max(end);
    }
    total
}

/// The time from `earlier` to `later`, none if it runs backwards.
pub(super) fn since(later: Timestamp, earlier: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::new(second, 0).unwrap()
    }

    /// A vertex from its start, its end and its error.
    fn told(start: i64, end: impl Into<Option<i64>>, error: &str) -> Vertex {
        Vertex {
            started: Some(at(start)),
            completed: end.into().map(at),
            error: error.to_owned(),
            ..Vertex::default()
        }
    }

    fn view(told: &[Vertex]) -> View {
        let mut view = View::default();
        for vertex in told {
            view.apply(vertex);
        }
        view
    }

    fn cached(at: i64) -> Vertex {
        Vertex { cached: true, ..told(at, at, "") }
    }

    #[test]
    fn phases_of_one_stream() {
        let failed = Phase::Failed("exit code: 1".to_owned());
        assert_eq!(view(&[Vertex::default()]).phase(), Phase::Waiting);
        assert_eq!(view(&[told(1, None, "")]).phase(), Phase::Running);
        assert_eq!(view(&[told(1, 2, "")]).phase(), Phase::Done);
        assert_eq!(view(&[cached(1)]).phase(), Phase::Cached);
        assert_eq!(view(&[told(1, 2, "exit code: 1")]).phase(), failed);
        assert_eq!(
            view(&[told(1, 2, "exit code: 1"), told(3, None, "exit code: 1")]).phase(),
            Phase::Running
        );
        assert_eq!(view(&[told(1, 2, "solve: context canceled")]).phase(), Phase::Cancelled);
        let mut left = view(&[told(1, None, "")]);
        left.end();
        assert_eq!(left.phase(), Phase::Cancelled);
    }

    #[test]
    fn runs_add_up() {
        let check = |told: &[Vertex], seconds| {
            assert_eq!(covered(view(told).ended_runs()), Duration::from_secs(seconds));
        };
        check(&[told(1, None, "")], 0);
        check(&[told(1, None, ""), told(1, 4, "")], 3);
        check(&[told(1, 2, ""), told(10, 12, "")], 3);
        check(&[told(1, 5, ""), told(2, 3, ""), told(4, 6, "")], 5);
        check(&[told(5, 1, "")], 0);
        let many: Vec<Vertex> = (0..1000).map(|second| told(second, None, "")).collect();
        assert_eq!(view(&many).runs.len(), MOST_RUNS);
        let whole =
            Vertex { started: Some(Timestamp::MIN), completed: Some(Timestamp::MAX), ..Vertex::default() };
        assert!(covered(view(&[whole]).ended_runs()) > Duration::from_secs(1));
    }

    #[test]
    fn an_error_counts_for_its_own_product_only() {
        let check = |views: [&[Vertex]; 2], expected: Phase| {
            let [one, other] = views.map(view);
            assert_eq!(together(&[&one, &other]), expected);
            assert_eq!(together(&[&other, &one]), expected);
        };
        let cancelled = told(1, 2, "context canceled");
        let failed = told(1, 2, "exit code: 1");
        check([std::slice::from_ref(&cancelled), &[told(1, None, "")]], Phase::Running);
        check([std::slice::from_ref(&cancelled), &[told(1, 9, "")]], Phase::Done);
        check([&[cancelled], std::slice::from_ref(&failed)], Phase::Failed("exit code: 1".to_owned()));
        check([&[failed], &[Vertex::default()]], Phase::Failed("exit code: 1".to_owned()));
        check([&[told(1, 5, "")], &[told(1, None, "")]], Phase::Done);
        check([&[told(1, 5, "")], &[told(6, None, "")]], Phase::Running);
        check([&[told(1, 5, "")], &[cached(6)]], Phase::Done);
    }
}
