//! The container of a step that failed: what it had and left, and the process that it ran.
//!
//! A failed solve tells the step's op, and an id for each mount that has a filesystem. They stay valid until the build ends.
//! Source: BuildKit v0.34 `solver/llbsolver/ops/exec.go`, `solver/pb/json.go`.

use std::net::IpAddr;

use buildkit_llb::{CacheSharing, ExtraHost, Network, SecretEnv, SecretMount, Security, SshMount};
use buildkit_proto::pb as ops;
use serde::{Deserialize, Deserializer};

use crate::container::{ContainerMount, ContainerRequest};
use crate::errdefs::Solve;
use crate::process::ProcessRequest;

/// How to look into a step that failed.
#[derive(Debug, Clone)]
pub struct FailedStep {
    /// Its filesystem as it left it, with its mounts. It runs where the worker's own programs do.
    pub container: ContainerRequest,
    /// What it ran; with other arguments, such as a shell's, a process has the same environment.
    pub process: ProcessRequest,
}

impl Solve {
    /// The container of the step that failed.
    ///
    /// None if the op runs nothing, if it failed before anything was mounted, or if its mounts are of no kind that is known
    /// here.
    #[must_use]
    pub fn failed_step(&self) -> Option<FailedStep> {
        let op = self.op.as_ref()?;
        let exec = op.get("exec").or_else(|| op.get("Op")?.get("exec"))?;
        let exec = Exec::deserialize(exec).ok()?;
        if self.mount_ids.len() < exec.mounts.len() {
            return None;
        }
        let mounts = exec
            .mounts
            .into_iter()
            .zip(&self.mount_ids)
            .map(|(mount, id)| mount.asked_for(id));
        let meta = exec.meta;
        let hosts = meta.extra_hosts.into_iter();
        let container = ContainerRequest {
            mounts: mounts.collect::<Option<_>>()?,
            network: exec.network.of([
                ("UNSET", Network::Sandbox),
                ("HOST", Network::Host),
                ("NONE", Network::None),
            ])?,
            platform: None,
            extra_hosts: hosts.map(|host| ExtraHost { host: host.host, ip: host.ip }).collect(),
            hostname: meta.hostname,
        };
        let secrets = exec.secret_env.into_iter();
        let process = ProcessRequest {
            args: meta.args,
            env: meta.env,
            secret_env: secrets
                .map(|secret| SecretEnv {
                    optional: secret.optional,
                    ..SecretEnv::new(secret.id, secret.name)
                })
                .collect(),
            cwd: meta.cwd,
            user: meta.user,
            stdin: false,
            tty: false,
            security: exec
                .security
                .of([("SANDBOX", Security::Sandbox), ("INSECURE", Security::Insecure)])?,
        };
        Some(FailedStep { container, process })
    }
}

impl Mount {
    fn asked_for(self, id: &str) -> Option<ContainerMount> {
        let Self { dest, selector, readonly, .. } = self;
        use ops::MountType::{Bind, Cache, Secret, Ssh, Tmpfs};
        let kinds = [("BIND", Bind), ("SECRET", Secret), ("SSH", Ssh), ("CACHE", Cache), ("TMPFS", Tmpfs)];
        Some(match self.kind.of(kinds)? {
            Bind => ContainerMount::Failed { dest, id: id.to_owned(), selector, readonly },
            Secret => {
                let Named { id, uid, gid, mode, optional, .. } = self.secret?;
                ContainerMount::Secret(SecretMount { id, dest, uid, gid, mode, optional })
            }
            Ssh => {
                let Named { id, uid, gid, mode, optional, .. } = self.ssh?;
                ContainerMount::Ssh(SshMount { id, dest, uid, gid, mode, optional })
            }
            Cache => {
                let cache = self.cache?;
                let sharing = cache.sharing.of([
                    ("SHARED", CacheSharing::Shared),
                    ("PRIVATE", CacheSharing::Private),
                    ("LOCKED", CacheSharing::Locked),
                ])?;
                ContainerMount::Cache { dest, id: cache.id, base: id.to_owned(), selector, sharing }
            }
            Tmpfs => ContainerMount::Tmpfs { dest },
        })
    }
}

/// An exec as a daemon's JSON has it: what is empty or zero may be left out, or null.
///
/// Values of enums have names there, and had numbers in daemons up to BuildKit v0.18.
#[derive(Deserialize)]
struct Exec {
    meta: Meta,
    #[serde(default, deserialize_with = "or_empty")]
    mounts: Vec<Mount>,
    #[serde(default)]
    network: Choice,
    #[serde(default)]
    security: Choice,
    #[serde(default, rename = "secretenv", deserialize_with = "or_empty")]
    secret_env: Vec<Named>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default, deserialize_with = "or_empty")]
    args: Vec<String>,
    #[serde(default, deserialize_with = "or_empty")]
    env: Vec<String>,
    #[serde(default)]
    cwd: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    hostname: String,
    #[serde(default, rename = "extraHosts", deserialize_with = "or_empty")]
    extra_hosts: Vec<Host>,
}

#[derive(Deserialize)]
struct Host {
    #[serde(rename = "Host")]
    host: String,
    #[serde(rename = "IP")]
    ip: IpAddr,
}

#[derive(Deserialize)]
struct Mount {
    #[serde(default)]
    dest: String,
    #[serde(default)]
    selector: String,
    #[serde(default)]
    readonly: bool,
    #[serde(default, rename = "mountType")]
    kind: Choice,
    #[serde(rename = "cacheOpt")]
    cache: Option<Named>,
    #[serde(rename = "secretOpt")]
    secret: Option<Named>,
    #[serde(rename = "SSHOpt")]
    ssh: Option<Named>,
}

/// What a session or a daemon has under a name.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    #[serde(rename = "ID")]
    id: String,
    name: String,
    sharing: Choice,
    uid: u32,
    gid: u32,
    mode: u32,
    optional: bool,
}

/// A value of an enum.
#[derive(Deserialize)]
#[serde(untagged)]
enum Choice {
    Number(usize),
    Name(String),
}

impl Default for Choice {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Choice {
    /// One of the values, in the order of their numbers.
    fn of<T: Copy, const N: usize>(&self, values: [(&str, T); N]) -> Option<T> {
        let found = match self {
            Self::Number(number) => values.get(*number),
            Self::Name(name) => values.iter().find(|(known, _)| known == name),
        };
        found.map(|(_, value)| *value)
    }
}

fn or_empty<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_that_failed_is_asked_for_with_all_that_it_had() {
        let op = json!({ "exec": {
            "meta": { "args": ["false"], "cwd": "/app", "user": "node",
                "extraHosts": [{ "Host": "db", "IP": "10.0.0.1" }] },
            "mounts": [
                { "dest": "/" },
                { "input": "1", "selector": "/sub", "dest": "/in", "output": "-1", "readonly": true },
                { "input": "2", "selector": "/made", "dest": "/cache", "mountType": 3,
                    "cacheOpt": { "ID": "c", "sharing": 2 } },
                { "input": "-1", "dest": "/tmp", "mountType": "TMPFS", "TmpfsOpt": {} },
                { "input": -1, "dest": "/token", "mountType": "SECRET", "secretOpt": { "ID": "t", "mode": 256 } }
            ],
            "network": "NONE",
            "secretenv": [{ "ID": "t", "name": "TOKEN" }]
        } });
        let older = json!({ "Op": op });
        let solve = Solve {
            mount_ids: ["a", "b", "c", "", ""].map(str::to_owned).to_vec(),
            op: Some(op),
            ..Solve::default()
        };
        assert!(Solve { op: Some(older), ..solve.clone() }.failed_step().is_some());
        let step = solve.failed_step().unwrap();
        let failed = |dest: &str, id: &str, selector: &str, readonly| ContainerMount::Failed {
            dest: dest.to_owned(),
            id: id.to_owned(),
            selector: selector.to_owned(),
            readonly,
        };
        assert_eq!(
            step.container.mounts,
            [
                failed("/", "a", "", false),
                failed("/in", "b", "/sub", true),
                ContainerMount::Cache {
                    dest: "/cache".to_owned(),
                    id: "c".to_owned(),
                    base: "c".to_owned(),
                    selector: "/made".to_owned(),
                    sharing: CacheSharing::Locked
                },
                ContainerMount::Tmpfs { dest: "/tmp".to_owned() },
                ContainerMount::Secret(SecretMount { mode: 256, ..SecretMount::new("t", "/token") }),
            ]
        );
        assert_eq!((step.container.network, step.container.extra_hosts.len()), (Network::None, 1));
        assert_eq!((&*step.process.cwd, &*step.process.user), ("/app", "node"));
        assert_eq!(step.process.secret_env, [SecretEnv::new("t", "TOKEN")]);

        let early = Solve { mount_ids: Vec::new(), ..solve };
        assert!(early.failed_step().is_none());
        let file = Solve { op: Some(json!({ "file": {} })), ..Solve::default() };
        assert!(file.failed_step().is_none());
    }
}
