//! Processes that a test has started.

use std::fmt::Display;
use std::process::Command;

/// Sends a signal, such as `-INT`, to a process.
///
/// # Panics
///
/// When there is no such process.
pub fn signal(pid: impl Display, name: &str) {
    let status = Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill {name} {pid}: {status}");
}
