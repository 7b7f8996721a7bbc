//! Where the steps of a stage put files, as far as a Plan tells.

use std::collections::BTreeMap;

use buildkit_llb::path;

use crate::plan::{Action, Origin, Plan, Stage};

/// What can be in a filesystem that began empty and in which no command ran.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Paths that are there, with the directories above them.
    exact: Vec<String>,
    /// Paths below which anything may be.
    trees: Vec<String>,
}

/// What can be in a stage; none where a command, or an image, may have put anything anywhere.
pub(super) fn made(plan: &Plan, index: &BTreeMap<&str, usize>, stage: &str) -> Option<Made> {
    let mut chain: Vec<&Stage> = Vec::new();
    let mut name = stage;
    loop {
        let stage = &plan.stages[*index.get(name)?];
        // Stages may start from each other in a ring, which is another mistake.
        if chain.iter().any(|known| known.name == stage.name) {
            return None;
        }
        chain.push(stage);
        match &stage.from {
            Origin::Scratch => break,
            Origin::Stage(from) => name = from,
            _ => return None,
        }
    }
    let mut made = Made::default();
    let mut cwd = "/".to_owned();
    for step in chain.iter().rev().flat_map(|stage| &stage.steps) {
        match &step.action {
            Action::Run(_) => return None,
            Action::Copy(copy) => made.trees.push(path::resolve(&cwd, &copy.to)),
            Action::Symlink { path, .. } => made.trees.push(path::resolve(&cwd, path)),
            Action::Mkdir { path, .. } | Action::File { path, .. } => {
                made.exact.push(path::resolve(&cwd, path));
            }
            Action::Workdir { path } => {
                cwd = path::resolve(&cwd, path);
                made.exact.push(cwd.clone());
            }
            Action::AddUser(user) => {
                made.exact.extend(["/etc/passwd", "/etc/group"].map(str::to_owned));
                made.exact.extend(user.home.clone());
            }
            Action::Env { .. } | Action::User { .. } | Action::Remove { .. } => {}
        }
    }
    Some(made)
}

impl Made {
    /// Whether something can be at a path.
    pub(super) fn can_have(&self, wanted: &str) -> bool {
        let wanted = path::clean(wanted);
        let is_above = |upper: &str, lower: &str| {
            upper == "/"
                || lower == upper
                || lower.strip_prefix(upper).is_some_and(|rest| rest.starts_with('/'))
        };
        wanted == "/"
            || self.exact.iter().any(|path| is_above(&wanted, path))
            || self.trees.iter().any(|path| is_above(&wanted, path) || is_above(path, &wanted))
    }

    /// The paths that steps name.
    pub(super) fn named(&self) -> impl Iterator<Item = &str> {
        self.exact.iter().chain(&self.trees).map(String::as_str)
    }
}
