//! Reports: what a tester leaves for people, without the rest of its filesystem.

use buildkit_llb::{CopyAction, FileInput, FileOp, Metadata, Output, path};

use super::copy::pattern_of;
use super::stage::State;
use super::{LowerError, LoweredTester, Lowering, names};
use crate::plan::Stage;

impl<'a> Lowering<'a> {
    /// The reports of a tester, whatever its verdict: those that are there.
    pub(super) fn left_reports(&mut self, stage: &'a Stage, state: &State) -> Result<Output, LowerError> {
        match &state.left {
            Some(left) => self.reports(stage, state, *left, true),
            None => self.reports(stage, state, state.root, false),
        }
    }

    /// A filesystem with a tester's reports, each at its own place, and nothing else.
    pub(super) fn reports(
        &mut self,
        stage: &'a Stage,
        state: &State,
        root: Option<Output>,
        optional: bool,
    ) -> Result<Output, LowerError> {
        let mut op = FileOp::default();
        let mut input = FileInput::from(None);
        for place in places(stage, state) {
            let source = if optional { pattern_of(&place) } else { place.clone() };
            let copy = CopyAction {
                follow_symlinks: true,
                dir_contents: true,
                create_dest_path: true,
                allow_wildcard: optional,
                allow_empty_wildcard: optional,
                ..CopyAction::new(FileInput::from(root), source, place)
            };
            input = op.push(input, copy);
        }
        let at = stage.reports.first().map_or(&stage.at, |report| &report.at);
        Ok(self.add(op, Metadata::named(names::reports(&stage.name)), at)?.root())
    }

    /// Where a tester's reports are, whatever becomes of it.
    pub(super) fn tester(&self, stage: &'a Stage, state: &State, target: &str) -> LoweredTester {
        LoweredTester {
            name: stage.name.clone(),
            target: target.to_owned(),
            output: state.left.unwrap_or(state.root),
            commands: self.commands.get(stage.name.as_str()).cloned().unwrap_or_default(),
            reports: places(stage, state).collect(),
        }
    }
}

/// The paths of a tester's reports: the working directory is the one at its end.
fn places(stage: &Stage, state: &State) -> impl Iterator<Item = String> {
    stage.reports.iter().map(|report| path::resolve(state.cwd(), &report.path))
}
