//! A program that builds images and is no command line: it calls the library, and decides itself what is shown.
//!
//! Two small targets without a base image, so that it needs no registry: `greeting` is one file, and `site` is a
//! page made of a parameter. Both are written as OCI archives below a directory.
//!
//!     BUILDKIT_HOST=unix:///run/buildkit/buildkitd.sock cargo run -p stagewright-examples --bin embed -- out

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use stagewright::prelude::*;
use stagewright::{BuildOptions, Builder, Event, Output};

/// The parameters of the build; its caller sets them by name.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
struct Params {
    /// Heading of the page.
    title: String,
}

impl Default for Params {
    fn default() -> Self {
        Self { title: "Untitled".to_owned() }
    }
}

fn build(b: &Build, p: Params) -> Targets {
    let greeting = b
        .runtime("greeting", Scratch)
        .file("/greeting.txt", "Hello from a scratch image.\n");
    let site = b
        .runtime("site", Scratch)
        .mkdir("/srv")
        .file("/srv/index.html", format!("<!doctype html>\n<title>{0}</title>\n<h1>{0}</h1>\n", p.title))
        .label(oci::TITLE, p.title);
    Targets::new().product(greeting).product(site)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let out = PathBuf::from(env::args_os().nth(1).unwrap_or_else(|| "out".into()));
    std::fs::create_dir_all(&out)?;

    // The daemon that BUILDKIT_HOST names; the error lists what was tried.
    let builder = Builder::connect().await?;
    let options = BuildOptions::new(".")
        .arg("title", "Built by a library")
        // Several targets go to one output: each to a file of its own name.
        .output(Output::oci(out.join("{target}.tar")));

    // Nothing has run when this fails: the program, the options and the destinations are checked first.
    let mut running = builder.build(build, &options).await?;

    // A build goes on while it is asked for events, and is cancelled when it is dropped.
    let mut cached = BTreeSet::new();
    while let Some(event) = running.next().await {
        match event {
            Event::Lowered { target, vertices } => println!("{target}: {} steps", vertices.len()),
            Event::Status { update, .. } => {
                let done = update.vertexes.into_iter().filter(|vertex| vertex.cached);
                cached.extend(done.map(|vertex| vertex.name));
            }
            Event::Ended(report) => {
                println!("{}: {}", report.target, if report.outcome.is_ok() { "done" } else { "failed" });
            }
            _ => {}
        }
    }
    if !cached.is_empty() {
        println!("from the cache: {}", cached.into_iter().collect::<Vec<_>>().join(", "));
    }

    // A target that fails does not stop the others: the report tells of each.
    let report = running.finish().await;
    for target in &report.targets {
        match &target.outcome {
            Ok(product) => {
                let digest = product.digest.as_deref().unwrap_or("no digest");
                println!("{} {digest} {}", target.target, product.files[0].display());
            }
            Err(failure) => println!("{} failed: {failure}", target.target),
        }
    }
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
