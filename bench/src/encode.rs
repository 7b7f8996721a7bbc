//! Builds a graph, encodes it, and prints as JSON how long both took together.
//!
//! The graphs are those of `tools/encode`, op for op. All of it runs on a stack that a recursion of a few
//! hundred calls would overflow.

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use buildkit_llb::{ExecOp, Graph, ImageSource, MergeOp, Metadata, Output, Platform};
use clap::{Parser, ValueEnum};

/// Bytes of the stack on which everything runs.
const STACK: usize = 128 << 10;

/// Anything that goes wrong, for its message.
type Failure = Box<dyn Error + Send + Sync>;

/// What graph.
#[derive(Parser, Clone, Copy)]
struct Arguments {
    shape: Shape,
    /// How many execs.
    count: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shape {
    /// Each exec on the one before.
    Chain,
    /// All execs on one image, and merged.
    Fan,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let thread = thread::Builder::new().stack_size(STACK).spawn(move || run(arguments));
    let result = thread.map(thread::JoinHandle::join);
    match result {
        Ok(Ok(Ok(report))) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Ok(Ok(Err(error))) => {
            eprintln!("bench-encode: {error}");
            ExitCode::FAILURE
        }
        // A panic has said what it is.
        Ok(Err(_)) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench-encode: cannot start a thread: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(Arguments { shape, count }: Arguments) -> Result<serde_json::Value, Failure> {
    let start = Instant::now();
    let mut graph = Graph::new();
    let target = match shape {
        Shape::Chain => chain(&mut graph, count)?,
        Shape::Fan => fan(&mut graph, count)?,
    };
    let definition = graph.definition(Some(target))?;
    let bytes = definition.encode();
    let seconds = start.elapsed().as_secs_f64();
    Ok(serde_json::json!({
        "seconds": seconds,
        "digest": definition.terminal().map(|op| op.digest.to_string()),
        "ops": definition.ops().len(),
        "bytes": bytes.len(),
    }))
}

fn chain(graph: &mut Graph, count: u32) -> Result<Output, Failure> {
    let mut top = image(graph)?;
    for number in 0..count {
        top = exec(graph, top, number)?;
    }
    Ok(top)
}

fn fan(graph: &mut Graph, count: u32) -> Result<Output, Failure> {
    let image = image(graph)?;
    let mut inputs = Vec::new();
    for number in 0..count {
        inputs.push(exec(graph, image, number)?);
    }
    Ok(graph.add(MergeOp::new(inputs), Metadata::default())?.root())
}

fn image(graph: &mut Graph) -> Result<Output, Failure> {
    let name = "docker.io/library/busybox:latest".parse()?;
    Ok(graph.add(ImageSource::new(name, platform()), Metadata::default())?.root())
}

fn exec(graph: &mut Graph, base: Output, number: u32) -> Result<Output, Failure> {
    let script = format!("echo {number}");
    let op = ExecOp::new(Some(base), ["/bin/sh".to_owned(), "-c".to_owned(), script], platform());
    Ok(graph.add(op, Metadata::default())?.root())
}

fn platform() -> Platform {
    Platform::new("linux", "amd64")
}
