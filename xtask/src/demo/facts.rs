//! What the events of a build prove: which steps ran and how often, and what was sent of the context.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_client::StatusUpdate;
use jiff::Timestamp;
use stagewright::Event;

/// How the names of steps that run a command go on after their stage.
const RUN: &str = "] RUN ";

/// Everything that a build told, of all its targets together.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// By digest.
    steps: BTreeMap<String, Step>,
    /// The targets that asked for a step, by its digest.
    asked: BTreeMap<String, BTreeSet<String>>,
    /// What was sent of the context, in order.
    transfers: Vec<Transfer>,
    /// What steps wrote, by digest and by the target whose stream told it: each tells all of it.
    logs: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
}

/// A step as the status streams tell of it.
#[derive(Debug, Default)]
struct Step {
    name: String,
    /// Each start, by the daemon's clock.
    starts: BTreeMap<Timestamp, Start>,
    failed: bool,
}

#[derive(Debug, Default)]
struct Start {
    cached: bool,
    ended: bool,
}

/// Files of the context that went to the daemon at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transfer {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// Something that is worth a line while the build runs.
#[derive(Debug, PartialEq)]
pub(super) enum News {
    Starts(String),
    Ended { name: String, seconds: f64, failed: bool },
}

/// A step that several targets asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shared<'a> {
    pub(super) name: &'a str,
    pub(super) targets: usize,
    pub(super) runs: usize,
}

impl Facts {
    /// Takes in an event; gives what is new about steps that run commands.
    pub(super) fn take(&mut self, event: &Event) -> Vec<News> {
        match event {
            Event::Lowered { target, vertices } => {
                for vertex in vertices {
                    self.asked.entry(vertex.digest.clone()).or_default().insert(target.clone());
                }
                Vec::new()
            }
            Event::ContextSent { files, bytes, .. } => {
                self.transfers.push(Transfer { files: *files, bytes: *bytes });
                Vec::new()
            }
            Event::Status { target, update } => self.update(target, update),
            _ => Vec::new(),
        }
    }

    /// The commands that ran, rather than being cached.
    pub(crate) fn ran(&self) -> Vec<&str> {
        let ran = self.steps.values().filter(|step| step.name.contains(RUN) && step.runs() > 0);
        let mut names: Vec<&str> = ran.map(|step| step.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// The commands and copies that several targets asked for, by name.
    pub(super) fn shared(&self) -> Vec<Shared<'_>> {
        let steps = self.asked.iter().filter(|(_, targets)| targets.len() > 1);
        let mut shared: Vec<Shared<'_>> = steps
            .filter_map(|(digest, targets)| {
                let step = self.steps.get(digest)?;
                let counts = step.name.contains(RUN) || step.name.contains("] COPY ");
                counts.then(|| Shared { name: &step.name, targets: targets.len(), runs: step.runs() })
            })
            .collect();
        shared.sort_unstable_by_key(|step| step.name);
        shared
    }

    /// What was sent of the context. The first transfer is its `.dockerignore`, which is read before anything else.
    pub(super) fn transfers(&self) -> &[Transfer] {
        &self.transfers
    }

    /// What the steps that failed wrote.
    pub(super) fn failed_logs(&self) -> Vec<(&str, String)> {
        let failed = self.steps.iter().filter(|(_, step)| step.failed);
        failed
            .filter_map(|(digest, step)| {
                let (_, log) = self.logs.get(digest)?.first_key_value()?;
                Some((step.name.as_str(), String::from_utf8_lossy(log).into_owned()))
            })
            .collect()
    }

    fn update(&mut self, target: &str, update: &StatusUpdate) -> Vec<News> {
        let mut news = Vec::new();
        for log in &update.logs {
            let logs = self.logs.entry(log.vertex.clone()).or_default();
            logs.entry(target.to_owned()).or_default().extend_from_slice(&log.data);
        }
        for vertex in &update.vertexes {
            let Some(started) = vertex.started else { continue };
            let step = self.steps.entry(vertex.digest.clone()).or_default();
            step.name.clone_from(&vertex.name);
            step.failed |= !vertex.error.is_empty();
            let mut is_new = false;
            let start = step.starts.entry(started).or_insert_with(|| {
                is_new = true;
                Start::default()
            });
            start.cached = vertex.cached;
            if start.cached || !step.name.contains(RUN) {
                continue;
            }
            if is_new {
                news.push(News::Starts(step.name.clone()));
            }
            if let Some(completed) = vertex.completed
                && !start.ended
            {
                start.ended = true;
                let seconds = completed.duration_since(started).as_secs_f64();
                let failed = !vertex.error.is_empty();
                news.push(News::Ended { name: step.name.clone(), seconds, failed });
            }
        }
        news
    }
}

impl Step {
    fn runs(&self) -> usize {
        self.starts.values().filter(|start| !start.cached).count()
    }
}

#[cfg(test)]
mod tests {
    use buildkit_client::status::Vertex;
    use stagewright::builder;

    use super::*;

    fn lowered(target: &str, digests: &[&str]) -> Event {
        let vertex = |digest: &&str| builder::Vertex { digest: (*digest).to_owned(), name: String::new() };
        Event::Lowered { target: target.to_owned(), vertices: digests.iter().map(vertex).collect() }
    }

    fn status(digest: &str, name: &str, times: (i64, Option<i64>), cached: bool) -> Event {
        let time = |seconds| Timestamp::new(seconds, 0).unwrap();
        let vertex = Vertex {
            digest: digest.to_owned(),
            name: name.to_owned(),
            started: Some(time(times.0)),
            completed: times.1.map(time),
            cached,
            ..Vertex::default()
        };
        let update = StatusUpdate { vertexes: vec![vertex], ..StatusUpdate::default() };
        Event::Status { target: "api".to_owned(), update }
    }

    #[test]
    fn a_step_that_two_streams_tell_of_ran_once() {
        let mut facts = Facts::default();
        facts.take(&lowered("api", &["a", "b"]));
        facts.take(&lowered("web", &["a"]));
        let start = status("a", "[deps 2/2] RUN npm ci", (5, None), false);
        assert_eq!(facts.take(&start), [News::Starts("[deps 2/2] RUN npm ci".to_owned())]);
        assert_eq!(facts.take(&start), []);
        let end = status("a", "[deps 2/2] RUN npm ci", (5, Some(8)), false);
        assert_eq!(
            facts.take(&end),
            [News::Ended { name: "[deps 2/2] RUN npm ci".to_owned(), seconds: 3.0, failed: false }]
        );
        assert_eq!(facts.take(&end), []);
        facts.take(&status("b", "[api 1/1] RUN x", (9, Some(9)), true));
        assert_eq!(facts.shared(), [Shared { name: "[deps 2/2] RUN npm ci", targets: 2, runs: 1 }]);
        assert_eq!(facts.ran(), ["[deps 2/2] RUN npm ci"]);
    }

    #[test]
    fn a_second_start_is_a_second_run_unless_it_was_cached() {
        let mut facts = Facts::default();
        facts.take(&lowered("api", &["a"]));
        facts.take(&lowered("web", &["a"]));
        facts.take(&status("a", "[s 1/1] RUN x", (1, Some(2)), false));
        facts.take(&status("a", "[s 1/1] RUN x", (3, Some(3)), true));
        assert_eq!(facts.shared()[0].runs, 1);
        facts.take(&status("a", "[s 1/1] RUN x", (4, Some(5)), false));
        assert_eq!(facts.shared()[0].runs, 2);
    }
}
