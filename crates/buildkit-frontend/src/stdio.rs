//! The gateway's channel over this process's own stdin and stdout.
//!
//! The daemon is the HTTP/2 server, and there is one connection, which ends with the process. Both ends are taken
//! away from descriptors 0 and 1, so that nothing else reads from the wire or writes to it: a line printed in the
//! middle of it would end the build. (BuildKit v0.34 `frontend/gateway/grpcclient/client.go`.)

use std::fs::File;
use std::io::{self, stderr, stdin, stdout};
use std::os::fd::AsFd as _;
use std::sync::{Mutex, PoisonError};

use hyper_util::rt::TokioIo;
use tokio::net::unix::pipe::{Receiver, Sender};
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

/// The channel over stdin and stdout.
pub type Stdio = Channel;

/// Largest list of headers or trailers: an error's details carry whole source files.
const MAX_HEADERS: u32 = 16 << 20;

/// No channel over stdin and stdout.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StdioError {
    /// They are not what a daemon gives.
    #[error("stdin and stdout are not the pipes that a daemon gives to a frontend: {0}")]
    Pipes(#[source] io::Error),
    /// The daemon does not speak.
    #[error("the daemon does not answer on stdin and stdout: {0}")]
    Transport(#[source] tonic::transport::Error),
}

/// Takes stdin and stdout as the wire. From then on what is printed goes to stderr, and stdin is empty.
///
/// Needs the tokio runtime, since the pipes are polled by it.
///
/// # Errors
/// They are no pipes, or nothing speaks on them.
pub(crate) async fn connect() -> Result<Stdio, StdioError> {
    let (receiver, sender) = take().map_err(StdioError::Pipes)?;
    let wire = Mutex::new(Some(tokio::io::join(receiver, sender)));
    let dial = move |_| {
        let wire = wire.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move { wire.map(TokioIo::new).ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe)) }
    };
    Endpoint::from_static("http://localhost")
        .http2_max_header_list_size(MAX_HEADERS)
        .connect_with_connector(service_fn(dial))
        .await
        .map_err(StdioError::Transport)
}

fn take() -> io::Result<(Receiver, Sender)> {
    let input = stdin().as_fd().try_clone_to_owned()?;
    let output = stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(stderr())?;
    Ok((Receiver::from_owned_fd(input)?, Sender::from_owned_fd(output)?))
}
