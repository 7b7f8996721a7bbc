//! runc, with a directory for what it knows of its containers.

use std::env;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::ContainerError;

/// Where Debian keeps root's programs, also when a user's `PATH` does not say so.
const ROOTS: [&str; 2] = ["/usr/sbin", "/sbin"];

#[derive(Clone, Debug)]
pub(super) struct Runc {
    program: PathBuf,
    root: PathBuf,
}

impl Runc {
    pub(super) fn new(root: PathBuf) -> Result<Self, ContainerError> {
        let path = env::var_os("PATH").unwrap_or_default();
        let program = env::split_paths(&path)
            .chain(ROOTS.map(PathBuf::from))
            .map(|directory| directory.join("runc"))
            .find(|program| program.is_file())
            .ok_or(ContainerError::NoRunc)?;
        Ok(Self { program, root })
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // A group of its own: Ctrl-C is for whoever started the containers, and stops them.
        command
            .arg("--root")
            .arg(&self.root)
            .args(arguments)
            .process_group(0)
            .stdin(Stdio::null());
        command
    }

    pub(super) fn kill(&self, id: &str, signal: &str) -> Result<(), ContainerError> {
        self.run(&["kill", id, signal], || format!("send {signal} to {id}"))
    }

    /// Kills a container and removes what runc knows of it.
    pub(super) fn delete(&self, id: &str) -> Result<(), ContainerError> {
        self.run(&["delete", "--force", id], || format!("remove {id}"))
    }

    /// Removes all containers.
    pub(super) fn delete_all(&self) -> Result<(), ContainerError> {
        if !self.root.exists() {
            return Ok(());
        }
        let failed = || ContainerError::io("read", &self.root);
        for entry in fs::read_dir(&self.root).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            self.delete(&entry.file_name().to_string_lossy())?;
        }
        Ok(())
    }

    fn run(&self, arguments: &[&str], what: impl Fn() -> String) -> Result<(), ContainerError> {
        let output = self.command(arguments).output();
        let output = output.map_err(ContainerError::io("run", &self.program))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(ContainerError::Runc { what: what(), text });
        }
        Ok(())
    }
}
