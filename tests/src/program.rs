//! Programs of this machine, as files of an image that has nothing else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Copies a program into a directory under a name, with the libraries of this machine that it is linked to at their
/// paths below it.
///
/// # Errors
///
/// A program that is not there, or a directory that cannot be written.
pub fn copy_program(program: &Path, directory: &Path, name: &str) -> io::Result<()> {
    // Without what a debugger needs, which is most of it.
    output(Command::new("strip").arg("-o").arg(directory.join(name)).arg(program))?;
    for library in libraries(program)? {
        let to = directory.join(library.strip_prefix("/").map_err(io::Error::other)?);
        fs::create_dir_all(to.parent().unwrap_or(directory))?;
        fs::copy(&library, to)?;
    }
    Ok(())
}

/// What the loader maps with a program: lines like `libc.so.6 => /lib/libc.so.6 (0x…)`.
fn libraries(program: &Path) -> io::Result<Vec<PathBuf>> {
    let list = output(Command::new("ldd").arg(program))?;
    let paths = list.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(paths.map(PathBuf::from).collect())
}

fn output(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(io::Error::other);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {}: {text}", output.status)))
}
