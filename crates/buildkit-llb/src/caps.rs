//! Capabilities: what a daemon must be able to do to run an op.
//!
//! Names from BuildKit v0.34 solver/pb/caps.go. Each op asks for what it uses, as the Go client does; a
//! daemon refuses a name that it does not know. Two names are never sent, because daemons declare but do
//! not register them: `file.copy.modestring` and `exec.meta.removemountstubs.recursive`.

/// Names that fail every build: two that daemons declare but do not register, and one that is spelt right.
pub(crate) const REFUSED: [&str; 3] =
    ["file.copy.modestring", "exec.meta.removemountstubs.recursive", "source.http.uidgid"];

/// Image sources.
pub const SOURCE_IMAGE: &str = "source.image";
/// Image sources that are always pulled.
pub const SOURCE_IMAGE_RESOLVE_MODE: &str = "source.image.resolvemode";
/// Image sources cut to their first layers.
pub const SOURCE_IMAGE_LAYER_LIMIT: &str = "source.image.layerlimit";
/// Image sources whose manifest must have a given digest.
pub const SOURCE_IMAGE_CHECKSUM: &str = "source.image.checksum";
/// Single blobs, of registries and of OCI layouts.
pub const SOURCE_IMAGE_BLOB: &str = "source.imageblob";
/// Images of OCI layouts.
pub const SOURCE_OCI_LAYOUT: &str = "source.ocilayout";
/// Local sources.
pub const SOURCE_LOCAL: &str = "source.local";
/// Local sources with an id of their own.
pub const SOURCE_LOCAL_UNIQUE: &str = "source.local.unique";
/// Local sources of a named session.
pub const SOURCE_LOCAL_SESSION_ID: &str = "source.local.sessionid";
/// Local sources with include patterns.
pub const SOURCE_LOCAL_INCLUDE_PATTERNS: &str = "source.local.includepatterns";
/// Local sources with paths whose links are followed.
pub const SOURCE_LOCAL_FOLLOW_PATHS: &str = "source.local.followpaths";
/// Local sources with exclude patterns.
pub const SOURCE_LOCAL_EXCLUDE_PATTERNS: &str = "source.local.excludepatterns";
/// Local sources with a shared-key hint.
pub const SOURCE_LOCAL_SHARED_KEY_HINT: &str = "source.local.sharedkeyhint";
/// Local sources that choose how changed files are found.
pub const SOURCE_LOCAL_DIFFER: &str = "source.local.differ";
/// Local sources of metadata.
pub const SOURCE_LOCAL_METADATA_TRANSFER: &str = "source.local.metadatatransfer";
/// Git sources.
pub const SOURCE_GIT: &str = "source.git";
/// Git sources that say what git is given.
pub const SOURCE_GIT_FULL_URL: &str = "source.git.fullurl";
/// Git sources with secrets of a chosen name.
pub const SOURCE_GIT_HTTP_AUTH: &str = "source.git.httpauth";
/// Git sources with known hosts.
pub const SOURCE_GIT_KNOWN_SSH_HOSTS: &str = "source.git.knownsshhosts";
/// Git sources with an ssh agent.
pub const SOURCE_GIT_MOUNT_SSH_SOCK: &str = "source.git.mountsshsock";
/// Git sources that keep `.git`.
pub const SOURCE_GIT_KEEP_GIT_DIR: &str = "source.git.keepgitdir";
/// Git sources of a directory; for asking a daemon, never sent.
pub const SOURCE_GIT_SUBDIR: &str = "source.git.subdir";
/// Git sources with a checksum.
pub const SOURCE_GIT_CHECKSUM: &str = "source.git.checksum";
/// Git sources without submodules.
pub const SOURCE_GIT_SKIP_SUBMODULES: &str = "source.git.skipsubmodules";
/// Git sources whose commit must be signed.
pub const SOURCE_GIT_SIGNATURE_VERIFY: &str = "source.git.signatureverify";
/// Git sources that choose their files' times.
pub const SOURCE_GIT_MTIME: &str = "source.git.mtime";
/// Git sources that trust their checksum.
pub const SOURCE_GIT_FETCH_BY_COMMIT: &str = "source.git.fetchbycommit";
/// Git sources whose commits come from a bundle.
pub const SOURCE_GIT_BUNDLE: &str = "source.git.bundle";
/// Git sources that give a bundle.
pub const SOURCE_GIT_CHECKOUT_BUNDLE: &str = "source.git.checkoutbundle";
/// Http sources.
pub const SOURCE_HTTP: &str = "source.http";
/// Http sources with a secret.
pub const SOURCE_HTTP_AUTH: &str = "source.http.auth";
/// Http sources with a checksum.
pub const SOURCE_HTTP_CHECKSUM: &str = "source.http.checksum";
/// Http sources with permission bits.
pub const SOURCE_HTTP_PERM: &str = "source.http.perm";
/// Http sources with an owner. The name is misspelt in every daemon, and known by no other.
pub const SOURCE_HTTP_UID_GID: &str = "soruce.http.uidgid";
/// Http sources with headers.
pub const SOURCE_HTTP_HEADER: &str = "source.http.header";
/// Http sources whose content must be signed.
pub const SOURCE_HTTP_SIGNATURE_VERIFY: &str = "source.http.signatureverify";
/// Build ops, whether they name a file or not.
pub const SOURCE_BUILD_OP_LLB_FILE_NAME: &str = "source.buildop.llbfilename";

/// Exec ops.
pub const EXEC_META_BASE: &str = "exec.meta.base";
/// A parent for the exec's control group; for asking a daemon, never sent.
pub const EXEC_META_CGROUP_PARENT: &str = "exec.meta.cgroup.parent";
/// Devices by their Container Device Interface names.
pub const EXEC_META_CDI: &str = "exec.meta.cdi";
/// Limits of the exec's control group.
pub const EXEC_META_LINUX_RESOURCES: &str = "exec.meta.linux.resources";
/// A network other than the sandbox's.
pub const EXEC_META_NETWORK: &str = "exec.meta.network";
/// Proxies in the environment.
pub const EXEC_META_PROXY_ENV: &str = "exec.meta.proxyenv";
/// Privileged execs.
pub const EXEC_META_SECURITY: &str = "exec.meta.security";
/// The daemon sets `PATH` where the environment has none.
///
/// Sent only by a caller that asked the daemon for its capabilities: put it into the op's metadata then.
pub const EXEC_META_SETS_DEFAULT_PATH: &str = "exec.meta.setsdefaultpath";
/// Resource limits of the process.
pub const EXEC_META_ULIMIT: &str = "exec.meta.ulimit";
/// Mounts of other filesystems.
pub const EXEC_MOUNT_BIND: &str = "exec.mount.bind";
/// Writable mounts whose changes are thrown away; for asking a daemon, never sent.
pub const EXEC_MOUNT_BIND_READ_WRITE_NO_OUTPUT: &str = "exec.mount.bind.readwrite-nooutput";
/// Cache mounts.
pub const EXEC_MOUNT_CACHE: &str = "exec.mount.cache";
/// Cache mounts that say how they are shared.
pub const EXEC_MOUNT_CACHE_SHARING: &str = "exec.mount.cache.sharing";
/// Mounts that choose whether their content is part of the cache key.
pub const EXEC_MOUNT_CONTENT_CACHE: &str = "exec.mount.cache.content";
/// Secrets, as files or in the environment.
pub const EXEC_MOUNT_SECRET: &str = "exec.mount.secret";
/// Mounts of a path within a filesystem.
pub const EXEC_MOUNT_SELECTOR: &str = "exec.mount.selector";
/// Agent sockets.
pub const EXEC_MOUNT_SSH: &str = "exec.mount.ssh";
/// Mounts in memory.
pub const EXEC_MOUNT_TMPFS: &str = "exec.mount.tmpfs";
/// Mounts in memory with a limit.
pub const EXEC_MOUNT_TMPFS_SIZE: &str = "exec.mount.tmpfs.size";
/// Secrets in the environment.
pub const EXEC_SECRET_ENV: &str = "exec.secretenv";
/// Exit codes other than zero that count as success.
pub const EXEC_VALID_EXIT_CODE: &str = "exec.validexitcode";

/// File ops.
pub const FILE_BASE: &str = "file.base";
/// Copies with include and exclude patterns; for asking a daemon, never sent.
pub const FILE_COPY_INCLUDE_EXCLUDE_PATTERNS: &str = "file.copy.includeexcludepatterns";
/// Copies with paths that must exist; for asking a daemon, never sent.
pub const FILE_COPY_REQUIRED_PATHS: &str = "file.copy.requiredpaths";
/// Symbolic links; for asking a daemon, never sent.
pub const FILE_SYMLINK_CREATE: &str = "file.symlink.create";

/// Merge ops.
pub const MERGE_OP: &str = "mergeop";
/// Diff ops.
pub const DIFF_OP: &str = "diffop";
/// Passthrough ops.
pub const PASSTHROUGH_OP: &str = "passthroughop";

/// Worker filters; on every terminal op.
pub const CONSTRAINTS: &str = "constraints";
/// Platforms; on every terminal op.
pub const PLATFORM: &str = "platform";
/// Ops that ignore the cache; on the terminal op.
pub const META_IGNORE_CACHE: &str = "meta.ignorecache";
/// Ops with a description; on the terminal op.
pub const META_DESCRIPTION: &str = "meta.description";
/// Ops that choose whether they are exported with the cache; on the terminal op.
pub const META_EXPORT_CACHE: &str = "meta.exportcache";
