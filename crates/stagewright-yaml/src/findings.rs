//! What is found to be wrong while a text is read.

use std::cell::RefCell;
use std::collections::BTreeSet;

use stagewright_plan::{Problem, Problems, Site};

use crate::tree::Place;

/// A collector of problems in one file.
#[derive(Debug)]
pub(crate) struct Findings<'a> {
    file: &'a str,
    list: RefCell<Vec<Problem>>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(file: &'a str) -> Self {
        Self { file, list: RefCell::default() }
    }

    pub(crate) fn site(&self, place: Place) -> Site {
        Site { file: self.file.to_owned(), line: place.line, column: place.column }
    }

    pub(crate) fn note(&self, place: Place, problem: Problem) {
        let problem = problem.at(&self.site(place));
        let mut list = self.list.borrow_mut();
        // What stands behind an anchor is read as often as it is used.
        if list.last() != Some(&problem) {
            list.push(problem);
        }
    }

    pub(crate) fn extend(&self, problems: impl IntoIterator<Item = Problem>) {
        self.list.borrow_mut().extend(problems);
    }

    pub(crate) fn len(&self) -> usize {
        self.list.borrow().len()
    }

    /// What was said so far.
    pub(crate) fn messages(&self) -> BTreeSet<String> {
        self.list.borrow().iter().map(|problem| problem.message.clone()).collect()
    }

    pub(crate) fn finish(self) -> Result<(), Problems> {
        Problems::none_of(self.list.into_inner())
    }
}

/// Names in a sentence: `` `a`, `b` ``.
pub(crate) fn quoted<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    names.join(", ")
}
