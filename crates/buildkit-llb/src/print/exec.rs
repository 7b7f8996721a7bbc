//! Exec ops as text.

use buildkit_proto::pb;

use super::{Text, index_name, rest, word};

pub(super) fn print(exec: &pb::ExecOp, inputs: &[String], text: &mut Text) {
    let meta = exec.meta.clone().unwrap_or_default();
    text.title = "exec".to_owned();
    for arg in &meta.args {
        text.title.push(' ');
        text.title.push_str(&word(arg));
    }
    for env in &meta.env {
        text.line(format!("env {}", rest(env)));
    }
    if meta.cwd != "/" {
        text.line(format!("cwd {}", word(&meta.cwd)));
    }
    text.unless_empty("user", &meta.user);
    text.unless_empty("hostname", &meta.hostname);
    if let Some(proxy) = &meta.proxy_env {
        text.unless_empty("http proxy", &proxy.http_proxy);
        text.unless_empty("https proxy", &proxy.https_proxy);
        text.unless_empty("ftp proxy", &proxy.ftp_proxy);
        text.unless_empty("no proxy", &proxy.no_proxy);
        text.unless_empty("all proxy", &proxy.all_proxy);
    }
    for extra in &meta.extra_hosts {
        text.line(format!("host {} {}", word(&extra.host), extra.ip));
    }
    for ulimit in &meta.ulimit {
        text.line(format!("ulimit {} {}:{}", word(&ulimit.name), ulimit.soft, ulimit.hard));
    }
    text.unless_empty("cgroup parent", &meta.cgroup_parent);
    if !meta.remove_mount_stubs_recursive {
        text.line("keeps parents of mount points".to_owned());
    }
    if !meta.valid_exit_codes.is_empty() {
        text.line(format!("exit codes {:?}", meta.valid_exit_codes));
    }
    if exec.network() != pb::NetMode::Unset {
        text.line(format!("network {}", exec.network().as_str_name().to_lowercase()));
    }
    if exec.security() != pb::SecurityMode::Sandbox {
        text.line(format!("security {}", exec.security().as_str_name().to_lowercase()));
    }
    for mount in &exec.mounts {
        text.line(mount_line(mount, inputs));
    }
    for secret in &exec.secretenv {
        let line = format!("secret {} as env {}", word(&secret.id), word(&secret.name));
        text.line(line + optional(secret.optional));
    }
    for device in &exec.cdi_devices {
        text.line(format!("device {}", word(&device.name)) + optional(device.optional));
    }
}

fn mount_line(mount: &pb::Mount, inputs: &[String]) -> String {
    let mut line = format!("mount {}", word(&mount.dest));
    let mut add = |part: String| {
        line.push(' ');
        line.push_str(&part);
    };
    let from = index_name(mount.input, inputs);
    match mount.mount_type() {
        pb::MountType::Bind => add(from),
        pb::MountType::Cache => {
            let cache = mount.cache_opt.clone().unwrap_or_default();
            add(format!("cache {} {}", word(&cache.id), cache.sharing().as_str_name().to_lowercase()));
            if mount.input >= 0 {
                add(format!("from {from}"));
            }
        }
        pb::MountType::Tmpfs => {
            add("tmpfs".to_owned());
            match mount.tmpfs_opt.unwrap_or_default().size {
                0 => {}
                size => add(format!("{size} bytes")),
            }
        }
        pb::MountType::Secret => {
            let secret = mount.secret_opt.clone().unwrap_or_default();
            add(format!("secret {}", word(&secret.id)) + &file_of(secret.uid, secret.gid, secret.mode));
            return line + optional(secret.optional);
        }
        pb::MountType::Ssh => {
            let ssh = mount.ssh_opt.clone().unwrap_or_default();
            add(format!("ssh {}", word(&ssh.id)) + &file_of(ssh.uid, ssh.gid, ssh.mode));
            return line + optional(ssh.optional);
        }
    }
    if !mount.selector.is_empty() {
        add(format!("at {}", word(&mount.selector)));
    }
    if mount.readonly {
        add("readonly".to_owned());
    }
    if mount.content_cache() != pb::MountContentCache::Default {
        add(format!("content cache {}", mount.content_cache().as_str_name().to_lowercase()));
    }
    if mount.output >= 0 {
        add(format!("-> output {}", mount.output));
    }
    line
}

fn file_of(uid: u32, gid: u32, mode: u32) -> String {
    match (uid, gid) {
        (0, 0) => format!(" mode {mode:04o}"),
        _ => format!(" mode {mode:04o} owner {uid}:{gid}"),
    }
}

fn optional(optional: bool) -> &'static str {
    if optional { " optional" } else { "" }
}
