//! Execs.

use buildkit_llb as llb;

use super::{Result, State, Translation};
use crate::llb::description::*;

impl Translation<'_> {
    pub(super) fn add_exec(&mut self, exec: &Exec, meta: &Meta) -> Result<()> {
        let own = meta.platform.as_ref().map(Platform::to_llb);
        let root = self.state(&exec.root);
        let platform = own.clone().or(root.platform.clone()).unwrap_or_else(|| self.platform.clone());
        let op = self.exec(exec, &root, platform)?;
        let mounts = exec.mounts.iter().filter(|mount| mount.is_output());
        let mounts = mounts.map(|mount| (mount.dest.as_str(), self.state(&mount.input).platform));
        let mut platforms: Vec<(&str, Option<llb::Platform>)> = mounts.collect();
        platforms.push(("/", root.platform));

        let dests = ["/"].into_iter().chain(exec.mounts.iter().map(|mount| mount.dest.as_str()));
        let outputs: Vec<Option<u32>> = dests.clone().map(|dest| op.output_at(dest)).collect();
        let id = self.add_op(op, meta)?;
        let states = dests.zip(outputs).enumerate().filter_map(|(index, (dest, output))| {
            let platform = platforms.iter().find(|(other, _)| *other == dest)?.1.clone();
            let platform = own.as_ref().map(llb::Platform::normalized).or(platform);
            Some((index, State { output: Some(id.output(output?)), platform }))
        });
        let states = states.collect();
        self.nodes.push(states);
        Ok(())
    }

    fn exec(&self, exec: &Exec, root: &State, platform: llb::Platform) -> Result<llb::ExecOp> {
        let mut op = llb::ExecOp::new(root.output, &exec.args, platform);
        op.env = exec.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        op.cwd = directory(exec.dirs.iter().map(String::as_str));
        op.user.clone_from(&exec.user);
        op.hostname.clone_from(&exec.hostname);
        op.network = match exec.network {
            None => llb::Network::Sandbox,
            Some(Network::Host) => llb::Network::Host,
            Some(Network::None) => llb::Network::None,
        };
        op.security = if exec.insecure { llb::Security::Insecure } else { llb::Security::Sandbox };
        op.proxy = exec.proxy.as_ref().map(|proxy| llb::ProxyEnv {
            http: proxy.http.clone(),
            https: proxy.https.clone(),
            ftp: proxy.ftp.clone(),
            no: proxy.no.clone(),
            all: proxy.all.clone(),
        });
        for extra in &exec.extra_hosts {
            op.extra_hosts
                .push(llb::ExtraHost { host: extra.host.clone(), ip: extra.ip.parse()? });
        }
        let ulimits = exec.ulimits.iter();
        op.ulimits = ulimits
            .map(|limit| llb::Ulimit { name: limit.name.clone(), soft: limit.soft, hard: limit.hard })
            .collect();
        op.cgroup_parent.clone_from(&exec.cgroup_parent);
        op.valid_exit_codes.clone_from(&exec.exit_codes);
        let devices = exec.devices.iter();
        op.devices = devices
            .map(|device| llb::Device { name: device.name.clone(), optional: device.optional })
            .collect();
        op.mounts[0].readonly = exec.readonly_root;
        op.mounts
            .extend(exec.mounts.iter().map(|mount| mount.to_llb(self.output(&mount.input))));
        for secret in &exec.secrets {
            op.secrets.extend(secret.to_mount());
            op.secret_env.extend(secret.to_env());
        }
        op.ssh = exec.ssh.iter().enumerate().map(|(index, ssh)| ssh.to_llb(index)).collect();
        if let Some(first) = op.ssh.first()
            && !op.env.iter().any(|entry| entry.starts_with("SSH_AUTH_SOCK="))
        {
            op.env.push(format!("SSH_AUTH_SOCK={}", first.dest));
        }
        Ok(op)
    }
}

/// Where the last of these leads, each relative to the one before it, the first one to the root.
pub(super) fn directory<'a>(dirs: impl IntoIterator<Item = &'a str>) -> String {
    dirs.into_iter().fold("/".to_owned(), |cwd, dir| {
        if llb::path::is_absolute(dir) { dir.to_owned() } else { llb::path::join(&[&cwd, dir]) }
    })
}

impl Mount {
    fn to_llb(&self, input: Option<llb::Output>) -> llb::Mount {
        let dest = self.dest.as_str();
        let mount = match (&self.cache, &self.tmpfs) {
            (Some(cache), _) => {
                let sharing = match cache.sharing {
                    Sharing::Shared => llb::CacheSharing::Shared,
                    Sharing::Private => llb::CacheSharing::Private,
                    Sharing::Locked => llb::CacheSharing::Locked,
                };
                llb::Mount::cache(dest, &cache.id, sharing).with_input(input)
            }
            (None, Some(tmpfs)) => llb::Mount::tmpfs(dest, tmpfs.size),
            (None, None) => llb::Mount::bind(dest, input),
        };
        llb::Mount {
            selector: self.selector.clone(),
            readonly: self.readonly,
            no_output: self.no_output,
            content_cache: match self.content_cache {
                None => llb::ContentCache::Default,
                Some(ContentCache::On) => llb::ContentCache::On,
                Some(ContentCache::Off) => llb::ContentCache::Off,
            },
            ..mount
        }
    }
}

impl Secret {
    fn to_mount(&self) -> Option<llb::SecretMount> {
        let mut mount = llb::SecretMount::new(&self.id, self.dest.as_ref()?);
        if let Some(file) = &self.file {
            (mount.uid, mount.gid, mount.mode) = (file.uid, file.gid, file.mode);
        }
        mount.optional = self.optional;
        Some(mount)
    }

    fn to_env(&self) -> Option<llb::SecretEnv> {
        let name = self.env.as_ref()?;
        Some(llb::SecretEnv { optional: self.optional, ..llb::SecretEnv::new(&self.id, name) })
    }
}

impl Ssh {
    fn to_llb(&self, index: usize) -> llb::SshMount {
        let default = llb::SshMount::default_dest(index);
        let dest = if self.dest.is_empty() { default } else { self.dest.clone() };
        let mut mount = llb::SshMount::new(&self.id, dest);
        if let Some(file) = &self.file {
            (mount.uid, mount.gid, mount.mode) = (file.uid, file.gid, file.mode);
        }
        mount.optional = self.optional;
        mount
    }
}
