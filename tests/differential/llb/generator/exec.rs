//! Execs with every kind of mount.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Generator, Nodes};
use crate::llb::description::*;

const ULIMITS: [&str; 15] = [
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

impl Generator {
    pub(crate) fn exec(&mut self, graph: &Nodes) -> Exec {
        let readonly_root = self.one_in(6);
        let mut mounts = self.mounts(graph);
        if readonly_root && !mounts.iter().any(Mount::is_output) {
            mounts.push(Mount { dest: "/made".to_owned(), ..Mount::default() });
        }
        let secrets = self.list(4, 3, Self::secret);
        Exec {
            args: [self.word()].into_iter().chain(self.list(1, 4, Self::given)).collect(),
            env: self.env(),
            dirs: self.list(2, 3, Self::path),
            user: self.sometimes(4, Self::word).unwrap_or_default(),
            hostname: self.sometimes(6, Self::word).unwrap_or_default(),
            network: self.sometimes(5, |own| if own.one_in(2) { Network::Host } else { Network::None }),
            insecure: self.one_in(8),
            proxy: self.sometimes(6, |own| Proxy {
                http: own.maybe_text(2),
                https: own.maybe_text(2),
                ftp: own.maybe_text(2),
                no: own.maybe_text(2),
                all: own.maybe_text(2),
            }),
            extra_hosts: self.list(5, 4, |own| ExtraHost { host: own.word(), ip: own.ip() }),
            ulimits: self.list(5, 3, |own| Ulimit {
                name: own.pick(&ULIMITS).to_string(),
                soft: own.number(),
                hard: own.number(),
            }),
            cgroup_parent: self.maybe_text(6),
            exit_codes: self.list(6, 4, |own| *own.pick(&[0, 1, -1, 127, 128, 255, i32::MAX, i32::MIN])),
            devices: self.list(6, 2, |own| Device {
                name: format!("v.example/c={}", own.hex(4)),
                optional: own.one_in(2),
            }),
            root: self.input(graph),
            readonly_root,
            mounts,
            secrets,
            ssh: self.list(5, 3, Self::ssh),
        }
    }

    /// Each name once: it is the callers of this house who decide about repeated ones.
    fn env(&mut self) -> Vec<(String, String)> {
        let names = ["PATH", "A", "B", "a", "SSH_AUTH_SOCK", "X Y", "É"];
        let mut env = Vec::new();
        let mut there = BTreeSet::new();
        for _ in 0..self.between(0, 5) {
            let name = *self.pick(&names);
            if there.insert(name) {
                env.push((name.to_owned(), self.sometimes(2, Self::given).unwrap_or_default()));
            }
        }
        env
    }

    fn ip(&mut self) -> String {
        if self.one_in(3) {
            return Ipv4Addr::from_bits(self.next() as u32).to_string();
        }
        let special =
            ["::", "::1", "::ffff:1.2.3.4", "::1.2.3.4", "1:0:0:2::3", "fe80::1:0:0:1", "64:ff9b::1.2.3.4"];
        if self.one_in(2) {
            return self.pick(&special).to_string();
        }
        // Many groups are zero, so that runs of them are written short.
        let groups: [u16; 8] = std::array::from_fn(|_| if self.one_in(2) { 0 } else { self.next() as u16 });
        Ipv6Addr::from(groups).to_string()
    }

    /// Up to 14. The Go client does not say in which order more than twelve come of which two have one destination,
    /// so that is left out; and so are outputs of equal destinations, which could not be told apart here.
    fn mounts(&mut self, graph: &Nodes) -> Vec<Mount> {
        let dests =
            ["/a", "/a/b", "/a-b", "/A", "/é", "/z", "/run/x y", "/0", "/a.b", "/tmp", "/a/", "/b", "/c"];
        let count = if self.one_in(10) { self.between(11, 14) } else { self.between(0, 4) };
        let mut mounts: Vec<Mount> = Vec::new();
        while mounts.len() < count {
            let dest = format!("{}{}", self.pick(&dests), self.between(0, 3));
            let mount = self.mount(dest, graph);
            let is_there = mounts.iter().any(|other| other.dest == mount.dest);
            if !is_there || (count < 12 && !mount.is_output()) {
                mounts.push(mount);
            }
        }
        mounts
    }

    fn mount(&mut self, dest: String, graph: &Nodes) -> Mount {
        let kind = self.between(0, 3);
        let sharing = [Sharing::Shared, Sharing::Private, Sharing::Locked];
        let is_tmpfs = kind == 1;
        Mount {
            dest,
            input: if is_tmpfs { None } else { self.input(graph) },
            selector: if self.one_in(3) { self.path() } else { String::new() },
            readonly: self.one_in(4),
            no_output: self.one_in(5),
            content_cache: self
                .sometimes(5, |own| if own.one_in(2) { ContentCache::On } else { ContentCache::Off }),
            cache: (kind == 0).then(|| Cache { id: self.text(), sharing: self.pick(&sharing).clone() }),
            tmpfs: is_tmpfs.then(|| Tmpfs { size: *self.pick(&[0, 1, 65536, i64::MAX]) }),
        }
    }

    fn secret(&mut self) -> Secret {
        let env = self.sometimes(2, Self::word);
        let has_dest = env.is_none() || self.one_in(2);
        Secret {
            id: self.text(),
            dest: has_dest.then(|| format!("/run/secrets/{}", self.word())),
            env,
            file: self.sometimes(2, Self::access),
            optional: self.one_in(2),
        }
    }

    fn ssh(&mut self) -> Ssh {
        Ssh {
            id: self.sometimes(2, Self::word).unwrap_or_default(),
            dest: self.sometimes(2, |own| format!("/run/{}", own.word())).unwrap_or_default(),
            file: self.sometimes(2, Self::access),
            optional: self.one_in(2),
        }
    }

    fn access(&mut self) -> Access {
        Access { uid: self.id(), gid: self.id(), mode: self.mode().into() }
    }
}
