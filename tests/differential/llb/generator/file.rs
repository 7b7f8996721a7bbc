//! File ops: chains of actions that copy from each other.

use super::{Generator, Nodes};
use crate::llb::description::*;

/// User names are looked up in what a chain starts from, so they need more than scratch.
///
/// A user or group with an empty name is left out: versions of the Go client differ about it.
const NAMES: [&str; 5] = ["bob", "bob:staff", "root:wheel", "1000:x y", "2147483648"];
const NUMBERS: [&str; 7] = ["root", "root:root", "0", "1000:100", "+5:007", "-1:2147483647", "-2147483648"];

impl Generator {
    pub(crate) fn file(&mut self, graph: &Nodes) -> File {
        let mut chains: Vec<Chain> = Vec::new();
        for _ in 0..self.between(0, 5) / 2 {
            chains.push(self.chain(graph, chains.len()));
        }
        let chain = self.chain(graph, chains.len());
        File { chains, chain }
    }

    /// Actions of which one copies from the last of so many chains, so that all are used.
    fn chain(&mut self, graph: &Nodes, chains: usize) -> Chain {
        let base = self.input(graph);
        let has_files = graph.has_files(&base);
        let count = self.between(1, 5);
        let mut actions: Vec<Action> = (0..count).map(|_| self.action(graph, chains, has_files)).collect();
        if let Some(last) = chains.checked_sub(1) {
            let copy = Copy { from: CopySource::Chain(last), ..self.copy(graph, chains, has_files) };
            actions.insert(self.between(0, count), Action::Copy(Box::new(copy)));
        }
        Chain { base, dir: self.sometimes(2, Self::path).unwrap_or_default(), actions }
    }

    fn action(&mut self, graph: &Nodes, chains: usize, has_files: bool) -> Action {
        match self.between(0, 7) {
            0..4 => Action::Copy(Box::new(self.copy(graph, chains, has_files))),
            4 => Action::Mkdir(Mkdir {
                path: self.path(),
                mode: self.mode(),
                parents: self.one_in(2),
                owner: self.owner(has_files),
                created: self.created(),
            }),
            5 => Action::Mkfile(Mkfile {
                path: self.named_path(),
                mode: self.mode(),
                data: self.sometimes(2, |own| own.hex(64)).unwrap_or_default(),
                owner: self.owner(has_files),
                created: self.created(),
            }),
            6 => Action::Rm(Rm { path: self.path(), not_found: self.one_in(2), wildcard: self.one_in(2) }),
            _ => Action::Symlink(Symlink {
                target: self.path(),
                path: self.named_path(),
                owner: self.owner(has_files),
                created: self.created(),
            }),
        }
    }

    fn copy(&mut self, graph: &Nodes, chains: usize, has_files: bool) -> Copy {
        let from = if chains > 0 && self.one_in(2) {
            CopySource::Chain(self.between(0, chains - 1))
        } else {
            let dir = self.sometimes(3, Self::path).unwrap_or_default();
            CopySource::State(CopyState { input: self.input(graph), dir })
        };
        Copy {
            from,
            src: self.path(),
            dest: self.path(),
            owner: self.owner(has_files),
            mode: self.sometimes(3, |own| {
                if own.one_in(2) {
                    CopyMode::Bits(own.mode())
                } else {
                    CopyMode::Symbolic("u+x,go-w".to_owned())
                }
            }),
            follow_symlinks: self.one_in(4),
            dir_contents: self.one_in(4),
            unpack: self.one_in(4),
            create_dest_path: self.one_in(4),
            wildcard: self.one_in(4),
            empty_wildcard: self.one_in(4),
            created: self.created(),
            include: self.sometimes(5, Self::texts).unwrap_or_default(),
            exclude: self.sometimes(5, Self::texts).unwrap_or_default(),
            replace_existing: self.one_in(4),
            required_paths: self.sometimes(5, Self::texts).unwrap_or_default(),
        }
    }

    fn owner(&mut self, has_files: bool) -> Option<Owner> {
        self.sometimes(3, |own| match own.between(0, 2) {
            0 => Owner::Ids((own.id(), own.id())),
            1 if has_files => Owner::Text(own.pick(&NAMES).to_string()),
            _ => Owner::Text(own.pick(&NUMBERS).to_string()),
        })
    }

    /// Nanoseconds since 1970.
    fn created(&mut self) -> Option<i64> {
        self.sometimes(3, |own| *own.pick(&[0, 1, -1, -5_000_000_000, 1_700_000_000_123_456_789]))
    }
}
