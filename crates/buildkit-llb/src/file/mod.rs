//! Changes to files: copies, directories, small files, links, removals, several in one op.
//!
//! Order and defaults of the wire form as in BuildKit v0.34 client/llb/fileop.go.

mod action;
mod owner;

use buildkit_proto::pb;

pub use action::{Action, CopyAction, CopyMode, MkdirAction, MkfileAction, RmAction, SymlinkAction};
pub use owner::{Owner, UserId};

use crate::op::{Body, Inputs, OpId, wire_index};
use crate::{OpError, Output, caps};

/// Actions, each on what an input or an earlier action gives. The last one's result is the op's only output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOp {
    /// Every action but the last is used by a later one.
    pub actions: Vec<FileAction>,
}

/// One action, and what it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileAction {
    /// What is changed. The owner names of a chain of actions are those of what the chain starts from.
    pub input: FileInput,
    /// How.
    pub action: Action,
}

/// What an action changes or copies from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileInput {
    /// An empty filesystem.
    Scratch,
    /// What another op gives.
    Output(Output),
    /// What an earlier action of this op gives, by its position.
    Action(usize),
}

impl FileOp {
    /// These actions one after the other, on this filesystem (`None` for an empty one).
    #[must_use]
    pub fn chain<A: Into<Action>>(base: Option<Output>, actions: impl IntoIterator<Item = A>) -> Self {
        let mut op = Self::default();
        let mut input = FileInput::from(base);
        for action in actions {
            input = op.push(input, action);
        }
        op
    }

    /// Adds an action on this input, and gives its result for later actions to use.
    pub fn push(&mut self, input: impl Into<FileInput>, action: impl Into<Action>) -> FileInput {
        self.actions.push(FileAction { input: input.into(), action: action.into() });
        FileInput::Action(self.actions.len() - 1)
    }

    pub(crate) fn body(&self) -> Result<Body, OpError> {
        let bases = self.bases()?;
        let walk = Walk::new(&self.actions, &bases);
        if let Some(action) = (0..self.actions.len()).find(|&action| walk.position[action].is_none()) {
            return Err(OpError::UnusedAction {
                path: self.actions[action].action.path().to_owned(),
                action,
            });
        }
        let mut actions = Vec::new();
        for (position, &action) in walk.order.iter().enumerate() {
            let last = position + 1 == walk.order.len();
            actions.push(self.actions[action].to_pb(action, bases[action], &walk, last)?);
        }
        Ok(Body {
            visits: Some(self.visits(&bases)),
            inputs: walk.inputs.into_list(),
            platform: None,
            op: pb::op::Op::File(pb::FileOp { actions }),
            outputs: 1,
            caps: vec![caps::FILE_BASE],
        })
    }

    /// What the chain of each action starts from. Checks on the way that actions use earlier ones only.
    fn bases(&self) -> Result<Vec<Option<Output>>, OpError> {
        if self.actions.is_empty() {
            return Err(OpError::FileWithoutActions);
        }
        let mut bases = Vec::new();
        for (index, action) in self.actions.iter().enumerate() {
            action.action.validate(index)?;
            for input in [Some(action.input), action.action.source()] {
                if let Some(FileInput::Action(earlier)) = input
                    && earlier >= index
                {
                    let path = action.action.path().to_owned();
                    return Err(OpError::ActionOrder { path, action: index, input: earlier });
                }
            }
            bases.push(match action.input {
                FileInput::Scratch => None,
                FileInput::Output(output) => Some(output),
                FileInput::Action(earlier) => bases[earlier],
            });
        }
        Ok(bases)
    }

    /// The op's inputs as a definition lists them: from the last action backwards, of each action the base,
    /// then what it copies from, then the action before it.
    fn visits(&self, bases: &[Option<Output>]) -> Vec<OpId> {
        let mut visits = Vec::new();
        let mut seen = vec![false; self.actions.len()];
        let mut pending = vec![self.actions.len() - 1];
        while let Some(index) = pending.pop() {
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            let action = &self.actions[index];
            visits.extend(bases[index].map(|output| output.op));
            if let FileInput::Action(earlier) = action.input {
                pending.push(earlier);
            }
            match action.action.source() {
                Some(FileInput::Output(output)) => visits.push(output.op),
                Some(FileInput::Action(earlier)) => pending.push(earlier),
                Some(FileInput::Scratch) | None => {}
            }
        }
        visits
    }
}

impl From<Option<Output>> for FileInput {
    fn from(output: Option<Output>) -> Self {
        output.map_or(Self::Scratch, Self::Output)
    }
}

impl From<Output> for FileInput {
    fn from(output: Output) -> Self {
        Self::Output(output)
    }
}

/// The order in which the Go client writes actions and registers inputs.
///
/// It comes to an action after the one before it; then it registers the chain's base, then what is copied
/// from, which may be an action of this op, and writes the action last.
struct Walk {
    /// Actions as they are written.
    order: Vec<usize>,
    /// Where in that order each action is.
    position: Vec<Option<usize>>,
    inputs: Inputs,
}

impl Walk {
    fn new(actions: &[FileAction], bases: &[Option<Output>]) -> Self {
        enum Visit {
            Enter(usize),
            Register(usize),
            Write(usize),
        }
        let mut walk =
            Self { order: Vec::new(), position: vec![None; actions.len()], inputs: Inputs::default() };
        let mut pending = vec![Visit::Enter(actions.len() - 1)];
        while let Some(visit) = pending.pop() {
            match visit {
                Visit::Enter(index) if walk.position[index].is_some() => {}
                Visit::Enter(index) => {
                    pending.push(Visit::Register(index));
                    if let FileInput::Action(earlier) = actions[index].input {
                        pending.push(Visit::Enter(earlier));
                    }
                }
                Visit::Register(index) => {
                    if let Some(base) = bases[index] {
                        walk.inputs.index_of(base);
                    }
                    pending.push(Visit::Write(index));
                    match actions[index].action.source() {
                        Some(FileInput::Output(output)) => {
                            walk.inputs.index_of(output);
                        }
                        Some(FileInput::Action(earlier)) => pending.push(Visit::Enter(earlier)),
                        Some(FileInput::Scratch) | None => {}
                    }
                }
                Visit::Write(index) => {
                    walk.position[index] = Some(walk.order.len());
                    walk.order.push(index);
                }
            }
        }
        walk
    }

    /// The index on the wire: inputs first, then actions.
    fn index(&self, input: FileInput) -> i64 {
        wire_index(match input {
            FileInput::Scratch => None,
            FileInput::Output(output) => self.inputs.position(output),
            FileInput::Action(action) => self.position[action].map(|position| self.inputs.len() + position),
        })
    }
}

impl FileAction {
    fn to_pb(
        &self,
        index: usize,
        base: Option<Output>,
        walk: &Walk,
        last: bool,
    ) -> Result<pb::FileAction, OpError> {
        if base.is_none()
            && let Some(name) = self.action.owner().and_then(Owner::name)
        {
            let path = self.action.path().to_owned();
            return Err(OpError::OwnerOnScratch { path, action: index, name: name.to_owned() });
        }
        Ok(pb::FileAction {
            input: walk.index(self.input),
            secondary_input: walk.index(self.action.source().unwrap_or(FileInput::Scratch)),
            output: if last { 0 } else { -1 },
            action: Some(self.action.to_pb(walk.index(FileInput::from(base)))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Output = Output { op: OpId(0), index: 0 };
    const OTHER: Output = Output { op: OpId(1), index: 0 };

    fn refused(op: &FileOp) -> OpError {
        op.body().err().expect("an error")
    }

    #[test]
    fn actions_use_earlier_ones_only() {
        assert_eq!(refused(&FileOp::default()), OpError::FileWithoutActions);

        let mut op = FileOp::default();
        op.push(FileInput::Action(0), RmAction::new("/a"));
        assert_eq!(refused(&op), OpError::ActionOrder { path: "/a".to_owned(), action: 0, input: 0 });

        let mut op = FileOp::default();
        op.push(BASE, CopyAction::new(FileInput::Action(3), "/a", "/b"));
        assert_eq!(refused(&op), OpError::ActionOrder { path: "/b".to_owned(), action: 0, input: 3 });
    }

    #[test]
    fn an_action_without_effect_is_refused() {
        let mut op = FileOp::default();
        op.push(BASE, RmAction::new("/a"));
        op.push(BASE, RmAction::new("/b"));
        assert_eq!(refused(&op), OpError::UnusedAction { path: "/a".to_owned(), action: 0 });
    }

    #[test]
    fn names_of_owners_need_a_base() {
        let owner = Some(Owner::parse("1:staff"));
        let copy = CopyAction { owner, ..CopyAction::new(OTHER, "/a", "/b") };
        let error = OpError::OwnerOnScratch { path: "/b".to_owned(), action: 1, name: "staff".to_owned() };
        let chain = |base| FileOp::chain(base, [Action::from(RmAction::new("/a")), copy.clone().into()]);
        assert_eq!(refused(&chain(None)), error);
        assert!(chain(Some(BASE)).body().is_ok());
    }

    #[test]
    fn an_action_can_be_used_twice() {
        let mut op = FileOp::default();
        let made = op.push(FileInput::Scratch, MkfileAction::new("/a", 0o644, "a"));
        let once = op.push(BASE, CopyAction::new(made, "/a", "/b"));
        op.push(once, CopyAction::new(made, "/a", "/c"));
        let body = op.body().unwrap();
        assert_eq!(body.inputs, [BASE]);
        let pb::op::Op::File(file) = body.op else { panic!("a file op") };
        let edges: Vec<_> = file.actions.iter().map(|a| (a.input, a.secondary_input, a.output)).collect();
        assert_eq!(edges, [(-1, -1, -1), (0, 1, -1), (2, 1, 0)]);
    }
}
