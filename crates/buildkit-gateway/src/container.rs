//! Containers over refs, for what no step does: to look into a failed build, or to try what was built.
//!
//! Source: BuildKit v0.34 `frontend/gateway/gateway.go`, `frontend/gateway/container`.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use buildkit_llb::{CacheSharing, ExtraHost, Network, Platform, SecretMount, SshMount};
use buildkit_proto::gateway as pb;
use buildkit_proto::pb as ops;
use bytes::Bytes;
use tonic::Code;

use crate::channel::Channel;
use crate::errdefs::GatewayError;
use crate::gateway::{FileRange, FileStat, Gateway, platform_to_pb, range_to_pb};
use crate::lifetime::{Lifetime, ProcessError};
use crate::process::{Process, ProcessRequest};
use crate::result::Ref;

/// A container to make.
#[derive(Debug, Clone, Default)]
pub struct ContainerRequest {
    /// What is in it; one is the root filesystem, at `/`.
    pub mounts: Vec<ContainerMount>,
    /// What its processes reach.
    pub network: Network,
    /// The platform; the worker's own if absent.
    pub platform: Option<Platform>,
    /// Lines for its hosts file.
    pub extra_hosts: Vec<ExtraHost>,
    /// Its name; empty for the daemon's choice.
    pub hostname: String,
}

/// What is in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContainerMount {
    /// A solved filesystem. What is written to it is lost with the container.
    Ref {
        /// Where.
        dest: String,
        /// What.
        reference: Ref,
        /// The path in it; empty for all of it.
        selector: String,
        /// Processes cannot write to it.
        readonly: bool,
    },
    /// A filesystem of a step that failed, by its id in the error's [`Solve`](crate::errdefs::Solve), which asks for all of
    /// them by [`failed_step`](crate::errdefs::Solve::failed_step).
    Failed {
        /// Where.
        dest: String,
        /// The id.
        id: String,
        /// The path in it; empty for all of it.
        selector: String,
        /// Processes cannot write to it.
        readonly: bool,
    },
    /// A cache of the daemon.
    Cache {
        /// Where.
        dest: String,
        /// Its id.
        id: String,
        /// What it begins with, by its id in the error of a step that failed; empty for nothing. A cache that begins with
        /// something else is another one, whatever its id (BuildKit v0.33 `solver/llbsolver/mounts/mount.go`).
        base: String,
        /// The path in that; empty for all of it.
        selector: String,
        /// What happens when somebody else wants it.
        sharing: CacheSharing,
    },
    /// An empty directory in memory.
    Tmpfs {
        /// Where.
        dest: String,
    },
    /// A secret as a file.
    Secret(SecretMount),
    /// The socket of an ssh agent.
    Ssh(SshMount),
}

/// A container, until it is released or the build ends.
///
/// Processes run in it side by side, and end together: when the first one has ended, however it went, or any of them
/// has failed, the others are killed and no more can start. Files can be read until the release. What may fail beside
/// others wants a container of its own: several can be made of the same mounts.
#[derive(Debug)]
pub struct Container<C> {
    gateway: Gateway<C>,
    id: String,
    lifetime: Arc<Lifetime>,
}

impl<C: Channel> Gateway<C> {
    /// Makes a container. Nothing runs in it yet.
    ///
    /// # Errors
    /// As the daemon tells, such as that nothing is mounted at `/`, and what running the refs gives.
    pub async fn container(&self, request: &ContainerRequest) -> Result<Container<C>, GatewayError> {
        let id = new_id();
        let network = match request.network {
            Network::Sandbox => ops::NetMode::Unset,
            Network::Host => ops::NetMode::Host,
            Network::None => ops::NetMode::None,
        };
        let hosts = request.extra_hosts.iter();
        let message = pb::NewContainerRequest {
            container_id: id.clone(),
            mounts: request.mounts.iter().map(ContainerMount::to_pb).collect(),
            network: network.into(),
            platform: request.platform.as_ref().map(platform_to_pb),
            constraints: None,
            extra_hosts: hosts
                .map(|host| ops::HostIp { host: host.host.clone(), ip: host.ip.to_string() })
                .collect(),
            hostname: request.hostname.clone(),
        };
        self.bridge.clone().new_container(message).await?;
        Ok(Container { gateway: self.clone(), id, lifetime: Arc::default() })
    }
}

impl<C: Channel> Container<C> {
    /// Starts a process. The container lasts as long as the first one, and until the first failure of any.
    ///
    /// That there is no such program is not found here: the process ends with code 255, or as the runtime says.
    ///
    /// # Errors
    /// The container has ended, and as the daemon tells.
    pub async fn start(&self, process: &ProcessRequest) -> Result<Process, ProcessError> {
        Process::start(&self.gateway, &self.id, Arc::clone(&self.lifetime), process).await
    }

    /// Reads a file of a mount, counted from 0 in the order of the request, or a range of it.
    ///
    /// # Errors
    /// As the daemon tells.
    pub async fn read_file(
        &self,
        mount: u16,
        path: &str,
        range: Option<FileRange>,
    ) -> Result<Bytes, GatewayError> {
        let request = pb::ReadFileRequest {
            r#ref: self.id.clone(),
            file_path: path.to_owned(),
            range: range.map(range_to_pb),
            mount_index: mount.into(),
        };
        Ok(self
            .gateway
            .bridge
            .clone()
            .read_file_container(request)
            .await?
            .into_inner()
            .data)
    }

    /// Lists a directory of a mount.
    ///
    /// # Errors
    /// As the daemon tells.
    pub async fn read_dir(&self, mount: u16, path: &str) -> Result<Vec<FileStat>, GatewayError> {
        let request = pb::ReadDirRequest {
            r#ref: self.id.clone(),
            dir_path: path.to_owned(),
            // A daemon does not look at it (BuildKit v0.33 `frontend/gateway/container/container.go`).
            include_pattern: String::new(),
            mount_index: mount.into(),
        };
        let entries = self
            .gateway
            .bridge
            .clone()
            .read_dir_container(request)
            .await?
            .into_inner()
            .entries;
        Ok(entries.into_iter().map(FileStat::from_pb).collect())
    }

    /// Looks at a file of a mount without following links.
    ///
    /// # Errors
    /// As the daemon tells.
    pub async fn stat_file(&self, mount: u16, path: &str) -> Result<FileStat, GatewayError> {
        let request =
            pb::StatFileRequest { r#ref: self.id.clone(), path: path.to_owned(), mount_index: mount.into() };
        let stat = self
            .gateway
            .bridge
            .clone()
            .stat_file_container(request)
            .await?
            .into_inner()
            .stat;
        Ok(FileStat::from_pb(stat.unwrap_or_default()))
    }

    /// Removes the container, with what still runs in it, and returns when nothing does.
    ///
    /// # Errors
    /// As the daemon tells. How a process ended is no error here.
    pub async fn release(self) -> Result<(), GatewayError> {
        let request = pb::ReleaseContainerRequest { container_id: self.id };
        let Err(status) = self.gateway.bridge.clone().release_container(request).await else { return Ok(()) };
        // A daemon answers with the first failure of any process, also of those that it killed for the release, or that it
        // could not start any more.
        let error = GatewayError::from(status);
        let is_of_a_process = error.exit_code().is_some() || error.code() == Code::Cancelled;
        if is_of_a_process || self.lifetime.check().is_err() { Ok(()) } else { Err(error) }
    }
}

impl ContainerMount {
    fn to_pb(&self) -> ops::Mount {
        let mount = |dest: &str, kind: ops::MountType| ops::Mount {
            dest: dest.to_owned(),
            mount_type: kind.into(),
            ..ops::Mount::default()
        };
        match self {
            Self::Ref { dest, reference, selector, readonly } => ops::Mount {
                selector: selector.clone(),
                readonly: *readonly,
                result_id: reference.id().to_owned(),
                ..mount(dest, ops::MountType::Bind)
            },
            Self::Failed { dest, id, selector, readonly } => ops::Mount {
                selector: selector.clone(),
                readonly: *readonly,
                result_id: id.clone(),
                ..mount(dest, ops::MountType::Bind)
            },
            Self::Cache { dest, id, base, selector, sharing } => {
                let sharing = match sharing {
                    CacheSharing::Shared => ops::CacheSharingOpt::Shared,
                    CacheSharing::Private => ops::CacheSharingOpt::Private,
                    CacheSharing::Locked => ops::CacheSharingOpt::Locked,
                };
                let opt = ops::CacheOpt { id: id.clone(), sharing: sharing.into() };
                ops::Mount {
                    selector: selector.clone(),
                    result_id: base.clone(),
                    cache_opt: Some(opt),
                    ..mount(dest, ops::MountType::Cache)
                }
            }
            Self::Tmpfs { dest } => mount(dest, ops::MountType::Tmpfs),
            Self::Secret(secret) => {
                let opt = ops::SecretOpt {
                    id: secret.id.clone(),
                    uid: secret.uid,
                    gid: secret.gid,
                    mode: secret.mode,
                    optional: secret.optional,
                };
                ops::Mount { secret_opt: Some(opt), ..mount(&secret.dest, ops::MountType::Secret) }
            }
            Self::Ssh(ssh) => {
                let opt = ops::SshOpt {
                    id: ssh.id.clone(),
                    uid: ssh.uid,
                    gid: ssh.gid,
                    mode: ssh.mode,
                    optional: ssh.optional,
                };
                ops::Mount { ssh_opt: Some(opt), ..mount(&ssh.dest, ops::MountType::Ssh) }
            }
        }
    }
}

/// An id of letters and digits that no container of the daemon has: it is the runtime's own name for it.
fn new_id() -> String {
    // The system's library hashes with random keys.
    let random = || RandomState::new().build_hasher().finish();
    format!("gateway{:016x}{:016x}", random(), random())
}
