//! Sessions: the channel on which a daemon calls back for files, secrets and credentials.
//!
//! A session is a stream of the control API that carries bytes; inside it the *client* is an HTTP/2 server
//! and the daemon calls gRPC services on it. Each service has a file of its own here. The daemon asks only
//! for the methods that the session was opened with (BuildKit v0.34 `session/grpchijack`, `session/session.go`).

pub mod auth;
pub mod content;
pub mod filesend;
pub mod filesync;
mod health;
mod pipe;
pub mod secrets;
pub mod ssh;

use std::time::Duration;

use buildkit_gateway::GatewayError;
use buildkit_proto::auth::auth_server::AuthServer;
use buildkit_proto::content::content_server::ContentServer;
use buildkit_proto::control::control_client::ControlClient;
use buildkit_proto::health::health_server::HealthServer;
use buildkit_proto::secrets::secrets_server::SecretsServer;
use buildkit_proto::ssh::ssh_server::SshServer;
use futures_util::StreamExt as _;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::Request;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::service::Routes;
use tonic::transport::Channel;

use crate::client::{CONNECTION_WINDOW, MAX_HEADERS, MAX_MESSAGE, STREAM_WINDOW};
use crate::id::{NoRandomness, new_id};
use auth::Auth;
use content::ContentStores;
use filesend::FileSend;
use filesync::FileSync;
use pipe::Pipe;
use secrets::Secrets;
use ssh::SshAgents;

/// How long the daemon may take to close its side.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// What a session offers. Health is always there, and so are credentials: without others, anonymous ones.
#[derive(Debug, Default)]
pub struct SessionOptions {
    shared_key: Option<String>,
    auth: Auth,
    secrets: Option<Secrets>,
    ssh: SshAgents,
    file_sync: Option<FileSync>,
    file_send: Option<FileSend>,
    content: Option<ContentStores>,
}

/// An open session. It ends when it is closed or dropped.
#[derive(Debug)]
pub struct Session {
    id: String,
    close: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

/// A session cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The system gave no random bytes for its id.
    #[error(transparent)]
    Id(#[from] NoRandomness),
    /// The daemon refuses it.
    #[error("the daemon refuses the session: {0}")]
    Refused(#[source] GatewayError),
}

impl SessionOptions {
    /// A session that offers nothing else.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the client's files for the daemon, so that later sessions of the same name send only changes.
    #[must_use]
    pub fn shared_key(mut self, key: impl Into<String>) -> Self {
        self.shared_key = Some(key.into());
        self
    }

    /// Offers credentials for registries.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Offers secrets.
    #[must_use]
    pub fn secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = Some(secrets);
        self
    }

    /// Offers ssh agents.
    #[must_use]
    pub fn ssh(mut self, agents: SshAgents) -> Self {
        self.ssh = agents;
        self
    }

    /// Offers directories that local sources read.
    #[must_use]
    pub fn file_sync(mut self, files: FileSync) -> Self {
        self.file_sync = Some(files);
        self
    }

    /// Takes what exporters send: files and directories, by index of the exporter.
    #[must_use]
    pub fn file_send(mut self, files: FileSend) -> Self {
        self.file_send = Some(files);
        self
    }

    /// Offers OCI layouts, from which images and caches are read and to which they are written.
    #[must_use]
    pub fn content(mut self, stores: ContentStores) -> Self {
        self.content = Some(stores);
        self
    }

    /// The services, and the methods that they offer.
    fn routes(self) -> (Routes, Vec<&'static str>) {
        let mut methods = health::METHODS.to_vec();
        methods.extend(auth::METHODS);
        let health = HealthServer::new(health::Healthy).max_decoding_message_size(MAX_MESSAGE);
        let auth = AuthServer::new(self.auth).max_decoding_message_size(MAX_MESSAGE);
        let mut routes = Routes::new(health).add_service(auth.max_encoding_message_size(MAX_MESSAGE));
        if let Some(secrets) = self.secrets {
            methods.extend(secrets::METHODS);
            let service = SecretsServer::new(secrets).max_decoding_message_size(MAX_MESSAGE);
            routes = routes.add_service(service.max_encoding_message_size(MAX_MESSAGE));
        }
        // The daemon has its own words for a client that offers none.
        if !self.ssh.is_empty() {
            methods.extend(ssh::METHODS);
            routes = routes.add_service(SshServer::new(self.ssh).max_decoding_message_size(MAX_MESSAGE));
        }
        if let Some(files) = self.file_sync {
            methods.extend(filesync::METHODS);
            routes = routes.add_service(files.server());
        }
        if let Some(files) = self.file_send {
            methods.extend(filesend::METHODS);
            routes = routes.add_service(files);
        }
        if let Some(stores) = self.content {
            methods.extend(content::METHODS);
            let service = ContentServer::new(stores).max_decoding_message_size(MAX_MESSAGE);
            routes = routes.add_service(service.max_encoding_message_size(MAX_MESSAGE));
        }
        (routes.prepare(), methods)
    }
}

impl Session {
    pub(crate) async fn open(
        mut control: ControlClient<Channel>,
        options: SessionOptions,
    ) -> Result<Self, SessionError> {
        let id = new_id()?;
        let shared_key = options.shared_key.clone();
        let (routes, methods) = options.routes();
        let (output, messages) = pipe::outgoing();
        let mut request = Request::new(messages);
        write_headers(request.metadata_mut(), &id, shared_key.as_deref(), &methods);
        // The daemon's headers say that it knows the session: no build has to wait for it.
        let answer = control.session(request).await;
        let answer = answer.map_err(|status| SessionError::Refused(status.into()))?;
        let (pipe, input) = Pipe::new(answer.into_inner(), output);
        let (close, closed) = oneshot::channel();
        let server = tokio::spawn(serve(pipe, input, routes, closed));
        Ok(Self { id, close: Some(close), server })
    }

    /// Its id, for builds and for local sources that name it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it has ended: the daemon or the connection is gone.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.server.is_finished()
    }

    /// Ends it, and waits until the daemon has ended its side; at most five seconds.
    pub async fn close(mut self) {
        if let Some(close) = self.close.take() {
            // It may have ended by itself.
            let _ = close.send(());
        }
        if let Err(error) = (&mut self.server).await {
            tracing::debug!(%error, "session ended badly");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves the daemon's calls until it hangs up or `closed` says so, then drains what it still sends.
async fn serve(
    pipe: Pipe,
    input: oneshot::Receiver<tonic::Streaming<buildkit_proto::control::BytesMessage>>,
    routes: Routes,
    closed: oneshot::Receiver<()>,
) {
    // Exclude patterns travel as headers, by the ten thousand.
    let server = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEADERS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .serve_connection(TokioIo::new(pipe), TowerToHyperService::new(routes));
    tokio::select! {
        ended = server => if let Err(error) = ended {
            tracing::debug!(%error, "session broke off");
        },
        // Solves have answered: nothing is in flight that anybody waits for.
        _ = closed => {}
    }
    // The pipe is dropped with the server, which ends our side.
    if let Ok(mut input) = input.await {
        let drained = timeout(DRAIN_LIMIT, async { while let Some(Ok(_)) = input.next().await {} });
        if drained.await.is_err() {
            tracing::debug!("the daemon did not end its side of the session");
        }
    }
}

/// The headers that announce a session: its id, its key, and one value per method.
fn write_headers(headers: &mut MetadataMap, id: &str, shared_key: Option<&str>, methods: &[&'static str]) {
    let mut append = |name: &'static str, value: &str| match AsciiMetadataValue::try_from(value) {
        Ok(value) => drop(headers.append(name, value)),
        Err(_) => tracing::debug!(name, "header left out: its value is not ASCII"),
    };
    append("x-docker-expose-session-uuid", id);
    if let Some(key) = shared_key {
        if key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            append("x-docker-expose-session-sharedkey", key);
        } else {
            let escaped = percent_encode(key.as_bytes(), NON_ALPHANUMERIC).to_string();
            append("x-docker-expose-session-sharedkey", &escaped);
            append("x-docker-expose-session-sharedkey-encoded", "1");
        }
    }
    for method in methods {
        append("x-docker-expose-session-grpc-method", method);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(shared_key: Option<&str>) -> MetadataMap {
        let mut headers = MetadataMap::new();
        let (_, methods) = SessionOptions::new().secrets(Secrets::new()).routes();
        write_headers(&mut headers, "abc", shared_key, &methods);
        headers
    }

    #[test]
    fn every_method_is_a_value_of_its_own() {
        let headers = headers(None);
        let methods = headers.get_all("x-docker-expose-session-grpc-method").iter();
        let methods: Vec<_> = methods.map(|method| method.to_str().unwrap()).collect();
        assert_eq!(
            methods,
            [
                "/grpc.health.v1.Health/Check",
                "/moby.filesync.v1.Auth/Credentials",
                "/moby.filesync.v1.Auth/FetchToken",
                "/moby.filesync.v1.Auth/GetTokenAuthority",
                "/moby.buildkit.secrets.v1.Secrets/GetSecret",
            ]
        );
        assert_eq!(headers.get("x-docker-expose-session-uuid").unwrap(), "abc");
        assert!(headers.get("x-docker-expose-session-sharedkey").is_none());
    }

    #[test]
    fn a_key_beyond_ascii_is_escaped() {
        let key = |text| {
            let headers = headers(Some(text));
            let value = headers.get("x-docker-expose-session-sharedkey").unwrap().to_str().unwrap();
            (value.to_owned(), headers.get("x-docker-expose-session-sharedkey-encoded").is_some())
        };
        assert_eq!(key("/home/me/app"), ("/home/me/app".to_owned(), false));
        assert_eq!(key("caf\u{e9} x"), ("caf%C3%A9%20x".to_owned(), true));
    }
}
