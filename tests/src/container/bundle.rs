//! What runc is told of a container: the image's config as an OCI runtime configuration.
//!
//! Namespaces of its own; a root filesystem that cannot be written, `/tmp` in memory; no capabilities and no way to new
//! privileges, but ports below 1024 for everybody, as docker has it (OCI runtime spec v1.0 `config.md`,
//! `config-linux.md`).

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stagewright::stagewright_plan::config::ContainerConfig;

use super::User;

/// What decides a container.
pub(super) struct Bundle<'a> {
    pub(super) name: &'a str,
    pub(super) image: &'a ContainerConfig,
    pub(super) user: &'a User,
    /// In place of the image's `cmd`.
    pub(super) arguments: Option<&'a [String]>,
    /// Beside the image's, as `NAME=value`.
    pub(super) environment: &'a [String],
    /// Files and directories of the host, and where the container finds them, for reading.
    pub(super) mounts: &'a [(PathBuf, String)],
    /// Directories in memory.
    pub(super) memory: &'a [String],
    /// A network that is there already.
    pub(super) network: Option<&'a Path>,
}

/// The configuration of a container, beside a root filesystem in `rootfs`; nothing when the image has no program.
pub(super) fn config(bundle: &Bundle<'_>) -> Option<Value> {
    let Bundle { name, image, user, .. } = bundle;
    let cmd = bundle.arguments.unwrap_or(&image.cmd);
    let args: Vec<&String> = image.entrypoint.iter().chain(cmd).collect();
    if args.is_empty() {
        return None;
    }
    let mut env = image.env.clone();
    for variable in bundle.environment {
        let name = variable.split('=').next().unwrap_or_default();
        env.retain(|old| old.split('=').next() != Some(name));
        env.push(variable.clone());
    }
    if !env.iter().any(|variable| variable.starts_with("HOME=")) {
        env.push(format!("HOME={}", user.home));
    }
    let cwd = if image.working_dir.is_empty() { "/" } else { &image.working_dir };
    let mut namespaces = ["pid", "mount", "ipc", "uts"].map(|kind| json!({ "type": kind })).to_vec();
    let mut sysctl = json!({});
    match bundle.network {
        Some(path) => namespaces.push(json!({"type": "network", "path": path})),
        None => {
            namespaces.push(json!({"type": "network"}));
            sysctl = json!({"net.ipv4.ip_unprivileged_port_start": "0"});
        }
    }
    Some(json!({
        "ociVersion": "1.0.2",
        "hostname": name,
        "root": {"path": "rootfs", "readonly": true},
        "process": {
            "terminal": false,
            "user": {"uid": user.uid, "gid": user.gid, "additionalGids": user.groups},
            "args": args,
            "env": env,
            "cwd": cwd,
            "noNewPrivileges": true,
            "capabilities": {"bounding": [], "effective": [], "permitted": [], "inheritable": [], "ambient": []},
        },
        "mounts": mounts(bundle),
        "linux": {
            "namespaces": namespaces,
            "sysctl": sysctl,
            "resources": {"devices": [{"allow": false, "access": "rwm"}]},
            "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }))
}

fn mounts(bundle: &Bundle<'_>) -> Vec<Value> {
    let mount = |destination: &str, kind: &str, options: &[&str]| json!({"destination": destination, "type": kind, "source": kind, "options": options});
    let mut list = vec![
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
        mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    ];
    let memory = bundle.memory.iter().map(String::as_str);
    list.extend(
        memory
            .chain(["/tmp"])
            .map(|path| mount(path, "tmpfs", &["nosuid", "nodev", "mode=1777", "size=262144k"])),
    );
    list.extend(bundle.mounts.iter().map(|(source, destination)| {
        json!({"destination": destination, "type": "bind", "source": source, "options": ["bind", "ro"]})
    }));
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> User {
        User { uid: 1000, gid: 1001, groups: vec![29], home: "/home/node".to_owned() }
    }

    fn image() -> ContainerConfig {
        ContainerConfig {
            env: vec!["PORT=1".to_owned(), "MODE=slow".to_owned()],
            entrypoint: vec!["entry".to_owned()],
            cmd: vec!["node".to_owned(), "main.js".to_owned()],
            working_dir: "/app".to_owned(),
            ..ContainerConfig::default()
        }
    }

    fn bundle<'a>(image: &'a ContainerConfig, user: &'a User) -> Bundle<'a> {
        Bundle {
            name: "api",
            image,
            user,
            arguments: None,
            environment: &[],
            mounts: &[],
            memory: &[],
            network: None,
        }
    }

    #[test]
    fn the_process_is_what_the_image_says() {
        let (image, user) = (image(), user());
        let mounts = [(PathBuf::from("/host/jobs"), "/jobs".to_owned())];
        let config = config(&Bundle { mounts: &mounts, ..bundle(&image, &user) }).unwrap();
        let process = &config["process"];
        assert_eq!(process["args"], json!(["entry", "node", "main.js"]));
        assert_eq!(process["cwd"], "/app");
        assert_eq!(process["env"], json!(["PORT=1", "MODE=slow", "HOME=/home/node"]));
        assert_eq!(process["user"], json!({"uid": 1000, "gid": 1001, "additionalGids": [29]}));
        let mounts = config["mounts"].as_array().unwrap();
        assert_eq!(mounts.last().unwrap()["options"], json!(["bind", "ro"]));
    }

    #[test]
    fn whoever_runs_it_has_the_last_word() {
        let (image, user) = (image(), user());
        let (arguments, environment) = (["version".to_owned()], ["PORT=2".to_owned()]);
        let bundle = Bundle {
            arguments: Some(&arguments),
            environment: &environment,
            network: Some(Path::new("/proc/7/ns/net")),
            ..bundle(&image, &user)
        };
        let config = config(&bundle).unwrap();
        assert_eq!(config["process"]["args"], json!(["entry", "version"]));
        assert_eq!(config["process"]["env"], json!(["MODE=slow", "PORT=2", "HOME=/home/node"]));
        let namespaces = config["linux"]["namespaces"].as_array().unwrap();
        assert!(namespaces.contains(&json!({"type": "network", "path": "/proc/7/ns/net"})));
        assert_eq!(config["linux"]["sysctl"], json!({}));
    }

    #[test]
    fn nothing_is_allowed_that_is_not_needed() {
        let (image, user) = (image(), user());
        let config = config(&bundle(&image, &user)).unwrap();
        assert_eq!(config["root"]["readonly"], true);
        assert_eq!(config["process"]["noNewPrivileges"], true);
        let capabilities = config["process"]["capabilities"].as_object().unwrap();
        assert!(capabilities.values().all(|set| *set == json!([])));
        let namespaces = config["linux"]["namespaces"].as_array().unwrap();
        assert!(namespaces.contains(&json!({"type": "network"})));
        assert!(namespaces.iter().all(|namespace| namespace.get("path").is_none()));
    }

    #[test]
    fn an_image_without_a_program_is_refused() {
        assert_eq!(config(&bundle(&ContainerConfig::default(), &user())), None);
    }
}
