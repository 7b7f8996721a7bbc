//! A connection to a daemon.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use buildkit_gateway::{GatewayError, Worker};
use buildkit_proto::control;
use buildkit_proto::control::control_client::ControlClient;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::{Channel, Endpoint as Transport};

use crate::endpoint::Endpoint;
use crate::session::{Session, SessionError, SessionOptions};
use crate::status::StatusStream;

/// Largest message in either direction, as daemons limit them.
pub(crate) const MAX_MESSAGE: usize = 16 << 20;
/// Largest list of headers or trailers: an error's details carry whole source files.
pub(crate) const MAX_HEADERS: u32 = 16 << 20;

/// How many bytes of one stream may be under way.
pub(crate) const STREAM_WINDOW: u32 = 512 << 10;

/// How many bytes of all streams together may be under way.
///
/// Much more than one stream's, so that a stream that is not read does not stop the others. And hyper's h2 ends a
/// connection on which the frames that wait, each counted as 256 bytes at least, fill half of it: a daemon that sends a
/// directory tree fills a stream's window with frames of 20 bytes.
pub(crate) const CONNECTION_WINDOW: u32 = 64 << 20;

/// From the first packet to the daemon's first answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A silent daemon is asked after this long, and given up after as long again.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// A connection to a daemon. It is cheap to clone; clones share the connection.
///
/// A connection that was lost while idle is made anew by the next call. What ran on it is lost.
#[derive(Debug, Clone)]
pub struct Client {
    channel: Channel,
    endpoint: Endpoint,
    version: Version,
}

/// Which BuildKit a daemon is. All fields are empty for a daemon that does not tell (before v0.11).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    /// Its Go package, such as `github.com/moby/buildkit`.
    pub package: String,
    /// Its version, such as `v0.34.2`.
    pub version: String,
    /// The commit it was built from.
    pub revision: String,
    /// The version of the Dockerfile frontend inside it.
    pub dockerfile: String,
}

/// No connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing is there.
    #[error("no daemon at {endpoint}: there is no such socket")]
    Absent {
        /// The address.
        endpoint: Endpoint,
    },
    /// Nothing listens there.
    #[error("no daemon at {endpoint}: nothing listens there")]
    Refused {
        /// The address.
        endpoint: Endpoint,
    },
    /// The socket may not be opened.
    #[error("no access to {}: be root, or a member of the socket's group", path.display())]
    Denied {
        /// The socket.
        path: PathBuf,
    },
    /// Nothing answers in time.
    #[error("no answer from {endpoint} within {} s", CONNECT_LIMIT.as_secs())]
    Timeout {
        /// The address.
        endpoint: Endpoint,
    },
    /// The system refuses for another reason.
    #[error("cannot connect to {endpoint}: {source}")]
    Io {
        /// The address.
        endpoint: Endpoint,
        /// Why.
        source: io::Error,
    },
    /// What answers is no BuildKit daemon.
    #[error("what listens at {endpoint} does not answer as a BuildKit daemon: {source}")]
    Foreign {
        /// The address.
        endpoint: Endpoint,
        /// What it answered.
        source: GatewayError,
    },
    /// The transport refuses.
    #[error("cannot connect to {endpoint}: {source}")]
    Transport {
        /// The address.
        endpoint: Endpoint,
        /// Why.
        source: tonic::transport::Error,
    },
}

impl Client {
    /// Connects, and asks the daemon which one it is. Takes at most five seconds.
    ///
    /// No proxy of the environment applies.
    ///
    /// # Errors
    /// Nothing is there, nothing answers in time, or what answers is no BuildKit daemon.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, ConnectError> {
        let late = |_| ConnectError::Timeout { endpoint: endpoint.clone() };
        timeout(CONNECT_LIMIT, connect(endpoint)).await.map_err(late)?
    }

    /// Where the daemon is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Which BuildKit the daemon is, as it told when the connection was made.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Asks which BuildKit the daemon is; a way to see that it is alive.
    ///
    /// # Errors
    /// As the daemon tells; daemons before v0.11 answer that this is not implemented.
    pub async fn info(&self) -> Result<Version, GatewayError> {
        let answer = self.control().info(control::InfoRequest {}).await?.into_inner();
        let version = answer.buildkit_version.unwrap_or_default();
        Ok(Version {
            package: version.package,
            version: version.version,
            revision: version.revision,
            dockerfile: version.dockerfile_version,
        })
    }

    /// The daemon's workers; the first is the one that builds.
    ///
    /// # Errors
    /// As the daemon tells.
    pub async fn workers(&self) -> Result<Vec<Worker>, GatewayError> {
        let request = control::ListWorkersRequest { filter: Vec::new() };
        let answer = self.control().list_workers(request).await?.into_inner();
        Ok(answer.record.into_iter().map(Worker::from_pb).collect())
    }

    /// Opens a session, over which the daemon calls back for files, secrets and credentials.
    ///
    /// # Errors
    /// The daemon refuses it, or the system gives no random bytes for its id.
    pub async fn session(&self, options: SessionOptions) -> Result<Session, SessionError> {
        Session::open(self.control(), options).await
    }

    /// Watches a build; it may be asked for up to six seconds before the build starts.
    ///
    /// # Errors
    /// There is no such build.
    pub async fn status(&self, build: &str) -> Result<StatusStream, GatewayError> {
        let request = control::StatusRequest { r#ref: build.to_owned() };
        Ok(StatusStream::new(self.control().status(request).await?.into_inner()))
    }

    pub(crate) fn control(&self) -> ControlClient<Channel> {
        ControlClient::new(self.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE)
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }
}

async fn connect(endpoint: &Endpoint) -> Result<Client, ConnectError> {
    let refused = |source| refusal(endpoint, source);
    // A limit on whole calls would end long builds.
    let transport = Transport::from_shared(format!("http://{}", endpoint.authority()))
        .map_err(refused)?
        .connect_timeout(CONNECT_LIMIT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(MAX_HEADERS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let channel = match endpoint {
        Endpoint::Unix(path) => {
            let path = path.clone();
            let dial = move |_| {
                let path = path.clone();
                async move { UnixStream::connect(path).await.map(TokioIo::new) }
            };
            transport.connect_with_connector(tower::service_fn(dial)).await
        }
        Endpoint::Tcp { host, port } => {
            let address = (host.clone(), *port);
            let dial = move |_| {
                let address = address.clone();
                async move {
                    let stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    Ok::<_, io::Error>(TokioIo::new(stream))
                }
            };
            transport.connect_with_connector(tower::service_fn(dial)).await
        }
    };
    let channel = channel.map_err(refused)?;
    let mut client = Client { channel, endpoint: endpoint.clone(), version: Version::default() };
    match client.info().await {
        Ok(version) => client.version = version,
        Err(error) if error.code() == Code::Unimplemented => {}
        Err(source) => return Err(ConnectError::Foreign { endpoint: endpoint.clone(), source }),
    }
    Ok(client)
}

/// What lies behind an error of the transport.
fn refusal(endpoint: &Endpoint, source: tonic::transport::Error) -> ConnectError {
    let endpoint = endpoint.clone();
    let mut cause = source.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let path = match &endpoint {
                Endpoint::Unix(path) => Some(path.clone()),
                Endpoint::Tcp { .. } => None,
            };
            return match (error.kind(), path) {
                (io::ErrorKind::NotFound, Some(_)) => ConnectError::Absent { endpoint },
                (io::ErrorKind::ConnectionRefused, _) => ConnectError::Refused { endpoint },
                (io::ErrorKind::PermissionDenied, Some(path)) => ConnectError::Denied { path },
                (io::ErrorKind::TimedOut, _) => ConnectError::Timeout { endpoint },
                (kind, _) => {
                    let source = io::Error::new(kind, error.to_string());
                    ConnectError::Io { endpoint, source }
                }
            };
        }
        cause = error.source();
    }
    ConnectError::Transport { endpoint, source }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, UnixListener};

    use super::*;

    async fn failure(endpoint: &Endpoint) -> String {
        Client::connect(endpoint).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn where_nothing_is_the_error_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.sock");
        let endpoint = Endpoint::unix(&path).unwrap();
        assert!(failure(&endpoint).await.ends_with("there is no such socket"));

        drop(UnixListener::bind(&path).unwrap());
        assert!(failure(&endpoint).await.ends_with("nothing listens there"));
    }

    #[tokio::test]
    async fn who_does_not_answer_is_given_up_after_five_seconds() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let start = Instant::now();
        let text = failure(&Endpoint::Tcp { host: "127.0.0.1".into(), port }).await;
        assert!(text.ends_with("within 5 s"), "{text}");
        assert!((4..8).contains(&start.elapsed().as_secs()));
    }

    #[tokio::test]
    async fn who_speaks_otherwise_is_no_daemon() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 301 Moved Permanently\r\n\r\n").await.unwrap();
        });
        let text = failure(&Endpoint::Tcp { host: "127.0.0.1".into(), port }).await;
        assert!(text.contains("does not answer as a BuildKit daemon"), "{text}");
    }
}
