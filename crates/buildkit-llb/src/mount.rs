//! What a process finds in its filesystem: mounts, secrets, agent sockets.

use buildkit_proto::pb;

use crate::op::{Inputs, wire_index};
use crate::{OpError, Output, caps};

/// A filesystem mounted into an exec's root, or that root itself, at `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where, an absolute path.
    pub dest: String,
    /// What; `None` for an empty filesystem.
    pub input: Option<Output>,
    /// The path within the input; empty for all of it.
    pub selector: String,
    /// The process cannot write to it; it makes no output.
    pub readonly: bool,
    /// What the process writes to it is thrown away; it makes no output.
    pub no_output: bool,
    /// Whether its content can be part of the cache key.
    pub content_cache: ContentCache,
    /// What becomes of what is written.
    pub kind: MountKind,
}

/// What becomes of what is written to a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// It is an output of the exec, unless the mount says otherwise.
    Bind,
    /// It stays with the daemon for the next exec that names the same cache.
    Cache {
        /// The cache's name, not empty.
        id: String,
        /// What happens when two execs want it at once.
        sharing: CacheSharing,
    },
    /// It is kept in memory and gone afterwards.
    Tmpfs {
        /// Bytes; zero for no limit.
        size: i64,
    },
}

/// What happens when two running execs name one cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheSharing {
    /// Both write to it.
    #[default]
    Shared,
    /// The second gets a new one.
    Private,
    /// The second waits.
    Locked,
}

/// Whether a mount's content, rather than the op that made it, is part of the cache key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentCache {
    /// If it is read-only or without output.
    #[default]
    Default,
    /// Always.
    On,
    /// Never.
    Off,
}

/// A secret as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretMount {
    /// Its name in the session.
    pub id: String,
    /// The file.
    pub dest: String,
    /// Whose file it is.
    pub uid: u32,
    /// And of which group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
    /// Without the secret there is no file, and no error.
    pub optional: bool,
}

/// A secret in an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretEnv {
    /// Its name in the session.
    pub id: String,
    /// The variable.
    pub name: String,
    /// Without the secret there is no variable, and no error.
    pub optional: bool,
}

/// The socket of an ssh agent.
///
/// The process finds it by `SSH_AUTH_SOCK`, which belongs into the exec's environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshMount {
    /// The agent's name in the session; empty for the default one.
    pub id: String,
    /// The socket.
    pub dest: String,
    /// Whose socket it is.
    pub uid: u32,
    /// And of which group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
    /// Without the agent there is no socket, and no error.
    pub optional: bool,
}

impl Mount {
    /// A filesystem whose changes are an output of the exec.
    #[must_use]
    pub fn bind(dest: impl Into<String>, input: Option<Output>) -> Self {
        Self {
            dest: dest.into(),
            input,
            selector: String::new(),
            readonly: false,
            no_output: false,
            content_cache: ContentCache::default(),
            kind: MountKind::Bind,
        }
    }

    /// A cache of this name, empty at first.
    #[must_use]
    pub fn cache(dest: impl Into<String>, id: impl Into<String>, sharing: CacheSharing) -> Self {
        Self { kind: MountKind::Cache { id: id.into(), sharing }, ..Self::bind(dest, None) }
    }

    /// An empty directory in memory, of as many bytes at most; zero for no limit.
    #[must_use]
    pub fn tmpfs(dest: impl Into<String>, size: i64) -> Self {
        Self { kind: MountKind::Tmpfs { size }, ..Self::bind(dest, None) }
    }

    /// The same from this input on; the first content of a cache.
    #[must_use]
    pub fn with_input(self, input: Option<Output>) -> Self {
        Self { input, ..self }
    }

    /// The same with only this path of the input.
    #[must_use]
    pub fn selecting(self, path: impl Into<String>) -> Self {
        Self { selector: path.into(), ..self }
    }

    /// The same, read-only.
    #[must_use]
    pub fn readonly(self) -> Self {
        Self { readonly: true, ..self }
    }

    /// The same, with changes thrown away.
    #[must_use]
    pub fn without_output(self) -> Self {
        Self { no_output: true, ..self }
    }

    /// Whether the mount is an output of its exec.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.kind == MountKind::Bind && !self.readonly && !self.no_output
    }

    pub(crate) fn validate(&self, program: &str) -> Result<(), OpError> {
        let (program, dest) = (|| program.to_owned(), || self.dest.clone());
        if self.dest.is_empty() {
            return Err(OpError::MountWithoutDest { program: program() });
        }
        match &self.kind {
            MountKind::Cache { id, .. } if id.is_empty() => {
                Err(OpError::CacheWithoutId { program: program(), dest: dest() })
            }
            MountKind::Tmpfs { .. } if self.input.is_some() => {
                Err(OpError::TmpfsWithInput { program: program(), dest: dest() })
            }
            MountKind::Tmpfs { size } if *size < 0 => {
                Err(OpError::TmpfsSize { program: program(), dest: dest(), size: *size })
            }
            _ => Ok(()),
        }
    }

    /// The mount on the wire; the caller says which output it is, if it is one.
    pub(crate) fn to_pb(&self, inputs: &mut Inputs, output: Option<usize>) -> pb::Mount {
        let (mount_type, cache_opt, tmpfs_opt) = match &self.kind {
            MountKind::Bind => (pb::MountType::Bind, None, None),
            MountKind::Cache { id, sharing } => {
                let sharing = match sharing {
                    CacheSharing::Shared => pb::CacheSharingOpt::Shared,
                    CacheSharing::Private => pb::CacheSharingOpt::Private,
                    CacheSharing::Locked => pb::CacheSharingOpt::Locked,
                };
                (pb::MountType::Cache, Some(pb::CacheOpt { id: id.clone(), sharing: sharing.into() }), None)
            }
            MountKind::Tmpfs { size } => (pb::MountType::Tmpfs, None, Some(pb::TmpfsOpt { size: *size })),
        };
        let content_cache = match self.content_cache {
            ContentCache::Default => pb::MountContentCache::Default,
            ContentCache::On => pb::MountContentCache::On,
            ContentCache::Off => pb::MountContentCache::Off,
        };
        pb::Mount {
            input: wire_index(self.input.map(|input| inputs.index_of(input))),
            selector: self.selector.clone(),
            dest: self.dest.clone(),
            output: wire_index(output),
            readonly: self.readonly,
            mount_type: mount_type.into(),
            cache_opt,
            tmpfs_opt,
            content_cache: content_cache.into(),
            ..pb::Mount::default()
        }
    }

    pub(crate) fn add_caps(&self, caps: &mut Vec<&'static str>) {
        if !self.selector.is_empty() {
            caps.push(caps::EXEC_MOUNT_SELECTOR);
        }
        match &self.kind {
            MountKind::Cache { .. } => caps.extend([caps::EXEC_MOUNT_CACHE, caps::EXEC_MOUNT_CACHE_SHARING]),
            MountKind::Tmpfs { size } => {
                caps.push(caps::EXEC_MOUNT_TMPFS);
                if *size > 0 {
                    caps.push(caps::EXEC_MOUNT_TMPFS_SIZE);
                }
            }
            MountKind::Bind if self.input.is_some() => caps.push(caps::EXEC_MOUNT_BIND),
            MountKind::Bind => {}
        }
        if self.content_cache != ContentCache::Default {
            caps.push(caps::EXEC_MOUNT_CONTENT_CACHE);
        }
    }
}

impl SecretMount {
    /// A required secret as a file that only root can read.
    #[must_use]
    pub fn new(id: impl Into<String>, dest: impl Into<String>) -> Self {
        Self { id: id.into(), dest: dest.into(), uid: 0, gid: 0, mode: 0o400, optional: false }
    }

    /// The output is written as 0, not as -1 as for other mounts without output; the Go client does so.
    pub(crate) fn to_pb(&self) -> pb::Mount {
        pb::Mount {
            input: wire_index(None),
            dest: self.dest.clone(),
            mount_type: pb::MountType::Secret.into(),
            secret_opt: Some(pb::SecretOpt {
                id: self.id.clone(),
                uid: self.uid,
                gid: self.gid,
                mode: self.mode,
                optional: self.optional,
            }),
            ..pb::Mount::default()
        }
    }
}

impl SecretEnv {
    /// A required secret in this variable.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), optional: false }
    }

    pub(crate) fn to_pb(&self) -> pb::SecretEnv {
        pb::SecretEnv { id: self.id.clone(), name: self.name.clone(), optional: self.optional }
    }
}

impl SshMount {
    /// A required agent behind a socket that only root can use.
    #[must_use]
    pub fn new(id: impl Into<String>, dest: impl Into<String>) -> Self {
        Self { id: id.into(), dest: dest.into(), uid: 0, gid: 0, mode: 0o600, optional: false }
    }

    /// Where the socket of an exec's `index`th agent is, where nothing else is said.
    #[must_use]
    pub fn default_dest(index: usize) -> String {
        format!("/run/buildkit/ssh_agent.{index}")
    }

    pub(crate) fn to_pb(&self) -> pb::Mount {
        pb::Mount {
            input: wire_index(None),
            dest: self.dest.clone(),
            mount_type: pb::MountType::Ssh.into(),
            ssh_opt: Some(pb::SshOpt {
                id: self.id.clone(),
                uid: self.uid,
                gid: self.gid,
                mode: self.mode,
                optional: self.optional,
            }),
            ..pb::Mount::default()
        }
    }
}
