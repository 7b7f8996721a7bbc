//! What steps print, searched as it comes.

use std::collections::BTreeMap;

use buildkit_client::StatusUpdate;

use super::search::{Search, Wanted};
use super::{Leak, Place};

/// The logs of one target's build.
pub(in crate::builder) struct Logs<'a> {
    wanted: &'a Wanted,
    /// Names of vertices, by digest.
    names: BTreeMap<String, String>,
    /// By vertex and stream: what one prints to the one is not torn by the other.
    searches: BTreeMap<(String, i64), Search<'a>>,
}

impl<'a> Logs<'a> {
    pub(super) fn new(wanted: &'a Wanted) -> Self {
        Self { wanted, names: BTreeMap::new(), searches: BTreeMap::new() }
    }

    /// Takes what the daemon has told.
    pub(in crate::builder) fn take(&mut self, update: &StatusUpdate) {
        for vertex in &update.vertexes {
            if !vertex.name.is_empty() {
                self.names.insert(vertex.digest.clone(), vertex.name.clone());
            }
        }
        for log in &update.logs {
            let key = (log.vertex.clone(), log.stream);
            self.searches.entry(key).or_insert_with(|| self.wanted.search()).push(&log.data);
        }
    }

    /// How many steps have printed something.
    pub(super) fn count(&self) -> usize {
        let mut steps: Vec<&str> = self.searches.keys().map(|(vertex, _)| vertex.as_str()).collect();
        steps.dedup();
        steps.len()
    }

    /// What was found in them.
    pub(super) fn leaks(&self) -> Vec<Leak> {
        let of = |((vertex, _), search): (&(String, i64), &Search<'_>)| {
            let step = self.names.get(vertex).unwrap_or(vertex).clone();
            let leak = move |(secret, form)| Leak { secret, form, place: Place::Log { step: step.clone() } };
            search.found().into_iter().map(leak).collect::<Vec<_>>()
        };
        self.searches.iter().flat_map(of).collect()
    }
}
