//! `--on-error shell`: a shell where the step failed, with all that the step had.
//!
//! The build waits for it and then ends as it would have. The shell has the step's filesystem as the step left it, its
//! mounts, environment, directory and user; what it writes is lost, except into caches.

use std::str::FromStr;

use buildkit_gateway::{
    Channel, Container, ContainerMount, GatewayError, Process, ProcessError, ProcessEvent, ProcessRequest,
};
use tokio::signal::unix::{SignalKind, signal};

use super::raw::{Keys, Raw, show, size};
use crate::builder::Halted;

/// What a failed step's own filesystem has, mostly.
const SHELL: &str = "/bin/sh";
/// What tells programs how to draw.
const TERM: &str = "TERM=";

/// What is done when a step fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OnError {
    /// This program is started in its filesystem.
    Shell(String),
}

/// A text that is nothing to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write `shell`, or `shell=PROGRAM` for another one than {SHELL}")]
pub(super) struct OnErrorError;

impl FromStr for OnError {
    type Err = OnErrorError;

    fn from_str(text: &str) -> Result<Self, OnErrorError> {
        match text.split_once('=').unwrap_or((text, SHELL)) {
            ("shell", program) if !program.is_empty() => Ok(Self::Shell(program.to_owned())),
            _ => Err(OnErrorError),
        }
    }
}

/// Why there is no shell, or no more.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShellError {
    /// The step has no such program.
    #[error("the step's filesystem has no {0}: name a program that it has, --on-error shell=PROGRAM")]
    None(String),
    /// The program was not started.
    #[error("{program} cannot be started there: {message}")]
    Start {
        /// The program.
        program: String,
        /// What the daemon said.
        message: String,
    },
    /// The daemon makes no container of it.
    #[error("the daemon does not open the step's filesystem: {0}")]
    Container(#[source] GatewayError),
    /// The daemon went away, or ended it.
    #[error("the shell has ended: {0}")]
    Ended(#[from] ProcessError),
    /// The terminal.
    #[error("the terminal cannot be used: {0}")]
    Terminal(#[from] std::io::Error),
}

/// Opens the shell, and waits for its end. The terminal is then as it was, also when this is dropped.
pub(super) async fn open(halted: &Halted, program: &str) -> Result<(), ShellError> {
    let step = &halted.step;
    let container = halted.gateway.container(&step.container).await.map_err(ShellError::Container)?;
    let is_root =
        |mount: &ContainerMount| matches!(mount, ContainerMount::Failed { dest, .. } if dest == "/");
    let root = step.container.mounts.iter().position(is_root);
    if let Some(root) = root.and_then(|root| u16::try_from(root).ok())
        && program.starts_with('/')
        && let Err(error) = container.stat_file(root, program).await
        && error.is_absence()
    {
        return Err(ShellError::None(program.to_owned()));
    }
    let mut request =
        ProcessRequest { args: vec![program.to_owned()], stdin: true, tty: true, ..step.process.clone() };
    if let Ok(term) = std::env::var("TERM") {
        request.env.retain(|variable| !variable.starts_with(TERM));
        request.env.push(format!("{TERM}{term}"));
    }
    let ended = run(&container, &request).await;
    // It ends with the build, whatever this says.
    let _ = container.release().await;
    ended
}

async fn run<C: Channel>(container: &Container<C>, request: &ProcessRequest) -> Result<(), ShellError> {
    let mut process = container.start(request).await?;
    let input = process.input();
    let mut sizes = signal(SignalKind::window_change())?;
    if let Some((rows, columns)) = size() {
        input.resize(rows, columns).await;
    }
    let _raw = Raw::begin()?;
    let mut keys = Keys::read()?;
    // Side by side: a program that is not listened to does not listen.
    let typing = async {
        loop {
            tokio::select! {
                typed = keys.typed.recv() => match typed {
                    Some(bytes) => input.write(bytes).await,
                    None => break,
                },
                _ = sizes.recv() => {
                    if let Some((rows, columns)) = size() {
                        input.resize(rows, columns).await;
                    }
                }
            }
        }
        input.close().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = follow(&mut process, request) => ended,
        () = typing => Ok(()),
    }
}

/// Shows what a program does until its end. With which code a shell ends says nothing of the build.
async fn follow(process: &mut Process, request: &ProcessRequest) -> Result<(), ShellError> {
    let mut has_shown = false;
    while let Some(event) = process.next().await? {
        match event {
            ProcessEvent::Stdout(bytes) | ProcessEvent::Stderr(bytes) => {
                has_shown = true;
                show(&bytes)?;
            }
            ProcessEvent::Exit(exit) if exit.code != 0 && !has_shown => {
                return Err(ShellError::Start { program: request.args.concat(), message: exit.message });
            }
            ProcessEvent::Exit(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_may_be_named() {
        let shell = |program: &str| Ok(OnError::Shell(program.to_owned()));
        assert_eq!("shell".parse(), shell("/bin/sh"));
        assert_eq!("shell=/bin/bash".parse(), shell("/bin/bash"));
        for text in ["", "shell=", "debug", "=x"] {
            assert_eq!(text.parse::<OnError>(), Err(OnErrorError), "{text}");
        }
    }
}
