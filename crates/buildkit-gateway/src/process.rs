//! A process in a container: its input, its output, its end.
//!
//! One stream of messages per process. Source: BuildKit v0.34 `frontend/gateway/gateway.go`, `ExecProcess`.

use buildkit_llb::{SecretEnv, Security};
use buildkit_proto::gateway as pb;
use buildkit_proto::gateway::exec_message::Input;
use buildkit_proto::pb as ops;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

use crate::channel::Channel;
use crate::errdefs::GatewayError;
use crate::gateway::Gateway;

/// The id of the only process of a stream.
const ID: &str = "process";

/// How many messages to the daemon may wait.
const WAITING: usize = 16;

/// The largest piece of input in one message.
const PIECE: usize = 32 << 10;

/// A process to start.
#[derive(Debug, Clone, Default)]
pub struct ProcessRequest {
    /// The program and its arguments.
    pub args: Vec<String>,
    /// `NAME=value` each.
    pub env: Vec<String>,
    /// Secrets for the environment.
    pub secret_env: Vec<SecretEnv>,
    /// The working directory, an absolute path.
    pub cwd: String,
    /// A name or number, with an optional group after a colon; empty for root.
    pub user: String,
    /// Whether there is input; without it the process reads an end at once.
    pub stdin: bool,
    /// Whether it has a terminal. Everything that it writes is stdout then.
    pub tty: bool,
    /// What it may do.
    pub security: Security,
}

/// A process that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    input: ProcessInput,
    output: Streaming<pb::ExecMessage>,
    exit: Option<Exit>,
}

/// The way to a process that runs; cheap to clone. After its end, what is sent goes nowhere.
#[derive(Debug, Clone)]
pub struct ProcessInput {
    sender: mpsc::Sender<pb::ExecMessage>,
}

/// What a process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessEvent {
    /// It writes to stdout.
    Stdout(Bytes),
    /// It writes to stderr.
    Stderr(Bytes),
    /// It has ended. Output may still follow.
    Exit(Exit),
}

/// How a process ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code; 255 if it has none.
    pub code: u32,
    /// What the daemon says about it; empty if it went well.
    pub message: String,
}

/// What a process wrote until its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessOutput {
    /// How it ended.
    pub exit: Exit,
    /// To stdout.
    pub stdout: Vec<u8>,
    /// To stderr.
    pub stderr: Vec<u8>,
}

impl Process {
    pub(crate) async fn start<C: Channel>(
        gateway: &Gateway<C>,
        container: &str,
        request: &ProcessRequest,
    ) -> Result<Self, GatewayError> {
        let security = match request.security {
            Security::Sandbox => ops::SecurityMode::Sandbox,
            Security::Insecure => ops::SecurityMode::Insecure,
        };
        let secrets = request.secret_env.iter().map(|secret| ops::SecretEnv {
            id: secret.id.clone(),
            name: secret.name.clone(),
            optional: secret.optional,
        });
        let fds = [request.stdin.then_some(0), Some(1), (!request.tty).then_some(2)];
        let init = pb::InitMessage {
            container_id: container.to_owned(),
            meta: Some(ops::Meta {
                args: request.args.clone(),
                env: request.env.clone(),
                cwd: request.cwd.clone(),
                user: request.user.clone(),
                ..ops::Meta::default()
            }),
            fds: fds.into_iter().flatten().collect(),
            tty: request.tty,
            security: security.into(),
            secretenv: secrets.collect(),
        };
        let (sender, receiver) = mpsc::channel(WAITING);
        let input = ProcessInput { sender };
        // The daemon answers when it has started the process, so that this must be on its way before.
        input.send(Input::Init(init)).await;
        let stream = ReceiverStream::new(receiver);
        let mut output = gateway.bridge.clone().exec_process(stream).await?.into_inner();
        match output.message().await?.and_then(|message| message.input) {
            Some(Input::Started(_)) => Ok(Self { input, output, exit: None }),
            _ => Err(GatewayError::new("the daemon did not say that the process has started")),
        }
    }

    /// The way to it.
    #[must_use]
    pub fn input(&self) -> ProcessInput {
        self.input.clone()
    }

    /// What it does next; none after its end.
    ///
    /// # Errors
    /// As the daemon tells.
    pub async fn next(&mut self) -> Result<Option<ProcessEvent>, GatewayError> {
        loop {
            let message = match self.output.message().await {
                Ok(message) => message.and_then(|message| message.input),
                // Input that came too late for the process ends the stream, and nothing is lost by it.
                Err(_) if self.exit.is_some() => None,
                Err(error) => return Err(error.into()),
            };
            match message {
                Some(Input::File(file)) if !file.data.is_empty() => {
                    let stdout = file.fd == 1;
                    let event = if stdout { ProcessEvent::Stdout } else { ProcessEvent::Stderr };
                    return Ok(Some(event(file.data)));
                }
                Some(Input::Exit(exit)) => {
                    let message = exit.error.map(|error| error.message).unwrap_or_default();
                    let exit = Exit { code: exit.code, message };
                    self.exit = Some(exit.clone());
                    return Ok(Some(ProcessEvent::Exit(exit)));
                }
                Some(Input::Done(_)) => return Ok(None),
                Some(_) => {}
                None if self.exit.is_some() => return Ok(None),
                None => {
                    let text = "the daemon ended the process's stream before the process";
                    return Err(GatewayError::with_code(Code::Unavailable, text));
                }
            }
        }
    }

    /// Waits for its end and gathers what it writes, all of it in memory.
    ///
    /// A process that reads until its input ends waits for [`ProcessInput::close`].
    ///
    /// # Errors
    /// As the daemon tells.
    pub async fn output(mut self) -> Result<ProcessOutput, GatewayError> {
        let mut output = ProcessOutput::default();
        while let Some(event) = self.next().await? {
            match event {
                ProcessEvent::Stdout(data) => output.stdout.extend_from_slice(&data),
                ProcessEvent::Stderr(data) => output.stderr.extend_from_slice(&data),
                ProcessEvent::Exit(exit) => output.exit = exit,
            }
        }
        Ok(output)
    }
}

impl ProcessInput {
    /// Writes to the process's stdin, which must have been asked for.
    pub async fn write(&self, mut data: Bytes) {
        while !data.is_empty() {
            let piece = data.split_to(PIECE.min(data.len()));
            self.send(Input::File(pb::FdMessage { fd: 0, eof: false, data: piece })).await;
        }
    }

    /// Ends the process's stdin, which must have been asked for.
    pub async fn close(&self) {
        self.send(Input::File(pb::FdMessage { fd: 0, eof: true, data: Bytes::new() }))
            .await;
    }

    /// Says how large the terminal is, in characters.
    pub async fn resize(&self, rows: u32, cols: u32) {
        self.send(Input::Resize(pb::ResizeMessage { rows, cols })).await;
    }

    /// Sends a signal, by its name without `SIG`: `INT`.
    pub async fn signal(&self, name: &str) {
        self.send(Input::Signal(pb::SignalMessage { name: name.to_owned() })).await;
    }

    /// A process that has ended takes nothing; its end says so.
    async fn send(&self, input: Input) {
        let message = pb::ExecMessage { process_id: ID.to_owned(), input: Some(input) };
        let _ = self.sender.send(message).await;
    }
}
