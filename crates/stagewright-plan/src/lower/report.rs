//! Reports: what a tester leaves for people, without the rest of its filesystem.

use buildkit_llb::{CopyAction, FileInput, FileOp, Metadata, Output, path};

use super::stage::State;
use super::{LowerError, Lowering, names};
use crate::plan::Stage;

impl<'a> Lowering<'a> {
    /// A filesystem with a tester's reports, each at its own place, and nothing else.
    pub(super) fn reports(&mut self, stage: &'a Stage, state: &State) -> Result<Output, LowerError> {
        let mut op = FileOp::default();
        let mut input = FileInput::from(None);
        for report in &stage.reports {
            let place = path::resolve(state.cwd(), &report.path);
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
}
