//! Copies: one file op with an action for each path, as docker/dockerfile's COPY.

use buildkit_llb::{CopyAction, CopyMode, FileInput, FileOp, Output, Owner, path};

use super::stage::{State, bits};
use crate::plan::Copy;

/// The op of a copy from this filesystem (`None` is an empty one) onto the stage's.
pub(super) fn op(copy: &Copy, from: Option<Output>, state: &State) -> FileOp {
    let dest = path::resolve_destination(state.cwd(), &copy.to);
    let mut op = FileOp::default();
    let mut input = FileInput::from(state.root);
    for source in &copy.paths {
        let action = CopyAction {
            owner: copy.owner.as_deref().map(Owner::parse),
            mode: copy.mode.map(|mode| CopyMode::Bits(bits(mode))),
            follow_symlinks: true,
            dir_contents: true,
            create_dest_path: true,
            allow_wildcard: true,
            allow_empty_wildcard: true,
            include: copy.include.clone(),
            exclude: copy.exclude.clone(),
            ..CopyAction::new(FileInput::from(from), path::resolve("/", source), dest.clone())
        };
        input = op.push(input, action);
    }
    op
}
