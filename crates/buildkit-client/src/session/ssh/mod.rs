//! Ssh agents that steps may use: they sign with the keys, and never see them.
//!
//! Each connection that a step opens becomes one to the agent here. Between them stands a filter that lets a build
//! list keys and sign: with the plain socket it could add, remove and lock the user's keys. Requests and answers go
//! one at a time, so that a refusal takes its turn among the answers.

pub mod frames;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use buildkit_proto::ssh::ssh_server::Ssh;
use buildkit_proto::ssh::{BytesMessage, CheckAgentRequest, CheckAgentResponse};
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use frames::{FrameError, Frames, MAX_CHUNK, REFUSAL, is_allowed};

/// What the daemon calls.
pub(super) const METHODS: &[&str] =
    &["/moby.sshforward.v1.SSH/CheckAgent", "/moby.sshforward.v1.SSH/ForwardAgent"];

/// The agent of a step that names none.
pub const DEFAULT_ID: &str = "default";
/// The header that names the agent of a connection.
const ID_HEADER: &str = "buildkit.ssh.id";
/// The variable that names an agent's socket.
const SOCKET_VARIABLE: &str = "SSH_AUTH_SOCK";
/// How long an agent may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// An ssh agent, by its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshAgent {
    socket: PathBuf,
}

/// The ssh agents of a session, by id.
#[derive(Debug, Clone, Default)]
pub struct SshAgents {
    agents: BTreeMap<String, SshAgent>,
}

/// There is no such agent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SshError {
    /// No socket is named.
    #[error(
        "{SOCKET_VARIABLE} is not set: start an agent (`eval \"$(ssh-agent)\"`) and give it your key (`ssh-add`)"
    )]
    Unset,
    /// It is another kind of file.
    #[error(
        "{path:?} is no socket: keys are not read from files; start an agent (`eval \"$(ssh-agent)\"`), give it the key \
         (`ssh-add FILE`) and name its socket"
    )]
    NoSocket {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be looked at.
    #[error("the ssh agent's socket {path:?} cannot be used: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl SshAgent {
    /// The agent that listens on a socket.
    ///
    /// # Errors
    /// It is not there, or no socket.
    pub fn socket(path: impl AsRef<Path>) -> Result<Self, SshError> {
        let path = path.as_ref().to_owned();
        match fs::metadata(&path) {
            Ok(metadata) if metadata.file_type().is_socket() => Ok(Self { socket: path }),
            Ok(_) => Err(SshError::NoSocket { path }),
            Err(source) => Err(SshError::Io { path, source }),
        }
    }

    /// The agent that `SSH_AUTH_SOCK` names.
    ///
    /// # Errors
    /// The variable is not set, or names no socket.
    pub fn from_env() -> Result<Self, SshError> {
        Self::named(std::env::var_os(SOCKET_VARIABLE))
    }

    fn named(socket: Option<OsString>) -> Result<Self, SshError> {
        Self::socket(socket.filter(|path| !path.is_empty()).ok_or(SshError::Unset)?)
    }
}

impl SshAgents {
    /// No agents.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an agent, replacing what stood under its id.
    #[must_use]
    pub fn with(mut self, id: impl Into<String>, agent: SshAgent) -> Self {
        self.agents.insert(id.into(), agent);
        self
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }

    fn get(&self, id: &str) -> Result<(&str, &SshAgent), Status> {
        let id = if id.is_empty() { DEFAULT_ID } else { id };
        match self.agents.get_key_value(id) {
            Some((id, agent)) => Ok((id, agent)),
            None => Err(Status::not_found(format!("ssh agent {id:?} was not given to this build"))),
        }
    }
}

#[tonic::async_trait]
impl Ssh for SshAgents {
    type ForwardAgentStream = ReceiverStream<Result<BytesMessage, Status>>;

    async fn check_agent(
        &self,
        request: Request<CheckAgentRequest>,
    ) -> Result<Response<CheckAgentResponse>, Status> {
        self.get(&request.into_inner().id)?;
        Ok(Response::new(CheckAgentResponse {}))
    }

    async fn forward_agent(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let id = request
            .metadata()
            .get(ID_HEADER)
            .map(|id| id.to_str().unwrap_or("?"))
            .unwrap_or_default();
        let (id, agent) = self.get(id)?;
        let socket = connect(id, &agent.socket).await?;
        let (output, answers) = mpsc::channel(1);
        let connection = Connection { id: id.to_owned(), socket, answers: Frames::new() };
        tokio::spawn(async move {
            tokio::select! {
                // The step, or the session, is gone.
                () = output.closed() => {}
                ended = connection.serve(request.into_inner(), &output) => if let Err(status) = ended {
                    tracing::debug!(%status, "connection to an ssh agent broke off");
                    let _ = output.send(Err(status)).await;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(answers)))
    }
}

async fn connect(id: &str, path: &Path) -> Result<UnixStream, Status> {
    let why = match timeout(CONNECT_LIMIT, UnixStream::connect(path)).await {
        Ok(Ok(socket)) => return Ok(socket),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", CONNECT_LIMIT.as_secs()),
    };
    Err(Status::failed_precondition(format!("ssh agent {id:?} cannot be reached: {why}")))
}

/// A step's connection to an agent.
struct Connection {
    id: String,
    socket: UnixStream,
    answers: Frames,
}

impl Connection {
    /// Answers requests until there are no more.
    async fn serve(
        mut self,
        mut input: Streaming<BytesMessage>,
        output: &mpsc::Sender<Result<BytesMessage, Status>>,
    ) -> Result<(), Status> {
        let mut requests = Frames::new();
        while let Some(message) = input.message().await? {
            let refused = |error: FrameError| Status::invalid_argument(error.to_string());
            requests.push(&message.data).map_err(refused)?;
            while let Some(request) = requests.take().map_err(refused)? {
                let answer = match is_allowed(&request) {
                    true => self.ask(&request).await?,
                    false => Bytes::from_static(REFUSAL),
                };
                for start in (0..answer.len()).step_by(MAX_CHUNK) {
                    let data = answer.slice(start..answer.len().min(start + MAX_CHUNK));
                    // Nobody reads it when the step has gone.
                    let _ = output.send(Ok(BytesMessage { data })).await;
                }
            }
        }
        Ok(())
    }

    /// Gives the agent a request. It may ask a person first, so there is no limit to how long it takes.
    async fn ask(&mut self, request: &[u8]) -> Result<Bytes, Status> {
        self.socket
            .write_all(request)
            .await
            .map_err(|error| self.lost(&error.to_string()))?;
        let mut chunk = vec![0; MAX_CHUNK];
        loop {
            if let Some(answer) = self.answers.take().map_err(|error| self.lost(&error.to_string()))? {
                return Ok(answer);
            }
            match self.socket.read(&mut chunk).await {
                Ok(0) => return Err(self.lost("it hung up")),
                Ok(count) => {
                    let pushed = self.answers.push(&chunk[..count]);
                    pushed.map_err(|error| self.lost(&error.to_string()))?;
                }
                Err(error) => return Err(self.lost(&error.to_string())),
            }
        }
    }

    fn lost(&self, why: &str) -> Status {
        Status::failed_precondition(format!("ssh agent {:?} does not answer: {why}", self.id))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn an_agent_is_a_socket() {
        let folder = tempfile::tempdir().unwrap();
        let (socket, key) = (folder.path().join("agent"), folder.path().join("id_ed25519"));
        let _listener = UnixListener::bind(&socket).unwrap();
        fs::write(&key, "a key").unwrap();
        let text = |agent: Result<SshAgent, SshError>| agent.unwrap_err().to_string();
        assert_eq!(SshAgent::socket(&socket).unwrap(), SshAgent { socket: socket.clone() });
        assert!(SshAgent::named(Some(socket.into())).is_ok());
        assert!(
            text(SshAgent::socket(&key)).contains("id_ed25519\" is no socket: keys are not read from files")
        );
        assert!(text(SshAgent::socket(folder.path().join("none"))).contains("No such file"));
        assert!(text(SshAgent::named(None)).starts_with("SSH_AUTH_SOCK is not set: start an agent"));
        assert!(text(SshAgent::named(Some(OsString::new()))).starts_with("SSH_AUTH_SOCK is not set"));
    }

    #[tokio::test]
    async fn agents_go_by_their_ids() {
        let agent = SshAgent { socket: "/nowhere".into() };
        let agents = SshAgents::new().with(DEFAULT_ID, agent.clone()).with("github", agent);
        let check =
            async |id: &str| agents.check_agent(Request::new(CheckAgentRequest { id: id.into() })).await;
        assert!(check("").await.is_ok());
        assert!(check("github").await.is_ok());
        let unknown = check("gitlab").await.unwrap_err();
        assert_eq!(unknown.code(), tonic::Code::NotFound);
        assert_eq!(unknown.message(), "ssh agent \"gitlab\" was not given to this build");
        let gone = connect("github", Path::new("/nowhere")).await.unwrap_err();
        assert!(
            gone.message()
                .starts_with("ssh agent \"github\" cannot be reached: No such file"),
            "{gone}"
        );
    }
}
