//! What a program may take, as docker's user meets it: the limit that was reached, and how to raise it.

use stagewright_tests::Buildx;
use stagewright_tests::buildx::Ended;

use super::program;
use crate::support::{directory, unique};

/// A failed build with limits of a fraction, so that they are reached soon.
fn failed(limits: &str, text: &str) -> Ended {
    let arg = format!("STAGEWRIGHT_RUST_LIMITS={limits}");
    Buildx::new()
        .build(directory(&[("stages.rs", text)]).path())
        .args(["-f", "stages.rs", "--build-arg", &*arg])
        .run()
        .expect_failure()
}

/// A program whose file has this beside the build function.
fn with(item: &str) -> String {
    format!("{}// {}\n{item}\n", program("    Targets::new().product(b.runtime(\"app\", Scratch))"), unique())
}

/// A program that does this when it runs.
fn doing(statements: &str) -> String {
    let body = format!("    {statements}\n    Targets::new().product(b.runtime(\"app\", Scratch))");
    format!("{}// {}\n", program(&body), unique())
}

/// Checks what docker prints.
fn check(ended: &Ended, expected: &[&str]) {
    for expected in expected {
        assert!(ended.text.contains(expected), "{expected}\n{ended}");
    }
}

/// The compiler waits for what nobody writes: it has opened its own output for reading.
#[test]
fn compiling_ends_by_the_clock() {
    let waiting = with("pub static WAITS: &[u8] = include_bytes!(\"/proc/self/fd/1\");");
    check(&failed("0.15", &waiting), &["it was stopped after 18 s; if it needs more, "]);
}

#[test]
fn compiling_writes_no_file_without_end() {
    let large = with("#[used]\npub static LARGE: [u8; 60 << 20] = [7; 60 << 20];");
    check(&failed("0.2", &large), &["it wrote a file of more than 51 MiB", "STAGEWRIGHT_RUST_LIMITS=0.8"]);
}

#[test]
fn a_factor_that_is_none_is_told() {
    check(
        &failed("much", &doing("")),
        &["build arg `STAGEWRIGHT_RUST_LIMITS` is `much`: write a number from 0.01 to 100"],
    );
}
