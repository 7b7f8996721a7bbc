//! Ssh agents: a real `ssh-agent` with a real key, used by steps in containers.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buildkit_client::session::ssh::{DEFAULT_ID, SshAgent, SshAgents};
use buildkit_client::{BuildRequest, Client, SessionOptions, new_id};
use buildkit_llb::{Definition, ExecOp, Graph, SshMount};
use stagewright_tests::hex;
use tempfile::TempDir;

use super::{Shown, build, connect};
use crate::step::run_with;
use crate::support::stdout;

/// Lists the keys.
const LIST: &str = "0b";
/// What a build may not ask: remove all keys, lock with an empty password, lock, an extension, add a key, version 1.
const REFUSED: &[&str] = &["13", "1600000000", "16", "1b00000005717565727900", "1100", "01"];

/// An agent with one key. Dropped, it ends.
pub(crate) struct Agent {
    process: Child,
    folder: TempDir,
}

impl Agent {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let process = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh-agent (Debian: openssh-client) runs");
        let agent = Self { process, folder };
        let start = Instant::now();
        while !socket.exists() {
            assert!(start.elapsed() < Duration::from_secs(10), "ssh-agent does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        let key = agent.folder.path().join("key");
        stdout(
            Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "a test", "-f"])
                .arg(&key),
        );
        stdout(agent.ssh_add().arg("-q").arg(&key));
        agent
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("agent")
    }

    fn ssh_add(&self) -> Command {
        let mut command = Command::new("ssh-add");
        command.env("SSH_AUTH_SOCK", self.socket());
        command
    }

    /// The blob of its key, in hexadecimal digits.
    pub(crate) fn key(&self) -> String {
        let list = String::from_utf8(stdout(self.ssh_add().arg("-L"))).unwrap();
        let [line] = list.lines().collect::<Vec<_>>()[..] else { panic!("one key, not {list:?}") };
        hex(&STANDARD.decode(line.split(' ').nth(1).unwrap()).unwrap())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A text with its length before it, in hexadecimal digits.
fn counted(hex: &str) -> String {
    format!("{:08x}{hex}", hex.len() / 2)
}

/// A step that asks an agent.
fn asking(id: &str, optional: bool, messages: &[&str]) -> Definition {
    let mut graph = Graph::new();
    let dest = SshMount::default_dest(0);
    let mount = SshMount { optional, ..SshMount::new(id, dest.clone()) };
    let env = format!("SSH_AUTH_SOCK={dest}");
    let with = |mut exec: ExecOp| {
        exec.ssh = vec![mount];
        exec.env.push(env);
        exec
    };
    let args: Vec<&str> = ["ask"].iter().chain(messages).copied().collect();
    let step = run_with(&mut graph, "ask the agent", &args, &new_id().unwrap(), with);
    graph.definition(Some(step.root())).unwrap()
}

async fn run(client: &Client, agents: SshAgents, definition: &Definition) -> Result<String, String> {
    let session = client.session(SessionOptions::new().ssh(agents)).await.unwrap();
    let shown = Shown::default();
    let ended = build(client, BuildRequest::new(&session), &shown, definition).await;
    session.close().await;
    ended
        .map(|_| shown.logs())
        .map_err(|error| format!("{error}\n{}", shown.logs()))
}

fn agent(path: &Path) -> SshAgent {
    SshAgent::socket(path).unwrap()
}

#[tokio::test]
async fn a_step_lists_keys_and_has_them_sign() {
    let real = Agent::start();
    let key = real.key();
    let client = connect().await;
    // No id means `default`. Twice on one connection: an answer is not left over.
    let sign = format!("0d{}{}00000000", counted(&key), counted(&hex(b"what a server asks to be signed")));
    let agents = SshAgents::new().with(DEFAULT_ID, agent(&real.socket()));
    let log = run(&client, agents, &asking("", false, &[LIST, &sign, LIST])).await.unwrap();
    let list = format!("{LIST} -> 0c00000001{}{}", counted(&key), counted(&hex(b"a test")));
    assert_eq!(log.matches(&list).count(), 2, "{log}");
    let signature = format!("{sign} -> 0e00000053{}", counted(&hex(b"ssh-ed25519")));
    assert!(log.contains(&signature), "{log}");
}

#[tokio::test]
async fn a_step_cannot_change_the_agent() {
    let real = Agent::start();
    let before = real.key();
    let client = connect().await;
    let messages: Vec<&str> = REFUSED.iter().copied().chain([LIST]).collect();
    let agents = SshAgents::new().with("git", agent(&real.socket()));
    let log = run(&client, agents, &asking("git", false, &messages)).await.unwrap();
    for message in REFUSED {
        assert!(log.lines().any(|line| line == format!("{message} -> 05")), "{message} in {log}");
    }
    assert!(log.contains(&format!("{LIST} -> 0c00000001{}", counted(&before))), "{log}");
    assert_eq!(real.key(), before);
}

#[tokio::test]
async fn an_agent_that_is_not_lent_is_an_error_unless_optional() {
    let real = Agent::start();
    let client = connect().await;
    let lent = || SshAgents::new().with(DEFAULT_ID, agent(&real.socket()));
    let missing = run(&client, lent(), &asking("git", false, &[LIST])).await.unwrap_err();
    assert!(missing.contains("ssh agent \"git\" was not given to this build"), "{missing}");
    let none = run(&client, SshAgents::new(), &asking("git", false, &[LIST]))
        .await
        .unwrap_err();
    assert!(none.contains("no SSH key \"git\" forwarded from the client"), "{none}");
    // There is no socket then, which the program sees.
    let absent = run(&client, lent(), &asking("git", true, &["cat"])).await.unwrap_err();
    assert!(absent.contains("NotFound"), "{absent}");
}

#[tokio::test]
async fn an_agent_that_ends_ends_the_connection_and_not_the_session() {
    let real = Agent::start();
    let other = Agent::start();
    let client = connect().await;
    let agents = SshAgents::new()
        .with("gone", agent(&real.socket()))
        .with("here", agent(&other.socket()));
    drop(real);
    let session = client.session(SessionOptions::new().ssh(agents)).await.unwrap();
    let shown = Shown::default();
    let lost = build(&client, BuildRequest::new(&session), &shown, &asking("gone", false, &[LIST])).await;
    assert!(lost.is_err(), "{}", shown.logs());
    let shown = Shown::default();
    let found = build(&client, BuildRequest::new(&session), &shown, &asking("here", false, &[LIST])).await;
    found.unwrap();
    assert!(shown.logs().contains(&counted(&other.key())), "{}", shown.logs());
    session.close().await;
}
