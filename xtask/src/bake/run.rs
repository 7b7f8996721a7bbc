//! Running a program of another machine: by qemu, which Debian has.

use std::env::consts::ARCH;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::elf::Machine;
use crate::packages;

/// The emulators, and the package that has them.
pub(crate) const EMULATORS: [(&str, &str); 2] =
    [("qemu-aarch64-static", "qemu-user-static"), ("qemu-x86_64-static", "qemu-user-static")];

/// How a program ended, and what it wrote.
pub(super) struct Told {
    /// As a person would type it.
    pub(super) command: String,
    pub(super) code: Option<i32>,
    pub(super) text: String,
}

/// Runs `PROGRAM --version`, by an emulator if this machine is another one.
pub(super) fn run(program: &[u8], machine: Machine) -> Result<Told> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("program");
    fs::write(&path, program)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    let emulator = (machine.name() != ARCH).then(|| format!("qemu-{}-static", machine.name()));
    let mut command = match &emulator {
        Some(emulator) => {
            let emulator =
                packages::find(emulator).with_context(|| format!("{emulator} is not installed"))?;
            let mut command = Command::new(emulator);
            command.arg(&path);
            command
        }
        None => Command::new(&path),
    };
    let output = command
        .arg("--version")
        .env_clear()
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output()?;
    let text = [output.stdout, output.stderr].concat();
    let words = emulator.into_iter().chain(["program --version".to_owned()]);
    Ok(Told {
        command: words.collect::<Vec<_>>().join(" "),
        code: output.status.code(),
        text: String::from_utf8_lossy(&text).into_owned(),
    })
}
