//! Changes to files: copies, directories, small files, links, removals, several in one op.
//!
//! Order and defaults of the wire form as in BuildKit v0.34 client/llb/fileop.go.

use buildkit_proto::pb;
use bytes::Bytes;

use crate::op::{Body, OpId, index_of, wire_index};
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

/// One change. Paths are absolute and clean already: see [`path`](crate::path).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Copies files from another filesystem.
    Copy(CopyAction),
    /// Makes a directory.
    Mkdir(MkdirAction),
    /// Writes a file.
    Mkfile(MkfileAction),
    /// Removes files.
    Rm(RmAction),
    /// Makes a symbolic link.
    Symlink(SymlinkAction),
}

/// Copies files from another filesystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyAction {
    /// The filesystem.
    pub from: FileInput,
    /// The path there.
    pub src: String,
    /// The path here; a final slash says that it is a directory.
    pub dest: String,
    /// Whose files they become; `None` keeps their owners.
    pub owner: Option<Owner>,
    /// What permissions they get; `None` keeps theirs.
    pub mode: Option<CopyMode>,
    /// A link as source means what it points to.
    pub follow_symlinks: bool,
    /// A directory as source means what is in it.
    pub dir_contents: bool,
    /// An archive as source is unpacked.
    pub unpack: bool,
    /// Missing parents of the destination are made.
    pub create_dest_path: bool,
    /// The source may be a pattern.
    pub allow_wildcard: bool,
    /// A pattern may match nothing.
    pub allow_empty_wildcard: bool,
    /// Nanoseconds since 1970; `None` keeps their times.
    pub created: Option<i64>,
    /// Copy what matches one of these only.
    pub include: Vec<String>,
    /// Do not copy what matches one of these.
    pub exclude: Vec<String>,
    /// What is at the destination is removed, even if it is of another kind.
    pub replace_existing: bool,
    /// Paths that must be there, whatever the patterns are.
    pub required_paths: Vec<String>,
}

/// What permissions copied files get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyMode {
    /// Permission bits.
    Bits(u16),
    /// A change such as `u+x,go-w`. There is no capability to ask a daemon for whether it knows these.
    Symbolic(String),
}

/// Makes a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MkdirAction {
    /// Where.
    pub path: String,
    /// Permission bits.
    pub mode: u16,
    /// Missing parents are made too, and a directory that is there is no error.
    pub parents: bool,
    /// Whose it is; `None` for root.
    pub owner: Option<Owner>,
    /// Nanoseconds since 1970; `None` for the time of the action.
    pub created: Option<i64>,
}

/// Writes a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MkfileAction {
    /// Where.
    pub path: String,
    /// Permission bits.
    pub mode: u16,
    /// What.
    pub data: Bytes,
    /// Whose it is; `None` for root.
    pub owner: Option<Owner>,
    /// Nanoseconds since 1970; `None` for the time of the action.
    pub created: Option<i64>,
}

/// Removes files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RmAction {
    /// Where.
    pub path: String,
    /// Nothing there is no error. Without this, a link whose target is missing cannot be removed.
    pub allow_not_found: bool,
    /// The path may be a pattern.
    pub allow_wildcard: bool,
}

/// Makes a symbolic link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymlinkAction {
    /// What it says, which need not exist.
    pub target: String,
    /// Where it is.
    pub path: String,
    /// Whose it is; `None` for root.
    pub owner: Option<Owner>,
    /// Nanoseconds since 1970; `None` for the time of the action.
    pub created: Option<i64>,
}

/// A user, a group, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub user: Option<UserId>,
    /// The group.
    pub group: Option<UserId>,
}

/// A user or a group by number or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserId {
    /// By number.
    Id(u32),
    /// By a name in `/etc/passwd` or `/etc/group`.
    Name(String),
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
            return Err(OpError::UnusedAction { action });
        }
        let mut actions = Vec::new();
        for (position, &action) in walk.order.iter().enumerate() {
            let last = position + 1 == walk.order.len();
            actions.push(self.actions[action].to_pb(action, bases[action], &walk, last)?);
        }
        Ok(Body {
            visits: Some(self.visits(&bases)),
            inputs: walk.inputs,
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
            for input in [Some(action.input), action.action.source()] {
                if let Some(FileInput::Action(earlier)) = input
                    && earlier >= index
                {
                    return Err(OpError::ActionOrder { action: index, input: earlier });
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

/// The order in which the Go client writes actions and registers inputs.
///
/// It comes to an action after the one before it; then it registers the chain's base, then what is copied
/// from, which may be an action of this op, and writes the action last.
struct Walk {
    /// Actions as they are written.
    order: Vec<usize>,
    /// Where in that order each action is.
    position: Vec<Option<usize>>,
    inputs: Vec<Output>,
}

impl Walk {
    fn new(actions: &[FileAction], bases: &[Option<Output>]) -> Self {
        enum Visit {
            Enter(usize),
            Register(usize),
            Write(usize),
        }
        let mut walk = Self { order: Vec::new(), position: vec![None; actions.len()], inputs: Vec::new() };
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
                        index_of(&mut walk.inputs, base);
                    }
                    pending.push(Visit::Write(index));
                    match actions[index].action.source() {
                        Some(FileInput::Output(output)) => {
                            index_of(&mut walk.inputs, output);
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
            FileInput::Output(output) => self.inputs.iter().position(|&known| known == output),
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
        let owner = |owner: &Option<Owner>| {
            let wire_base = walk.index(FileInput::from(base));
            match (base, owner.as_ref().and_then(Owner::name)) {
                (None, Some(name)) => Err(OpError::OwnerOnScratch { action: index, name: name.to_owned() }),
                _ => Ok(owner.as_ref().map(|owner| owner.to_pb(wire_base))),
            }
        };
        let action = match &self.action {
            Action::Copy(copy) => {
                let (mode, mode_str) = match &copy.mode {
                    None => (-1, String::new()),
                    Some(CopyMode::Bits(bits)) => (i32::from(*bits), String::new()),
                    Some(CopyMode::Symbolic(change)) => (0, change.clone()),
                };
                pb::file_action::Action::Copy(pb::FileActionCopy {
                    src: copy.src.clone(),
                    dest: copy.dest.clone(),
                    owner: owner(&copy.owner)?,
                    mode,
                    follow_symlink: copy.follow_symlinks,
                    dir_copy_contents: copy.dir_contents,
                    attempt_unpack_docker_compatibility: copy.unpack,
                    create_dest_path: copy.create_dest_path,
                    allow_wildcard: copy.allow_wildcard,
                    allow_empty_wildcard: copy.allow_empty_wildcard,
                    timestamp: copy.created.unwrap_or(-1),
                    include_patterns: copy.include.clone(),
                    exclude_patterns: copy.exclude.clone(),
                    always_replace_existing_dest_paths: copy.replace_existing,
                    mode_str,
                    required_paths: copy.required_paths.clone(),
                })
            }
            Action::Mkdir(mkdir) => pb::file_action::Action::Mkdir(pb::FileActionMkDir {
                path: mkdir.path.clone(),
                mode: permissions(mkdir.mode),
                make_parents: mkdir.parents,
                owner: owner(&mkdir.owner)?,
                timestamp: mkdir.created.unwrap_or(-1),
            }),
            Action::Mkfile(mkfile) => pb::file_action::Action::Mkfile(pb::FileActionMkFile {
                path: mkfile.path.clone(),
                mode: permissions(mkfile.mode),
                data: mkfile.data.clone(),
                owner: owner(&mkfile.owner)?,
                timestamp: mkfile.created.unwrap_or(-1),
            }),
            Action::Rm(rm) => pb::file_action::Action::Rm(pb::FileActionRm {
                path: rm.path.clone(),
                allow_not_found: rm.allow_not_found,
                allow_wildcard: rm.allow_wildcard,
            }),
            Action::Symlink(symlink) => pb::file_action::Action::Symlink(pb::FileActionSymlink {
                oldpath: symlink.target.clone(),
                newpath: symlink.path.clone(),
                owner: owner(&symlink.owner)?,
                timestamp: symlink.created.unwrap_or(-1),
            }),
        };
        Ok(pb::FileAction {
            input: walk.index(self.input),
            secondary_input: walk.index(self.action.source().unwrap_or(FileInput::Scratch)),
            output: if last { 0 } else { -1 },
            action: Some(action),
        })
    }
}

impl Action {
    fn source(&self) -> Option<FileInput> {
        match self {
            Self::Copy(copy) => Some(copy.from),
            _ => None,
        }
    }
}

impl CopyAction {
    /// A copy of this path to that one, and of nothing else: it must be there, and keeps what it is.
    #[must_use]
    pub fn new(from: impl Into<FileInput>, src: impl Into<String>, dest: impl Into<String>) -> Self {
        Self {
            from: from.into(),
            src: src.into(),
            dest: dest.into(),
            owner: None,
            mode: None,
            follow_symlinks: false,
            dir_contents: false,
            unpack: false,
            create_dest_path: false,
            allow_wildcard: false,
            allow_empty_wildcard: false,
            created: None,
            include: Vec::new(),
            exclude: Vec::new(),
            replace_existing: false,
            required_paths: Vec::new(),
        }
    }
}

impl MkdirAction {
    /// A directory with these permission bits, of root.
    #[must_use]
    pub fn new(path: impl Into<String>, mode: u16) -> Self {
        Self { path: path.into(), mode, parents: false, owner: None, created: None }
    }
}

impl MkfileAction {
    /// A file with these permission bits and this content, of root.
    #[must_use]
    pub fn new(path: impl Into<String>, mode: u16, data: impl Into<Bytes>) -> Self {
        Self { path: path.into(), mode, data: data.into(), owner: None, created: None }
    }
}

impl RmAction {
    /// The removal of what must be there.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), allow_not_found: false, allow_wildcard: false }
    }
}

impl SymlinkAction {
    /// A link at this path that says this target.
    #[must_use]
    pub fn new(target: impl Into<String>, path: impl Into<String>) -> Self {
        Self { target: target.into(), path: path.into(), owner: None, created: None }
    }
}

impl Owner {
    /// The owner that `user`, `user:` or `user:group` means.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        let parse = |id: &str| (!id.is_empty()).then(|| UserId::parse(id));
        Self { user: parse(user), group: parse(group) }
    }

    /// A user and a group by number.
    #[must_use]
    pub fn ids(uid: u32, gid: u32) -> Self {
        Self { user: Some(UserId::Id(uid)), group: Some(UserId::Id(gid)) }
    }

    fn name(&self) -> Option<&str> {
        [&self.user, &self.group].into_iter().flatten().find_map(|id| match id {
            UserId::Id(_) => None,
            UserId::Name(name) => Some(name.as_str()),
        })
    }

    fn to_pb(&self, base: i64) -> pb::ChownOpt {
        let user = |id: &Option<UserId>| {
            id.as_ref().map(|id| pb::UserOpt {
                user: Some(match id {
                    UserId::Id(id) => pb::user_opt::User::ById(*id),
                    UserId::Name(name) => {
                        pb::user_opt::User::ByName(pb::NamedUserOpt { name: name.clone(), input: base })
                    }
                }),
            })
        };
        pb::ChownOpt { user: user(&self.user), group: user(&self.group) }
    }
}

impl UserId {
    /// `root` and decimal numbers are numbers, everything else is a name.
    fn parse(text: &str) -> Self {
        if text == "root" {
            return Self::Id(0);
        }
        // Go reads a signed number and stores its bits.
        text.parse::<i32>().map_or_else(|_| Self::Name(text.to_owned()), |id| Self::Id(id.cast_unsigned()))
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

macro_rules! from_actions {
    ($($action:ident => $kind:ident,)*) => {
        $(impl From<$action> for Action {
            fn from(action: $action) -> Self {
                Self::$kind(action)
            }
        })*
    };
}

from_actions! {
    CopyAction => Copy,
    MkdirAction => Mkdir,
    MkfileAction => Mkfile,
    RmAction => Rm,
    SymlinkAction => Symlink,
}

/// Directories and files are made with the nine permission bits only, as the Go client does.
fn permissions(mode: u16) -> i32 {
    i32::from(mode & 0o777)
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
    fn owners_are_read_as_chown_reads_them() {
        let name = |name: &str| Some(UserId::Name(name.to_owned()));
        let id = |id| Some(UserId::Id(id));
        for (text, user, group) in [
            ("root", id(0), None),
            ("0", id(0), None),
            ("1000:1000", id(1000), id(1000)),
            ("bob", name("bob"), None),
            ("bob:", name("bob"), None),
            ("bob:staff", name("bob"), name("staff")),
            ("bob:5", name("bob"), id(5)),
            (":staff", None, name("staff")),
            ("4294967295", name("4294967295"), None),
            ("", None, None),
        ] {
            assert_eq!(Owner::parse(text), Owner { user, group }, "{text:?}");
        }
    }

    #[test]
    fn actions_use_earlier_ones_only() {
        assert_eq!(refused(&FileOp::default()), OpError::FileWithoutActions);

        let mut op = FileOp::default();
        op.push(FileInput::Action(0), RmAction::new("/a"));
        assert_eq!(refused(&op), OpError::ActionOrder { action: 0, input: 0 });

        let mut op = FileOp::default();
        op.push(BASE, CopyAction::new(FileInput::Action(3), "/a", "/b"));
        assert_eq!(refused(&op), OpError::ActionOrder { action: 0, input: 3 });
    }

    #[test]
    fn an_action_without_effect_is_refused() {
        let mut op = FileOp::default();
        op.push(BASE, RmAction::new("/a"));
        op.push(BASE, RmAction::new("/b"));
        assert_eq!(refused(&op), OpError::UnusedAction { action: 0 });
    }

    #[test]
    fn names_of_owners_need_a_base() {
        let owner = Some(Owner::parse("1:staff"));
        let copy = CopyAction { owner, ..CopyAction::new(OTHER, "/a", "/b") };
        let error = OpError::OwnerOnScratch { action: 1, name: "staff".to_owned() };
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

    #[test]
    fn permissions_are_nine_bits_except_of_copies() {
        let mkdir = MkdirAction::new("/a", 0o4755);
        let copy = CopyAction { mode: Some(CopyMode::Bits(0o4755)), ..CopyAction::new(BASE, "/a", "/b") };
        let body = FileOp::chain(None, [Action::from(mkdir), copy.into()]).body().unwrap();
        let pb::op::Op::File(file) = body.op else { panic!("a file op") };
        let modes: Vec<i32> = file
            .actions
            .into_iter()
            .map(|action| match action.action {
                Some(pb::file_action::Action::Mkdir(mkdir)) => mkdir.mode,
                Some(pb::file_action::Action::Copy(copy)) => copy.mode,
                _ => panic!("one of the two"),
            })
            .collect();
        assert_eq!(modes, [0o755, 0o4755]);
    }
}
