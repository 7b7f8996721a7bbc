//! Solves a definition from its standard input, as `buildctl build` does: in gateway mode, with directories of
//! this machine by name, and with plain progress on stderr.

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use buildkit_client::session::SessionOptions;
use buildkit_client::session::filesync::{FileSync, LocalDir, SyncEvent};
use buildkit_client::{BuildGateway, BuildRequest, Client, Endpoint, StatusUpdate};
use buildkit_gateway::{GatewayError, GatewayResult, SolveOptions};
use buildkit_llb::Definition;
use clap::Parser;

/// What is solved, and where.
#[derive(Parser)]
struct Arguments {
    /// The daemon's address.
    #[arg(long)]
    addr: Endpoint,
    /// A directory that local sources read: NAME=DIR.
    #[arg(long)]
    local: Vec<String>,
}

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bench-build: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(build(Arguments::parse()));
    runtime.shutdown_timeout(Duration::ZERO);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-build: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn build(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let definition = Definition::decode(&bytes)?;
    let mut directories = Vec::new();
    for local in &arguments.local {
        let (name, directory) = local.split_once('=').ok_or("--local takes NAME=DIR")?;
        directories.push((name.to_owned(), LocalDir::open(directory)?));
    }
    let (tell, sent) = mpsc::channel();
    let files = FileSync::new(directories).observe(move |event| {
        if let SyncEvent::Ended { directory, sent, error } = event {
            // Nobody listens any more when the build has failed.
            let _ = tell.send((directory.clone(), *sent, error.clone()));
        }
    });

    let client = Client::connect(&arguments.addr).await?;
    let session = client.session(SessionOptions::new().file_sync(files)).await?;
    let drive = async |gateway: BuildGateway| -> Result<GatewayResult, GatewayError> {
        Ok(GatewayResult::single(gateway.solve(&definition, &SolveOptions::default()).await?))
    };
    client.build(BuildRequest::new(&session), print, drive).await?;
    session.close().await;
    while let Ok((directory, sent, error)) = sent.try_recv() {
        let error = error.unwrap_or_default();
        eprintln!("sent {directory}: {} files, {} bytes {error}", sent.files, sent.bytes);
    }
    Ok(())
}

/// Every update as lines of text.
fn print(update: StatusUpdate) {
    let mut text = String::new();
    for vertex in update.vertexes {
        let state = match (vertex.cached, vertex.completed) {
            (true, _) => "CACHED",
            (false, Some(_)) => "DONE",
            (false, None) => "",
        };
        text.push_str(&format!("{} {} {state}\n{}", vertex.digest, vertex.name, vertex.error));
    }
    for status in update.statuses {
        text.push_str(&format!("{} {}\n", status.id, status.current));
    }
    let mut stderr = io::stderr().lock();
    // A stderr that is closed does not end a build.
    let _ = stderr.write_all(text.as_bytes());
    for log in update.logs {
        let _ = stderr.write_all(&log.data);
    }
}
