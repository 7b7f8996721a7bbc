//! A process in a container: its input, its output, its end.
//!
//! One stream of messages per process. Source: BuildKit v0.34 `frontend/gateway/gateway.go`, `ExecProcess`.

use std::sync::{Arc, Mutex, PoisonError};

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
use crate::lifetime::{Exit, Lifetime, ProcessError};

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

/// A process that runs.
///
/// When this is dropped its input ends, and nobody reads its output. A daemon does not stop it: that is done by a signal,
/// or by the end of its container.
#[derive(Debug)]
pub struct Process {
    input: ProcessInput,
    output: Streaming<pb::ExecMessage>,
    lifetime: Arc<Lifetime>,
    is_first: bool,
    exit: Option<Exit>,
}

/// The way to a process that runs; cheap to clone. After its end, what is sent goes nowhere.
///
/// What is sent arrives in its order: a signal waits until the process has read the input before it.
#[derive(Debug, Clone)]
pub struct ProcessInput {
    sender: mpsc::Sender<pb::ExecMessage>,
    /// Whether stdin has ended: a daemon ends the stream when anything comes for it then. Whoever asks keeps the lock
    /// until what it has to say is sent, since others have the same stdin.
    closed: Arc<Mutex<bool>>,
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

/// A signal that reaches a process.
///
/// All others are taken by the runtime between daemon and process, or stop the runtime itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// `SIGHUP`.
    Hup,
    /// `SIGINT`, as Ctrl-C sends it.
    Int,
    /// `SIGQUIT`.
    Quit,
    /// `SIGTERM`.
    Term,
    /// `SIGUSR1`.
    Usr1,
    /// `SIGUSR2`.
    Usr2,
    /// `SIGKILL`. It ends every process; the first one takes others only if it handles them, since it is the first of
    /// its world.
    Kill,
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
        lifetime: Arc<Lifetime>,
        request: &ProcessRequest,
    ) -> Result<Self, ProcessError> {
        lifetime.check()?;
        // Until one has started, no other does: else nobody knows which of them is the daemon's first.
        let starting = lifetime.starting().await;
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
        let input = ProcessInput { sender, closed: Arc::new(Mutex::new(!request.stdin)) };
        // The daemon answers when it has started the process, so that this must be on its way before.
        input.send(Input::Init(init)).await;
        let stream = ReceiverStream::new(receiver);
        let answer = gateway.bridge.clone().exec_process(stream).await;
        let mut output = answer.map_err(GatewayError::from)?.into_inner();
        match output
            .message()
            .await
            .map_err(GatewayError::from)?
            .and_then(|message| message.input)
        {
            Some(Input::Started(_)) => {
                let is_first = starting.map(|mut has_first| *has_first = true).is_some();
                Ok(Self { input, output, lifetime, is_first, exit: None })
            }
            _ => Err(GatewayError::new("the daemon did not say that the process has started").into()),
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
    /// As the daemon tells, and that the container ended with another process and took this one along.
    pub async fn next(&mut self) -> Result<Option<ProcessEvent>, ProcessError> {
        loop {
            if self.exit.is_some() {
                // A daemon does not say that all is done while it could be given input.
                self.input.close().await;
            }
            let message = match self.output.message().await {
                Ok(message) => message.and_then(|message| message.input),
                // Input that came too late for the process ends the stream, and nothing is lost by it.
                Err(_) if self.exit.is_some() => None,
                Err(error) => return Err(GatewayError::from(error).into()),
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
                    self.lifetime.end(&exit, self.is_first)?;
                    return Ok(Some(ProcessEvent::Exit(exit)));
                }
                Some(Input::Done(_)) => return Ok(None),
                Some(_) => {}
                None if self.exit.is_some() => return Ok(None),
                None => {
                    let text = "the daemon ended the process's stream before the process";
                    return Err(GatewayError::with_code(Code::Unavailable, text).into());
                }
            }
        }
    }

    /// Waits for its end and gathers what it writes, all of it in memory.
    ///
    /// A process that reads until its input ends waits for [`ProcessInput::close`].
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn output(mut self) -> Result<ProcessOutput, ProcessError> {
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
    /// Writes to the process's stdin. Without one, or after its end, this does nothing.
    pub async fn write(&self, mut data: Bytes) {
        while !data.is_empty() {
            let piece = data.split_to(PIECE.min(data.len()));
            if !self.send_stdin(pb::FdMessage { fd: 0, eof: false, data: piece }).await {
                break;
            }
        }
    }

    /// Ends the process's stdin, if it has one.
    pub async fn close(&self) {
        self.send_stdin(pb::FdMessage { fd: 0, eof: true, data: Bytes::new() }).await;
    }

    /// Says how large the terminal is, in characters.
    pub async fn resize(&self, rows: u32, cols: u32) {
        self.send(Input::Resize(pb::ResizeMessage { rows, cols })).await;
    }

    /// Sends a signal.
    pub async fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Hup => "HUP",
            Signal::Int => "INT",
            Signal::Quit => "QUIT",
            Signal::Term => "TERM",
            Signal::Usr1 => "USR1",
            Signal::Usr2 => "USR2",
            Signal::Kill => "KILL",
        };
        self.send(Input::Signal(pb::SignalMessage { name: name.to_owned() })).await;
    }

    /// Sends something for stdin unless that has ended, and tells whether more may come.
    async fn send_stdin(&self, file: pb::FdMessage) -> bool {
        let Ok(permit) = self.sender.reserve().await else { return false };
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return false;
        }
        *closed = file.eof;
        permit.send(message(Input::File(file)));
        !*closed
    }

    /// A process that has ended takes nothing; its end says so.
    async fn send(&self, input: Input) {
        let _ = self.sender.send(message(input)).await;
    }
}

fn message(input: Input) -> pb::ExecMessage {
    pb::ExecMessage { process_id: ID.to_owned(), input: Some(input) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_comes_after_the_end_of_stdin() {
        let (sender, mut receiver) = mpsc::channel(1);
        let input = ProcessInput { sender, closed: Arc::default() };
        let other = input.clone();
        input.write(Bytes::from_static(b"first")).await;
        // Both wait for room, the end first.
        let ends = async {
            input.close().await;
            drop(input);
        };
        let writes = async {
            other.write(Bytes::from_static(b"late")).await;
            other.close().await;
            drop(other);
        };
        let reads = async {
            let mut read = Vec::new();
            while let Some(message) = receiver.recv().await {
                match message.input {
                    Some(Input::File(file)) => read.push((file.data, file.eof)),
                    other => panic!("{other:?}"),
                }
            }
            read
        };
        let ((), (), read) = tokio::join!(ends, writes, reads);
        assert_eq!(read, [(Bytes::from_static(b"first"), false), (Bytes::new(), true)]);
    }
}
