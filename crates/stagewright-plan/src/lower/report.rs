//! Reports: what a tester leaves for people, without the rest of its filesystem.

use buildkit_llb::{CopyAction, FileInput, FileOp, Metadata, Output, path};

use super::stage::State;
use super::{LowerError, LoweredTester, Lowering, names};
use crate::plan::Stage;

impl<'a> Lowering<'a> {
    /// A filesystem with a tester's reports, each at its own place, and nothing else.
    pub(super) fn reports(&mut self, stage: &'a Stage, state: &State) -> Result<Output, LowerError> {
        let mut op = FileOp::default();
        let mut input = FileInput::from(None);
        for place in places(stage, state) {
            let copy = CopyAction {
                follow_symlinks: true,
                dir_contents: true,
                create_dest_path: true,
                ..CopyAction::new(FileInput::from(state.root), place.clone(), place)
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
            output: state.root,
            commands: self.commands.get(stage.name.as_str()).cloned().unwrap_or_default(),
            reports: places(stage, state).collect(),
        }
    }
}

/// The paths of a tester's reports: the working directory is the one at its end.
fn places(stage: &Stage, state: &State) -> impl Iterator<Item = String> {
    stage.reports.iter().map(|report| path::resolve(state.cwd(), &report.path))
}
