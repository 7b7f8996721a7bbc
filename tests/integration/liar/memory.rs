//! How much memory a test takes at most.
//!
//! Such a test runs in a process of its own: what others hold at the same time would count as its own, and what others
//! gave back before would hide what it keeps.

use std::process::{Command, Stdio};
use std::{env, fs};

/// Set in the process that runs one test alone.
const ALONE: &str = "STAGEWRIGHT_TEST_ALONE";

/// The memory of a test that has its process for itself.
pub(super) struct Memory {
    before: usize,
}

impl Memory {
    /// For a test's first line, with its module and name: begins to measure, if this process runs that test alone.
    ///
    /// Else the test has run in such a process when this returns `None`.
    ///
    /// # Panics
    /// When it failed there.
    pub(super) fn alone(module: &str, test: &str) -> Option<Self> {
        if env::var_os(ALONE).is_some() {
            return Some(Self { before: status("VmRSS") });
        }
        let (_, module) = module.split_once("::").expect("a module of this program");
        let name = format!("{module}::{test}");
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", &name, "--nocapture", "--test-threads=1"])
            .env(ALONE, "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(output.status.success() && told.contains(" 1 passed;"), "{name} alone:\n{told}");
        println!("{told}");
        None
    }

    /// Fails unless the process held less than this many bytes more at any time than at the beginning.
    pub(super) fn assert_grew_less(&self, limit: usize) {
        let grown = status("VmHWM").saturating_sub(self.before);
        println!("grew by {} KiB, of at most {} KiB", grown >> 10, limit >> 10);
        assert!(grown < limit, "grew by {grown} bytes, of at most {limit}");
    }
}

/// A line of `/proc/self/status` in bytes.
fn status(key: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let kibibytes = value.and_then(|value| value.trim().strip_suffix(" kB")).expect("a size");
    kibibytes.parse::<usize>().unwrap() << 10
}
