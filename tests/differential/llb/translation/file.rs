//! File ops.

use std::collections::BTreeMap;

use buildkit_llb as llb;

use super::Translation;
use super::exec::directory;
use crate::llb::description::*;

impl File {
    pub(super) fn to_llb(&self, translation: &Translation<'_>) -> llb::FileOp {
        let mut walk = Walk { file: self, translation, op: llb::FileOp::default(), chains: BTreeMap::new() };
        walk.add(&self.chain);
        walk.op
    }
}

/// Adds the chains that are used, each once.
struct Walk<'a> {
    file: &'a File,
    translation: &'a Translation<'a>,
    op: llb::FileOp,
    chains: BTreeMap<usize, llb::FileInput>,
}

impl Walk<'_> {
    fn add(&mut self, chain: &Chain) -> llb::FileInput {
        let cwd = directory([chain.dir.as_str()]);
        let mut input = llb::FileInput::from(self.translation.output(&chain.base));
        for action in &chain.actions {
            let action = self.action(&cwd, action);
            input = self.op.push(input, action);
        }
        input
    }

    fn action(&mut self, cwd: &str, action: &Action) -> llb::Action {
        let resolve = |path: &str| llb::path::resolve(cwd, path);
        match action {
            Action::Copy(copy) => self.copy(cwd, copy).into(),
            Action::Mkdir(mkdir) => llb::MkdirAction {
                parents: mkdir.parents,
                owner: mkdir.owner.as_ref().map(Owner::to_llb),
                created: mkdir.created,
                ..llb::MkdirAction::new(resolve(&mkdir.path), mkdir.mode)
            }
            .into(),
            Action::Mkfile(mkfile) => llb::MkfileAction {
                owner: mkfile.owner.as_ref().map(Owner::to_llb),
                created: mkfile.created,
                ..llb::MkfileAction::new(
                    resolve(&mkfile.path),
                    mkfile.mode,
                    stagewright_tests::unhex(&mkfile.data),
                )
            }
            .into(),
            Action::Rm(rm) => llb::RmAction {
                allow_not_found: rm.not_found,
                allow_wildcard: rm.wildcard,
                ..llb::RmAction::new(resolve(&rm.path))
            }
            .into(),
            Action::Symlink(symlink) => llb::SymlinkAction {
                owner: symlink.owner.as_ref().map(Owner::to_llb),
                created: symlink.created,
                ..llb::SymlinkAction::new(&symlink.target, &symlink.path)
            }
            .into(),
        }
    }

    fn copy(&mut self, cwd: &str, copy: &Copy) -> llb::CopyAction {
        let (from, from_dir) = match &copy.from {
            CopySource::State(state) => {
                (llb::FileInput::from(self.translation.output(&state.input)), state.dir.as_str())
            }
            CopySource::Chain(index) => (self.chain(*index), self.file.chains[*index].dir.as_str()),
        };
        let src = llb::path::resolve(&directory([from_dir]), &copy.src);
        let dest = llb::path::resolve_destination(cwd, &copy.dest);
        llb::CopyAction {
            owner: copy.owner.as_ref().map(Owner::to_llb),
            mode: copy.mode.as_ref().map(|mode| match mode {
                CopyMode::Bits(bits) => llb::CopyMode::Bits(*bits),
                CopyMode::Symbolic(change) => llb::CopyMode::Symbolic(change.clone()),
            }),
            follow_symlinks: copy.follow_symlinks,
            dir_contents: copy.dir_contents,
            unpack: copy.unpack,
            create_dest_path: copy.create_dest_path,
            allow_wildcard: copy.wildcard,
            allow_empty_wildcard: copy.empty_wildcard,
            created: copy.created,
            include: copy.include.clone(),
            exclude: copy.exclude.clone(),
            replace_existing: copy.replace_existing,
            required_paths: copy.required_paths.clone(),
            ..llb::CopyAction::new(from, src, dest)
        }
    }

    fn chain(&mut self, index: usize) -> llb::FileInput {
        if let Some(&input) = self.chains.get(&index) {
            return input;
        }
        let file = self.file;
        let input = self.add(&file.chains[index]);
        self.chains.insert(index, input);
        input
    }
}

impl Owner {
    fn to_llb(&self) -> llb::Owner {
        match self {
            Self::Text(text) => llb::Owner::parse(text),
            Self::Ids((uid, gid)) => llb::Owner::ids(*uid, *gid),
        }
    }
}
