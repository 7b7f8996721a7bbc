//! Docker Engine for one test: its daemon, apart from the machine's network, without a registry, gone with the test.
//!
//! ```no_run
//! # use stagewright_tests::{Buildx, Engine, Store};
//! let engine = Engine::start(Store::Containerd);
//! engine.bring("busybox:latest");
//! let buildx = Buildx::on_engine(&engine);
//! buildx.build("project").args(["-t", "app"]).run().expect_success();
//! assert_eq!(engine.image("app")["Config"]["User"], "node");
//! ```
//!
//! The daemon runs in namespaces of its own (network, mounts, processes), whose first process reads a pipe from the test.
//! However the test ends, the pipe does, too: then the daemon is asked to stop, and with the namespaces everything goes that
//! it has started, mounted and set up. Only its socket, a file, is seen from outside. The loopback there is another one than
//! the registry's, so images come in as archives.

mod archive;
mod http;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::Environment;
use http::Answer;

/// How long the daemon may take until it answers.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take to stop in good order. Then it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// The first process of the namespaces: it starts the daemon, and ends it when its own standard input ends.
const INIT: &str = r#"
ip link set lo up || exit
exec 3<&0
"$@" </dev/null &
daemon=$!
{ cat <&3; kill "$daemon"; } &
wait "$daemon"
"#;

/// Where an engine keeps images, which decides what its builder can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// In containerd's store, as new installations do: images are manifests, with several platforms and attestations.
    Containerd,
    /// In the older store: an image is its config and its layers. There is one platform, and no manifest.
    Graphdriver,
}

impl Store {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Containerd, Self::Graphdriver];
}

/// Docker Engine's daemon, which runs until this is dropped.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    directory: TempDir,
    child: Child,
    /// Ends the daemon when it is closed.
    lifeline: Option<ChildStdin>,
}

impl Engine {
    /// Starts one without any images, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not come up, with its log; when it was not built; when this process is not root.
    #[must_use]
    pub fn start(store: Store) -> Self {
        let program = Environment::engine();
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("daemon.json"), "{}").unwrap();
        let log = File::create(path("log")).unwrap();
        let mut command = Command::new("unshare");
        command
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", INIT, "init"])
            .arg(program)
            .arg("--config-file")
            .arg(path("daemon.json"))
            .arg("--data-root")
            .arg(path("data"))
            .arg("--exec-root")
            .arg(path("exec"))
            .arg("--pidfile")
            .arg(path("pid"))
            .arg("--host")
            .arg(format!("unix://{}", path("socket").display()))
            .args(["--iptables=false", "--ip6tables=false", "--userland-proxy=false"])
            .args(["--feature", "embedded-containerd=true", "--feature", "time-namespaces=false"])
            .args(match store {
                Store::Containerd => &["--feature", "containerd-snapshotter=true"][..],
                Store::Graphdriver => &["--feature", "containerd-snapshotter=false"],
            })
            .env("PATH", search_path())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            // Ctrl-C is for the test, which then ends, and this one with it.
            .process_group(0);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let lifeline = child.stdin.take();
        let mut engine = Self { store, directory, child, lifeline };
        engine.wait_ready();
        engine
    }

    fn wait_ready(&mut self) {
        let start = Instant::now();
        loop {
            let ready = self.request("GET", "/_ping", &mut &b""[..], 0);
            match ready {
                Ok(answer) if answer.status == 200 => return,
                _ if start.elapsed() < READY_LIMIT && self.child.try_wait().unwrap().is_none() => {
                    sleep(PAUSE);
                }
                other => panic!("the engine does not answer: {other:?}\n{}", self.log()),
            }
        }
    }

    /// Where it keeps images.
    #[must_use]
    pub fn store(&self) -> Store {
        self.store
    }

    /// Where it listens, as `DOCKER_HOST` names it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Loads an archive with images, as `docker load` does, and returns what it says about that.
    ///
    /// # Panics
    ///
    /// When the archive does not read, or the engine refuses it.
    pub fn load(&self, archive: &Path) -> String {
        let mut file = File::open(archive).unwrap_or_else(|e| panic!("{}: {e}", archive.display()));
        let length = file.metadata().unwrap().len();
        let answer = self.request("POST", "/images/load?quiet=1", &mut file, length);
        let answer = answer.unwrap_or_else(|e| panic!("{}: {e}", archive.display())).expect_success();
        let mut said = String::new();
        for line in serde_json::Deserializer::from_slice(&answer.body).into_iter::<Value>() {
            let line = line.unwrap();
            // It begins to answer before it knows whether it succeeds.
            assert!(line["error"].is_null(), "{}: {}", archive.display(), line["error"]);
            said.push_str(line["stream"].as_str().unwrap_or_default());
        }
        said
    }

    /// Brings an image of the loopback registry here under the same name: `busybox:latest`.
    ///
    /// # Panics
    ///
    /// When the registry has no such image for this machine, or the engine refuses it.
    pub fn bring(&self, name: &str) {
        let path = self.directory.path().join("brought.tar");
        archive::write(&Environment::get().registry, name, &path);
        self.load(&path);
        fs::remove_file(path).unwrap();
    }

    /// What the engine tells of an image: `docker image inspect`.
    ///
    /// # Panics
    ///
    /// When it has no such image.
    #[must_use]
    pub fn image(&self, name: &str) -> Value {
        self.get(&format!("/images/{name}/json"))
    }

    /// Asks for something by its path in the engine's API.
    ///
    /// # Panics
    ///
    /// When the answer is another one than 200 with JSON.
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        let answer = self.request("GET", path, &mut &b""[..], 0).unwrap().expect_success();
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn request(&self, method: &str, path: &str, body: &mut dyn Read, length: u64) -> std::io::Result<Answer> {
        http::request(&self.socket(), method, path, body, length)
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < STOP_LIMIT {
            sleep(PAUSE);
        }
        // With it the first process of the namespaces goes, and so all the others. Mostly it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `PATH` with root's directories, where Debian has runc and ip.
fn search_path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}
