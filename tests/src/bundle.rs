//! The sources that build programs of one file are compiled against, as the stock frontend's image carries them.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// The crates of this house that such a program needs.
const CRATES: [&str; 4] = ["buildkit-llb", "buildkit-proto", "stagewright", "stagewright-plan"];

/// Puts the bundle together in a directory: what belongs under `/stagewright` in an image.
///
/// Versions are those of this house's lock file, of which Cargo keeps what is needed.
///
/// # Errors
///
/// Files that cannot be copied, or a `cargo vendor` that fails.
pub fn bundle(root: &Path, destination: &Path) -> io::Result<()> {
    let package = destination.join("frontends/bundle");
    fs::create_dir_all(package.join("src"))?;
    fs::create_dir_all(package.join(".cargo"))?;
    fs::copy(root.join("Cargo.toml"), destination.join("Cargo.toml"))?;
    for file in ["Cargo.toml", "src/lib.rs"] {
        fs::copy(root.join("frontends/bundle").join(file), package.join(file))?;
    }
    fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock"))?;
    for name in CRATES {
        let (from, to) = (root.join("crates").join(name), destination.join("crates").join(name));
        fs::create_dir_all(&to)?;
        fs::copy(from.join("Cargo.toml"), to.join("Cargo.toml"))?;
        run(Command::new("cp").arg("-R").arg(from.join("src")).arg(&to))?;
    }
    let config = run(Command::new("cargo").args(["vendor", "vendor"]).current_dir(&package))?;
    fs::write(package.join(".cargo/config.toml"), config)
}

fn run(command: &mut Command) -> io::Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {}: {text}", output.status)))
}
