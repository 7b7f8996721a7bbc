//! Runs one program to its end, and prints as JSON how long it took and how much memory it had.
//!
//! In a process of its own, and a small one: the kernel's peak of a child begins with what its parent has at
//! the fork. Bytes and seconds. Memory and processor time may also be those of another process, which the program has others start.

mod traced;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use clap::Parser;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use traced::Taken;

/// What to run, and what it reads and writes.
#[derive(Parser)]
struct Arguments {
    /// What the program reads.
    #[arg(long)]
    stdin: Option<PathBuf>,
    /// Where its output goes.
    #[arg(long)]
    stdout: PathBuf,
    /// Where its messages go.
    #[arg(long)]
    stderr: PathBuf,
    /// The program whose memory and processor time are meant, by its path in its container; else the command's.
    #[arg(long, requires = "below")]
    inside: Option<PathBuf>,
    /// The process that is above it.
    #[arg(long)]
    below: Option<i32>,
    /// The program and its arguments.
    #[arg(required = true, last = true)]
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench-measure: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> io::Result<serde_json::Value> {
    let input = match &arguments.stdin {
        Some(path) => File::open(path)?.into(),
        None => Stdio::null(),
    };
    let mut command = Command::new(&arguments.command[0]);
    command
        .args(&arguments.command[1..])
        .stdin(input)
        .stdout(File::create(&arguments.stdout)?)
        .stderr(File::create(&arguments.stderr)?);
    let start = Instant::now();
    let mut child = command.spawn()?;
    let (status, traced) = match (&arguments.inside, arguments.below) {
        (Some(program), Some(ancestor)) => {
            let (status, taken) = traced::wait(&mut child, program, ancestor)?;
            if status.success() && taken.is_none() {
                return Err(io::Error::other(format!("nothing ran {}", program.display())));
            }
            (status, taken)
        }
        _ => (child.wait()?, None),
    };
    let seconds = start.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let processor = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    // Linux counts kibibytes.
    let own = Taken { peak: usage.max_rss() * 1024, processor };
    let Taken { peak, processor } = traced.unwrap_or(own);
    Ok(serde_json::json!({
        "seconds": seconds,
        "peak": peak,
        "processor": processor as f64 / 1e6,
        "code": status.code(),
        "signal": status.signal(),
    }))
}
