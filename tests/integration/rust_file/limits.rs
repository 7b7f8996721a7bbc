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

#[test]
fn compiling_has_limits_of_memory_and_processor_time() {
    let endless = "#![allow(long_running_const_eval)]\n".to_owned()
        + &with("pub const N: u64 = { let mut n = 0u64; while n < u64::MAX { n += 1 } n };")
            .replace("Targets::new()", "let _ = N;\n    Targets::new()");
    check(
        &failed("0.2", &endless),
        &[
            "stages.rs cannot be compiled: ",
            "it was stopped after 12 s of processor time",
            "`--build-arg STAGEWRIGHT_RUST_LIMITS=0.8` allows four times as much of everything",
        ],
    );
    let large = with("pub static ZEROES: &[u8] = include_bytes!(\"/dev/zero\");");
    check(&failed("0.25", &large), &["/dev/zero", "memory"]);
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
fn running_ends_by_processor_time_and_by_the_clock() {
    check(
        &failed(
            "0.1",
            &doing("loop {}")
                .replace("\n    Targets::new()", "\n    #[allow(unreachable_code)]\n    Targets::new()"),
        ),
        &[
            "killed, most likely after 2 s of processor time: is there a loop without end?",
            "STAGEWRIGHT_RUST_LIMITS=0.4",
        ],
    );
    check(
        &failed("0.1", &doing("std::thread::sleep(std::time::Duration::from_secs(3600));")),
        &[
            "stages.rs told no Plan within 6 s, and was stopped: does it wait for something? if it needs more, ",
            ">>> fn main() -> ExitCode {",
        ],
    );
}

#[test]
fn running_has_limits_of_memory_files_and_processes() {
    check(
        &failed("0.1", &doing("drop(std::hint::black_box(vec![1u8; 1 << 30]));")),
        &["memory allocation of 1073741824 bytes failed", "its 204 MiB of memory"],
    );
    check(
        &failed("0.1", &doing("std::fs::write(\"/out/made/x\", vec![1u8; 8 << 20]).unwrap();")),
        &["File too large"],
    );
    check(&failed("0.1", &doing("std::fs::write(\"/x\", \"x\").unwrap();")), &["Permission denied"]);
    // Each copy makes more of them, until there may be no more.
    let bomb = "let mut last = None;
    for _ in 0..1000 {
        let words = std::env::args().skip(1);
        match std::process::Command::new(\"/program\").args(words).spawn() {
            Ok(child) => last = Some(child),
            Err(error) => panic!(\"no more: {error}\"),
        }
    }
    drop(last);";
    check(&failed("0.1", &doing(bomb)), &["no more: Resource temporarily unavailable"]);
}

#[test]
fn a_factor_that_is_none_is_told() {
    check(
        &failed("much", &doing("")),
        &["build arg `STAGEWRIGHT_RUST_LIMITS` is `much`: write a number from 0.01 to 100"],
    );
}
