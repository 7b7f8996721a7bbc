//! What a file op does: one struct per action.

use buildkit_proto::pb;
use bytes::Bytes;

use super::{FileInput, Owner};
use crate::{OpError, path};

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

impl Action {
    /// What is copied from.
    pub(super) fn source(&self) -> Option<FileInput> {
        match self {
            Self::Copy(copy) => Some(copy.from),
            _ => None,
        }
    }

    pub(super) fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Copy(copy) => copy.owner.as_ref(),
            Self::Mkdir(mkdir) => mkdir.owner.as_ref(),
            Self::Mkfile(mkfile) => mkfile.owner.as_ref(),
            Self::Symlink(symlink) => symlink.owner.as_ref(),
            Self::Rm(_) => None,
        }
    }

    /// The path that it changes.
    pub(super) fn path(&self) -> &str {
        match self {
            Self::Copy(copy) => &copy.dest,
            Self::Mkdir(mkdir) => &mkdir.path,
            Self::Mkfile(mkfile) => &mkfile.path,
            Self::Symlink(symlink) => &symlink.path,
            Self::Rm(rm) => &rm.path,
        }
    }

    /// Checks what needs no knowledge of other actions; `action` is the position that errors say.
    pub(super) fn validate(&self, action: usize) -> Result<(), OpError> {
        let own = || self.path().to_owned();
        if self.owner().and_then(Owner::name) == Some("") {
            return Err(OpError::OwnerWithoutName { path: own(), action });
        }
        match self {
            Self::Mkfile(_) | Self::Symlink(_) if path::join(&["/", self.path()]) == "/" => {
                Err(OpError::ActionOnRoot { path: own(), action })
            }
            Self::Copy(CopyAction { mode: Some(CopyMode::Symbolic(mode)), .. }) if !is_mode(mode) => {
                Err(OpError::Mode { path: own(), action, mode: mode.clone() })
            }
            _ => Ok(()),
        }
    }

    /// The action on the wire; names of owners are looked up in the input of this index.
    pub(super) fn to_pb(&self, base: i64) -> pb::file_action::Action {
        let owner = |owner: &Option<Owner>| owner.as_ref().map(|owner| owner.to_pb(base));
        match self {
            Self::Copy(copy) => {
                let (mode, mode_str) = match &copy.mode {
                    None => (-1, String::new()),
                    Some(CopyMode::Bits(bits)) => (i32::from(*bits), String::new()),
                    Some(CopyMode::Symbolic(change)) => (0, change.clone()),
                };
                pb::file_action::Action::Copy(pb::FileActionCopy {
                    src: copy.src.clone(),
                    dest: copy.dest.clone(),
                    owner: owner(&copy.owner),
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
            Self::Mkdir(mkdir) => pb::file_action::Action::Mkdir(pb::FileActionMkDir {
                path: mkdir.path.clone(),
                mode: permissions(mkdir.mode),
                make_parents: mkdir.parents,
                owner: owner(&mkdir.owner),
                timestamp: mkdir.created.unwrap_or(-1),
            }),
            Self::Mkfile(mkfile) => pb::file_action::Action::Mkfile(pb::FileActionMkFile {
                path: mkfile.path.clone(),
                mode: permissions(mkfile.mode),
                data: mkfile.data.clone(),
                owner: owner(&mkfile.owner),
                timestamp: mkfile.created.unwrap_or(-1),
            }),
            Self::Rm(rm) => pb::file_action::Action::Rm(pb::FileActionRm {
                path: rm.path.clone(),
                allow_not_found: rm.allow_not_found,
                allow_wildcard: rm.allow_wildcard,
            }),
            Self::Symlink(symlink) => pb::file_action::Action::Symlink(pb::FileActionSymlink {
                oldpath: symlink.target.clone(),
                newpath: symlink.path.clone(),
                owner: owner(&symlink.owner),
                timestamp: symlink.created.unwrap_or(-1),
            }),
        }
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

/// What BuildKit's chmod takes: up to 7777 in octal digits, or clauses of who, `+`, `-` or `=`, and permissions.
fn is_mode(text: &str) -> bool {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return u16::from_str_radix(text, 8).is_ok_and(|bits| bits <= 0o7777) && !text.contains('+');
    }
    text.split(',').all(|clause| {
        let changes = clause.trim_start_matches(['u', 'g', 'o', 'a']);
        let is_permission = |c: char| matches!(c, 'r' | 'w' | 'x' | 'X' | 's' | 't' | 'u' | 'g' | 'o');
        changes.starts_with(['+', '-', '='])
            && changes.split(['+', '-', '=']).all(|set| set.chars().all(is_permission))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_those_of_chmod() {
        for mode in ["u+x", "u+x,go-w", "=", "a=rX", "+t", "go=u-w", "0755", "7777", "ugo+rwxs"] {
            assert!(is_mode(mode), "{mode:?}");
        }
        for mode in ["", "u", "x", "u+x,", "u+z", "8", "10000", "rwx", "u +x", "-1"] {
            assert!(!is_mode(mode), "{mode:?}");
        }
    }

    #[test]
    fn what_a_daemon_refuses_is_refused() {
        let check = |action: Action, expected: &str| {
            let error = action.validate(3).unwrap_err().to_string();
            assert_eq!(error, format!("action 3 of a file op, at {expected}"));
        };
        check(
            MkfileAction::new("/.", 0o644, "").into(),
            "\"/.\", would make the root directory something else",
        );
        check(SymlinkAction::new("a", "").into(), "\"\", would make the root directory something else");
        let owner = Some(Owner { user: Some(crate::UserId::Name(String::new())), group: None });
        check(
            MkdirAction { owner, ..MkdirAction::new("/d", 0o755) }.into(),
            "\"/d\", names an owner with an empty name",
        );
        let mode = Some(CopyMode::Symbolic("x".to_owned()));
        check(
            CopyAction { mode, ..CopyAction::new(FileInput::Scratch, "/a", "/b") }.into(),
            "\"/b\", has the mode \"x\": octal digits, or a change such as u+x,go-w, are expected",
        );
    }

    #[test]
    fn permissions_are_nine_bits_except_of_copies() {
        let mkdir = Action::from(MkdirAction::new("/a", 0o4755)).to_pb(0);
        let pb::file_action::Action::Mkdir(mkdir) = mkdir else { panic!("a directory") };
        let bits = Some(CopyMode::Bits(0o4755));
        let copy = CopyAction { mode: bits, ..CopyAction::new(FileInput::Scratch, "/a", "/b") };
        let pb::file_action::Action::Copy(copy) = Action::from(copy).to_pb(0) else { panic!("a copy") };
        assert_eq!((mkdir.mode, copy.mode), (0o755, 0o4755));
    }
}
