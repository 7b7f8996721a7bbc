//! Programs that come from Debian packages: runc, the registry, mmdebstrap, ssh's agent, openssl, curl; Node and npm.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process;

/// What servers, images and tests need: programs and the package of each.
pub(crate) const SERVERS: [(&str, &str); 6] = [
    ("runc", "runc"),
    ("docker-registry", "docker-registry"),
    ("mmdebstrap", "mmdebstrap"),
    ("ssh-agent", "openssh-client"),
    ("openssl", "openssl"),
    ("curl", "curl"),
];

/// What the language server needs.
pub(crate) const NODE: [(&str, &str); 2] = [("node", "nodejs"), ("npm", "npm")];

/// Asked by Debian's packages before they start a service; status 101 says that they may not.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs what is missing, or says what to install.
pub(crate) fn ensure(packages: &[(&str, &'static str)]) -> Result<()> {
    let missing: BTreeSet<&str> = packages
        .iter()
        .filter(|(program, _)| find(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().copied().collect::<Vec<_>>().join(" ");
    if find("apt-get").is_none() {
        bail!("missing packages: {names}; this is no Debian, so install them by its own means");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("missing packages: {names}; run `sudo apt-get install {names}`");
    }
    println!("installing {names}");
    let _policy = NoServices::new()?;
    apt(&["update"])?;
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(missing);
    apt(&install)
}

/// Finds a program as a shell would, and beyond that where Debian keeps root's.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|dir| dir.join(program)).find(|path| {
        fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}

/// `PATH` with root's directories at its end: runc lies there.
pub(crate) fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = env::split_paths(&path).collect();
    for dir in ["/usr/sbin", "/sbin"].map(PathBuf::from) {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    // The directories came from a PATH, so none of them contains its separator.
    env::join_paths(dirs).unwrap_or(path)
}

fn apt(args: &[&str]) -> Result<()> {
    process::run(
        Command::new("apt-get")
            .arg("--quiet=2")
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// While it lives, packages start no service: the registry's would take port 5000 of all
/// interfaces.
struct NoServices {
    created: bool,
}

impl NoServices {
    fn new() -> Result<Self> {
        if Path::new(POLICY).exists() {
            // Somebody decided already.
            return Ok(Self { created: false });
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n").with_context(|| format!("cannot write {POLICY}"))?;
        let guard = Self { created: true };
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(guard)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.created
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("cannot remove {POLICY}, which stops services from starting: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_and_missing_ones_are_not() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program-anywhere").is_none());
    }
}
