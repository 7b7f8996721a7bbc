//! A process over its mounts.
//!
//! Order and defaults of the wire form as in BuildKit v0.34 client/llb/exec.go.

use std::net::IpAddr;

use buildkit_proto::pb;

use crate::op::{Body, Inputs};
use crate::{Mount, OpError, Output, Platform, SecretEnv, SecretMount, SshMount, caps};

/// Runs a process to its end. Each writable mount becomes an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOp {
    /// The program and its arguments.
    pub args: Vec<String>,
    /// `NAME=value` each, in an order that is part of the digest. The daemon adds `PATH` where there is none.
    pub env: Vec<String>,
    /// The working directory, an absolute path.
    pub cwd: String,
    /// A name or number, with an optional group after a colon; empty for root.
    pub user: String,
    /// The container's name; empty for the daemon's choice.
    pub hostname: String,
    /// What the process reaches.
    pub network: Network,
    /// What the process may do.
    pub security: Security,
    /// Proxies for the environment, which are not part of the cache key.
    pub proxy: Option<ProxyEnv>,
    /// Lines for the hosts file.
    pub extra_hosts: Vec<ExtraHost>,
    /// Resource limits of the process.
    pub ulimits: Vec<Ulimit>,
    /// The parent of the container's control group; empty for the daemon's choice.
    pub cgroup_parent: String,
    /// Exit codes that count as success; none means zero.
    pub valid_exit_codes: Vec<i32>,
    /// The root filesystem, at `/`, and what is mounted into it. They are sorted by destination on the wire.
    pub mounts: Vec<Mount>,
    /// Secrets as files.
    pub secrets: Vec<SecretMount>,
    /// Secrets in the environment.
    pub secret_env: Vec<SecretEnv>,
    /// Agent sockets.
    pub ssh: Vec<SshMount>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Of which worker and which emulator.
    pub platform: Platform,
}

/// What a process reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// The world, from a network of its own.
    #[default]
    Sandbox,
    /// The host's network; needs the entitlement `network.host`.
    Host,
    /// Nothing but itself.
    None,
}

/// What a process may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// What a container may.
    #[default]
    Sandbox,
    /// Everything; needs the entitlement `security.insecure`.
    Insecure,
}

/// Proxies, which the daemon puts into the environment in upper and lower case; empty for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyEnv {
    /// `HTTP_PROXY`.
    pub http: String,
    /// `HTTPS_PROXY`.
    pub https: String,
    /// `FTP_PROXY`.
    pub ftp: String,
    /// `NO_PROXY`.
    pub no: String,
    /// `ALL_PROXY`.
    pub all: String,
}

/// A line of the hosts file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraHost {
    /// The name.
    pub host: String,
    /// Its address.
    pub ip: IpAddr,
}

/// A resource limit of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// `nofile`, `nproc`, …
    pub name: String,
    /// What is in force at first.
    pub soft: i64,
    /// What the process may raise it to.
    pub hard: i64,
}

/// A device by its Container Device Interface name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// `vendor/class=name`.
    pub name: String,
    /// Without the device the process runs all the same.
    pub optional: bool,
}

impl Ulimit {
    /// The names of the resource limits that Linux knows.
    pub const NAMES: [&'static str; 15] = [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];
}

impl ExecOp {
    /// This program on this root filesystem (`None` for an empty one), in `/`, as root, with nothing else.
    #[must_use]
    pub fn new<S: Into<String>>(
        root: Option<Output>,
        args: impl IntoIterator<Item = S>,
        platform: Platform,
    ) -> Self {
        Self {
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            cwd: "/".to_owned(),
            user: String::new(),
            hostname: String::new(),
            network: Network::default(),
            security: Security::default(),
            proxy: None,
            extra_hosts: Vec::new(),
            ulimits: Vec::new(),
            cgroup_parent: String::new(),
            valid_exit_codes: Vec::new(),
            mounts: vec![Mount::bind("/", root)],
            secrets: Vec::new(),
            secret_env: Vec::new(),
            ssh: Vec::new(),
            devices: Vec::new(),
            platform,
        }
    }

    /// The same with one more mount.
    #[must_use]
    pub fn with_mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }

    /// Which output the mount at this destination becomes; `None` if it is not there or makes none.
    ///
    /// Outputs are numbered by destination, so one more mount can renumber them.
    #[must_use]
    pub fn output_at(&self, dest: &str) -> Option<u32> {
        let with_output = self.sorted_mounts().into_iter().filter(|mount| mount.has_output());
        (0..)
            .zip(with_output)
            .find(|(_, mount)| mount.dest == dest)
            .map(|(index, _)| index)
    }

    pub(crate) fn body(&self) -> Result<Body, OpError> {
        self.validate()?;
        let mut inputs = Inputs::default();
        let mut outputs = 0;
        let mut mounts = Vec::new();
        for mount in self.sorted_mounts() {
            let output = mount.has_output().then_some(outputs);
            outputs += usize::from(output.is_some());
            mounts.push(mount.to_pb(&mut inputs, output));
        }
        mounts.extend(self.secrets.iter().map(SecretMount::to_pb));
        mounts.extend(self.ssh.iter().map(SshMount::to_pb));
        let op = pb::ExecOp {
            meta: Some(self.meta()),
            mounts,
            network: match self.network {
                Network::Sandbox => pb::NetMode::Unset,
                Network::Host => pb::NetMode::Host,
                Network::None => pb::NetMode::None,
            }
            .into(),
            security: match self.security {
                Security::Sandbox => pb::SecurityMode::Sandbox,
                Security::Insecure => pb::SecurityMode::Insecure,
            }
            .into(),
            secretenv: self.secret_env.iter().map(SecretEnv::to_pb).collect(),
            cdi_devices: self
                .devices
                .iter()
                .map(|device| pb::CdiDevice { name: device.name.clone(), optional: device.optional })
                .collect(),
        };
        Ok(Body {
            inputs: inputs.into_list(),
            visits: None,
            platform: Some(self.platform.clone()),
            op: pb::op::Op::Exec(op),
            outputs: u32::try_from(outputs).unwrap_or(u32::MAX),
            caps: self.caps(),
        })
    }

    fn validate(&self) -> Result<(), OpError> {
        let Some(program) = self.args.first() else {
            return Err(OpError::ExecWithoutArgs);
        };
        if self.cwd.is_empty() {
            return Err(OpError::ExecWithoutCwd { program: program.clone() });
        }
        if !self.mounts.iter().any(|mount| mount.dest == "/") {
            return Err(OpError::ExecWithoutRoot { program: program.clone() });
        }
        let own = || program.clone();
        if let Some(ulimit) = self
            .ulimits
            .iter()
            .find(|ulimit| !Ulimit::NAMES.contains(&ulimit.name.as_str()))
        {
            return Err(OpError::UnknownUlimit { program: own(), name: ulimit.name.clone() });
        }
        if let Some(device) = self.devices.iter().find(|device| !is_device(&device.name)) {
            return Err(OpError::Device { program: own(), device: device.name.clone() });
        }
        if let Some(entry) = self.env.iter().find(|entry| matches!(entry.find('='), None | Some(0))) {
            return Err(OpError::Environment { program: own(), entry: entry.clone() });
        }
        let mut variables = self.secret_env.iter().map(|secret| &secret.name);
        if let Some(name) = variables.find(|name| name.is_empty() || name.contains('=')) {
            return Err(OpError::Environment { program: own(), entry: name.clone() });
        }
        let files = self.secrets.iter().map(|secret| (&secret.id, &secret.dest));
        let mut secrets = files.chain(self.secret_env.iter().map(|secret| (&secret.id, &secret.name)));
        if let Some((_, place)) = secrets.find(|(id, _)| id.is_empty()) {
            return Err(OpError::SecretWithoutId { program: own(), place: place.clone() });
        }
        let has_zero = |texts: &[String]| texts.iter().any(|text| text.contains('\0'));
        for (place, found) in [
            ("its arguments", has_zero(&self.args)),
            ("its environment", has_zero(&self.env)),
            ("its working directory", self.cwd.contains('\0')),
        ] {
            if found {
                return Err(OpError::ExecZeroByte { program: own(), place });
            }
        }
        let secrets = self.secrets.iter().map(|secret| &secret.dest);
        if secrets.chain(self.ssh.iter().map(|ssh| &ssh.dest)).any(String::is_empty) {
            return Err(OpError::MountWithoutDest { program: own() });
        }
        self.mounts.iter().try_for_each(|mount| mount.validate(program))
    }

    /// Of two mounts with one destination the later one stays behind, and above, the earlier one.
    fn sorted_mounts(&self) -> Vec<&Mount> {
        let mut mounts: Vec<&Mount> = self.mounts.iter().collect();
        mounts.sort_by(|a, b| a.dest.cmp(&b.dest));
        mounts
    }

    fn meta(&self) -> pb::Meta {
        pb::Meta {
            args: self.args.clone(),
            env: self.env.clone(),
            cwd: self.cwd.clone(),
            user: self.user.clone(),
            proxy_env: self.proxy.as_ref().map(|proxy| pb::ProxyEnv {
                http_proxy: proxy.http.clone(),
                https_proxy: proxy.https.clone(),
                ftp_proxy: proxy.ftp.clone(),
                no_proxy: proxy.no.clone(),
                all_proxy: proxy.all.clone(),
            }),
            extra_hosts: self
                .extra_hosts
                .iter()
                // Go writes an IPv4 address within IPv6 as plain IPv4.
                .map(|extra| pb::HostIp { host: extra.host.clone(), ip: extra.ip.to_canonical().to_string() })
                .collect(),
            hostname: self.hostname.clone(),
            ulimit: self
                .ulimits
                .iter()
                .map(|ulimit| pb::Ulimit { name: ulimit.name.clone(), soft: ulimit.soft, hard: ulimit.hard })
                .collect(),
            cgroup_parent: self.cgroup_parent.clone(),
            remove_mount_stubs_recursive: true,
            valid_exit_codes: self.valid_exit_codes.clone(),
        }
    }

    fn caps(&self) -> Vec<&'static str> {
        let mut caps = vec![caps::EXEC_META_BASE];
        for (used, cap) in [
            (self.network != Network::Sandbox, caps::EXEC_META_NETWORK),
            (self.security != Security::Sandbox, caps::EXEC_META_SECURITY),
            (self.proxy.is_some(), caps::EXEC_META_PROXY_ENV),
            (!self.ulimits.is_empty(), caps::EXEC_META_ULIMIT),
            (!self.valid_exit_codes.is_empty(), caps::EXEC_VALID_EXIT_CODE),
            (!self.devices.is_empty(), caps::EXEC_META_CDI),
            // Whatever form the secrets take.
            (!self.secrets.is_empty() || !self.secret_env.is_empty(), caps::EXEC_MOUNT_SECRET),
            (!self.secret_env.is_empty(), caps::EXEC_SECRET_ENV),
            (!self.ssh.is_empty(), caps::EXEC_MOUNT_SSH),
        ] {
            if used {
                caps.push(cap);
            }
        }
        for mount in &self.mounts {
            mount.add_caps(&mut caps);
        }
        caps
    }
}

/// `vendor/class=name`, or without a name for all of a class.
fn is_device(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(vendor, rest)| !vendor.is_empty() && !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CacheSharing, OpId};

    const BASE: Output = Output { op: OpId(0), index: 0 };

    fn exec() -> ExecOp {
        ExecOp::new(Some(BASE), ["make", "all"], Platform::new("linux", "amd64"))
    }

    fn refused(change: impl FnOnce(&mut ExecOp)) -> OpError {
        let mut op = exec();
        change(&mut op);
        op.body().err().expect("an error")
    }

    fn wire(op: &ExecOp) -> pb::ExecOp {
        match op.body().unwrap().op {
            pb::op::Op::Exec(exec) => exec,
            _ => panic!("an exec op"),
        }
    }

    #[test]
    fn what_cannot_run_is_refused() {
        let program = || "make".to_owned();
        assert_eq!(refused(|op| op.args.clear()), OpError::ExecWithoutArgs);
        assert_eq!(refused(|op| op.cwd.clear()), OpError::ExecWithoutCwd { program: program() });
        assert_eq!(refused(|op| op.mounts.clear()), OpError::ExecWithoutRoot { program: program() });
        for (error, expected) in [
            (
                refused(|op| op.ulimits.push(Ulimit { name: "files".to_owned(), soft: 1, hard: 1 })),
                "has the ulimit \"files\", which does not exist: there are core, cpu, ",
            ),
            (
                refused(|op| op.mounts.push(Mount::tmpfs("/t", 0).with_input(Some(BASE)))),
                "has a tmpfs mount at \"/t\" with an input: it starts empty",
            ),
            (
                refused(|op| op.mounts.push(Mount::tmpfs("/t", -1))),
                "at \"/t\" of -1 bytes: 0 is for no limit",
            ),
            (
                refused(|op| op.mounts.push(Mount::cache("/c", "", CacheSharing::Shared))),
                "has a cache mount at \"/c\" without id",
            ),
            (refused(|op| op.mounts.push(Mount::bind("", None))), "has a mount without destination"),
            (refused(|op| op.ssh.push(SshMount::new("", ""))), "has a mount without destination"),
            (refused(|op| op.secrets.push(SecretMount::new("", "/s"))), "has a secret at \"/s\" without id"),
            (refused(|op| op.secret_env.push(SecretEnv::new("", "S"))), "has a secret at \"S\" without id"),
            (refused(|op| op.secret_env.push(SecretEnv::new("s", ""))), "has \"\" in its environment"),
            (
                refused(|op| op.env.push("A".to_owned())),
                "has \"A\" in its environment, which is not NAME=value",
            ),
            (refused(|op| op.env.push("=A".to_owned())), "has \"=A\" in its environment"),
            (refused(|op| op.args.push("a\0".to_owned())), "has a zero byte in its arguments"),
            (
                refused(|op| op.devices.push(Device { name: "gpu".to_owned(), optional: true })),
                "has the device \"gpu\", which is not vendor/class=name",
            ),
        ] {
            let error = error.to_string();
            assert!(error.starts_with("the exec of \"make\" ") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn outputs_are_numbered_by_destination() {
        let op = exec()
            .with_mount(Mount::bind("/z", None))
            .with_mount(Mount::bind("/ro", None).readonly())
            .with_mount(Mount::tmpfs("/t", 0))
            .with_mount(Mount::bind("/a", None));
        let numbers = ["/", "/a", "/ro", "/t", "/z", "/none"].map(|dest| op.output_at(dest));
        assert_eq!(numbers, [Some(0), Some(1), None, None, Some(2), None]);
        assert_eq!(op.body().unwrap().outputs, 3);
        let on_wire: Vec<_> = wire(&op).mounts.into_iter().map(|mount| (mount.dest, mount.output)).collect();
        let expected = [("/", 0), ("/a", 1), ("/ro", -1), ("/t", -1), ("/z", 2)];
        assert_eq!(on_wire, expected.map(|(dest, output)| (dest.to_owned(), output)));
    }

    #[test]
    fn mounts_at_one_place_keep_their_order() {
        let selectors = ["s", "a", "m"];
        let mounts = selectors.map(|path| Mount::bind("/same", Some(BASE)).selecting(path));
        let op = mounts.into_iter().fold(exec(), ExecOp::with_mount);
        let on_wire: Vec<_> = wire(&op).mounts.into_iter().map(|mount| mount.selector).collect();
        assert_eq!(on_wire, ["", "s", "a", "m"]);
        assert_eq!(op.body().unwrap().inputs, [BASE], "an input is there once");
    }

    #[test]
    fn secrets_and_sockets_come_after_the_sorted_mounts() {
        let mut op = exec().with_mount(Mount::bind("/z", None));
        op.ssh.push(SshMount::new("", SshMount::default_dest(0)));
        op.secrets.push(SecretMount::new("b", "/b"));
        op.secrets.push(SecretMount::new("a", "/a"));
        let on_wire: Vec<_> = wire(&op).mounts.into_iter().map(|mount| mount.dest).collect();
        assert_eq!(on_wire, ["/", "/z", "/b", "/a", "/run/buildkit/ssh_agent.0"]);
    }

    #[test]
    fn a_secret_in_the_environment_needs_both_capabilities() {
        let mut op = exec();
        op.secret_env.push(SecretEnv::new("token", "TOKEN"));
        let caps = op.body().unwrap().caps;
        assert!(caps.contains(&caps::EXEC_MOUNT_SECRET) && caps.contains(&caps::EXEC_SECRET_ENV));
    }
}
