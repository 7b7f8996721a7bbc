//! Copies: one file op with an action for each path, as docker/dockerfile's COPY and ADD.
//!
//! Flags as in BuildKit v0.34 `frontend/dockerfile/dockerfile2llb/convert_copy.go`.

use buildkit_llb::{CopyAction, CopyMode, FileInput, FileOp, MergeOp, Metadata, Output, Owner, caps, path};

use super::stage::{State, bits};
use super::{LowerError, Lowering, names};
use crate::plan::{Copy, Origin, Step};

impl<'a> Lowering<'a> {
    /// A copy from this filesystem (`None` is an empty one) onto the stage's, or beside it and then laid over it.
    ///
    /// A daemon without `mergeop` copies onto the stage's: the files are the same.
    pub(super) fn copy(
        &mut self,
        copy: &Copy,
        from: Option<Output>,
        name: &str,
        metadata: Metadata,
        step: &'a Step,
        state: &State,
    ) -> Result<Output, LowerError> {
        let linked = copy.link && self.world.abilities.has(caps::MERGE_OP);
        let onto = if linked { None } else { state.root };
        let copied = self.add(op(copy, from, onto, state), metadata, &step.at)?.root();
        match state.root {
            Some(below) if linked => Ok(self
                .add(MergeOp::new([below, copied]), Metadata::named(names::link(name)), &step.at)?
                .root()),
            _ => Ok(copied),
        }
    }
}

fn op(copy: &Copy, from: Option<Output>, onto: Option<Output>, state: &State) -> FileOp {
    let dest = path::resolve_destination(state.cwd(), &copy.to);
    let mut op = FileOp::default();
    let mut input = FileInput::from(onto);
    for source in &copy.paths {
        let action = CopyAction {
            owner: copy.owner.as_deref().map(Owner::parse),
            mode: copy.mode.map(|mode| CopyMode::Bits(bits(mode))),
            create_dest_path: true,
            unpack: copy.unpack,
            exclude: copy.exclude.clone(),
            ..action(copy, source, FileInput::from(from), &dest)
        };
        input = op.push(input, action);
    }
    op
}

/// What is copied, and how it is looked for.
fn action(copy: &Copy, source: &str, from: FileInput, dest: &str) -> CopyAction {
    // The one file of a server, and all of a repository, as ADD copies them.
    let whole = |source: &str| path::resolve("/", source) == "/";
    match &copy.from {
        Origin::Http(_) => return CopyAction::new(from, source, dest),
        Origin::Git(_) if whole(source) && copy.include.is_empty() => {
            return CopyAction::new(from, "/", dest);
        }
        _ => {}
    }
    let found = |source: String| CopyAction {
        follow_symlinks: true,
        dir_contents: true,
        allow_wildcard: true,
        allow_empty_wildcard: true,
        include: copy.include.clone(),
        ..CopyAction::new(from, source, dest)
    };
    if !copy.parents {
        let source = path::resolve("/", source);
        return found(if copy.optional { pattern_of(&source) } else { source });
    }
    let (pivot, below) = source.split_once("/./").unwrap_or(("/", source));
    let (pivot, below) = (path::resolve("/", pivot), path::resolve("/", below));
    let required = match copy.optional || has_wildcard(&pivot) || has_wildcard(&below) {
        true => Vec::new(),
        false => vec![path::resolve(&pivot, below.trim_start_matches('/'))],
    };
    CopyAction {
        include: vec![below.trim_start_matches('/').to_owned()],
        required_paths: required,
        ..found(pivot)
    }
}

/// A pattern that matches this path alone: what a pattern does not find is no error.
pub(super) fn pattern_of(path: &str) -> String {
    let last = path.chars().next_back();
    match last {
        Some(last) if last != '/' && !has_wildcard(path) => {
            format!("{}[\\{last}]", &path[..path.len() - last.len_utf8()])
        }
        _ => path.to_owned(),
    }
}

fn has_wildcard(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_optional_path_is_a_pattern_of_itself() {
        let check = |path: &str, pattern: &str| assert_eq!(pattern_of(path), pattern);
        check("/bun.lock", "/bun.loc[\\k]");
        check("/a/]", "/a/[\\]]");
        check("/caf\u{e9}", "/caf[\\\u{e9}]");
        check("/bun.lock*", "/bun.lock*");
        check("/", "/");
    }
}
