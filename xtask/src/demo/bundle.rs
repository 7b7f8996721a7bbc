//! What runc is told of a container: the image's config as an OCI runtime configuration.
//!
//! Namespaces of its own, the network included; a root filesystem that cannot be written, `/tmp` in memory; no
//! capabilities and no way to new privileges (OCI runtime spec v1.0 `config.md`, `config-linux.md`).

use anyhow::{Result, bail};
use serde_json::{Value, json};
use stagewright::stagewright_plan::config::ContainerConfig;

use super::user::User;

/// The configuration of a container of this image, beside a root filesystem in `rootfs`. The mounts are directories
/// of the host and where the container finds them, for reading.
pub(super) fn config(
    name: &str,
    image: &ContainerConfig,
    user: &User,
    mounts: &[(&str, &str)],
) -> Result<Value> {
    let args: Vec<&String> = image.entrypoint.iter().chain(&image.cmd).collect();
    if args.is_empty() {
        bail!("the image of {name} has neither entrypoint nor cmd");
    }
    let mut env = image.env.clone();
    if !env.iter().any(|variable| variable.starts_with("HOME=")) {
        env.push(format!("HOME={}", user.home));
    }
    let cwd = if image.working_dir.is_empty() { "/" } else { &image.working_dir };
    let namespaces = ["pid", "mount", "ipc", "uts", "network"].map(|kind| json!({ "type": kind }));
    Ok(json!({
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
        "mounts": mount_list(mounts),
        "linux": {
            "namespaces": namespaces,
            "resources": {"devices": [{"allow": false, "access": "rwm"}]},
            "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }))
}

fn mount_list(mounts: &[(&str, &str)]) -> Vec<Value> {
    let mount = |destination: &str, kind: &str, options: &[&str]| json!({"destination": destination, "type": kind, "source": kind, "options": options});
    let mut list = vec![
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
        mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        mount("/tmp", "tmpfs", &["nosuid", "nodev", "mode=1777", "size=65536k"]),
    ];
    list.extend(mounts.iter().map(|(source, destination)| {
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
            env: vec!["PORT=1".to_owned()],
            entrypoint: vec!["entry".to_owned()],
            cmd: vec!["node".to_owned(), "main.js".to_owned()],
            working_dir: "/app".to_owned(),
            ..ContainerConfig::default()
        }
    }

    #[test]
    fn the_process_is_what_the_image_says() {
        let config = config("api", &image(), &user(), &[("/host/jobs", "/jobs")]).unwrap();
        let process = &config["process"];
        assert_eq!(process["args"], json!(["entry", "node", "main.js"]));
        assert_eq!(process["cwd"], "/app");
        assert_eq!(process["env"], json!(["PORT=1", "HOME=/home/node"]));
        assert_eq!(process["user"], json!({"uid": 1000, "gid": 1001, "additionalGids": [29]}));
        let mounts = config["mounts"].as_array().unwrap();
        assert_eq!(mounts.last().unwrap()["options"], json!(["bind", "ro"]));
    }

    #[test]
    fn nothing_is_allowed_that_is_not_needed() {
        let config = config("api", &image(), &user(), &[]).unwrap();
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
        let error = config("api", &ContainerConfig::default(), &user(), &[]).unwrap_err();
        assert_eq!(error.to_string(), "the image of api has neither entrypoint nor cmd");
    }
}
