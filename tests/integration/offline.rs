//! Offline builds: of what is pinned and on the daemon, and of nothing else.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use buildkit_client::daemon::{Daemon, DaemonOptions};
use serde_json::Value;
use stagewright::prelude::*;
use stagewright::{BuildOptions, Builder, Output};
use stagewright_tests::{Environment, GitServer};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};

use crate::support::{Ended, directory, end, program, run, write};

/// A way to a server, which can be cut.
struct Wire {
    address: String,
    taken: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Wire {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&taken);
        let task = tokio::spawn(async move {
            // What is under way is cut with it.
            let mut ways = JoinSet::new();
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let server = server.clone();
                ways.spawn(async move {
                    let mut far = TcpStream::connect(&server).await.unwrap();
                    copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        Self { address, taken, task }
    }

    /// How many connections there have been.
    fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

/// A daemon with nothing in it, and all that it can reach.
struct World {
    daemon: Daemon,
    builder: Builder,
    registry: Wire,
    git: Wire,
    _folder: TempDir,
    server: GitServer,
}

impl World {
    async fn new() -> Self {
        let registry = Wire::to(Environment::get().registry.address().to_owned()).await;
        let server = GitServer::start(&[("docs/word", "one\n")]);
        let git = Wire::to(host(&server.url()).to_owned()).await;
        let folder = tempfile::tempdir().unwrap();
        let mut options = DaemonOptions::new("buildkitd", folder.path());
        let address = &registry.address;
        options.config = format!(
            "[registry.\"docker.io\"]\nmirrors = [\"{address}\"]\n[registry.\"{address}\"]\nhttp = true\n"
        );
        let daemon = Daemon::start(options).await.unwrap();
        let builder = Builder::at(&daemon.endpoint().to_string()).await.unwrap();
        Self { daemon, builder, registry, git, _folder: folder, server }
    }

    /// The address of the repository.
    fn repository(&self) -> String {
        let url = self.server.url();
        url.replace(host(&url), &self.git.address)
    }

    /// The address of a file of a web server.
    fn file(&self) -> String {
        let registry = &Environment::get().registry;
        let image = registry.manifest("library/busybox", "latest").unwrap().unwrap();
        let manifest: Value = serde_json::from_slice(&image.bytes).unwrap();
        let config = manifest["config"]["digest"].as_str().unwrap();
        format!("http://{}/v2/library/busybox/blobs/{config}", self.registry.address)
    }

    fn taken(&self) -> usize {
        self.registry.taken() + self.git.taken()
    }

    async fn stop(self) {
        spawn_blocking(|| self.daemon.stop()).await.unwrap().unwrap();
    }
}

fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap()
}

fn failure(ended: &Ended) -> String {
    let (_, failure) = ended.report.failures().next().expect("it fails");
    failure.to_string()
}

#[tokio::test]
async fn what_is_pinned_and_there_needs_no_network() {
    let world = World::new().await;
    let (repository, file, context) = (world.repository(), world.file(), directory(&[]));
    let build = |step: &'static str| {
        let (repository, file) = (&repository, &file);
        move |b: &Build, (): ()| {
            let docs = b.git(format!("{repository}#main:docs")).all();
            let app = b
                .runtime("app", "busybox:latest")
                .copy(docs, "/docs/")
                .copy(b.http(file), "/config")
                .run(step)
                .nonroot();
            Targets::new().product(app)
        }
    };
    let options = || BuildOptions::new(context.path());
    let built = async |step, options: &BuildOptions| {
        end(world.builder.build(build(step), options).await.unwrap()).await
    };
    let step = "cat /docs/word > /word && test -s /config";

    let before = world.taken();
    let told = failure(&built(step, &options().offline()).await);
    for what in
        ["image `busybox:latest`", &format!("repository `{repository}#main`"), &format!("file `{file}`")]
    {
        assert!(told.contains(what), "{what}: {told}");
    }
    assert_eq!(told.matches("is not pinned").count(), 3, "{told}");
    assert_eq!(told.matches("offline.rs:").count(), 3, "{told}");

    let plan = stagewright::plan(build(step), &[]).unwrap();
    let plans = vec![(world.builder.platform(), plan.into())];
    let relocked = world.builder.lock(plans, &options(), &Default::default()).await.unwrap();
    relocked.write().await.unwrap();
    assert!(world.taken() > before, "what is not pinned is asked for by `lock` alone");
    let before = world.taken();
    let told = failure(&built(step, &options().offline()).await);
    assert_eq!(told.matches("is not on the daemon").count(), 3, "{told}");
    assert_eq!(world.taken(), before, "nothing is fetched to find that out");

    built(step, &options()).await.expect_success();
    world.registry.task.abort();
    world.git.task.abort();
    let out = tempfile::tempdir().unwrap();
    let offline = options().offline().output(Output::local(out.path()));
    assert_eq!(built(step, &offline).await.expect_success().ran(), [] as [&str; 0]);
    assert_eq!(fs::read_to_string(out.path().join("word")).unwrap(), "one\n");
    // A step that is not cached runs on what is there.
    let ended = built("cat /docs/word /docs/word > /word", &options().offline()).await;
    assert_eq!(ended.expect_success().ran().len(), 1);
    world.stop().await;
}

/// An image that nothing was run in is known to the daemon, but its layers are not there.
///
/// The wires need a thread while a command is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_without_its_layers_is_not_there() {
    let world = World::new().await;
    let stages = "stages:\n  app:\n    role: runtime\n    from: busybox:latest\n    nonroot: true\n";
    let project = directory(&[("stages.yaml", stages)]);
    let project = project.path();
    let succeeds = |arguments: &[&str]| {
        let (code, told) = stagewright(&world, project, arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {told}");
    };
    succeeds(&["lock"]);
    succeeds(&["build", "."]);
    let (code, told) = stagewright(&world, project, &["build", "--offline", "."]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("image `busybox:latest` for linux/"), "{told}");
    assert!(told.contains("is not on the daemon") && told.contains("stages.yaml:4"), "{told}");
    assert!(told.contains("`lock --fetch`"), "{told}");
    succeeds(&["lock", "--fetch"]);
    world.registry.task.abort();
    succeeds(&["build", "--offline", "."]);

    // What nobody names in the build is needed, too.
    let sbom = ["build", "--offline", "--sbom", "-o", "type=oci,dest=app.tar", "."];
    let (code, told) = stagewright(&world, project, &sbom);
    assert!(code == Some(1) && told.contains("`docker/buildkit-syft-scanner:stable-1`"), "{told}");
    assert_eq!(told.matches("is not pinned").count(), 1, "{told}");
    write(&project.join("stages.rs"), "fn main() {}\n");
    let compiled = ["build", "--offline", "-f", "stages.rs", "--lock", "own.lock", "."];
    let lock = |images: &str| write(&project.join("own.lock"), &format!("{{\"version\": 1{images}}}"));
    lock("");
    let (code, told) = stagewright(&world, project, &compiled);
    assert!(code == Some(2) && told.contains("image `rust:1-slim` for linux/"), "{told}");
    assert_eq!(told.matches("is not pinned").count(), 2, "{told}");
    let digest = format!("sha256:{}", "a".repeat(64));
    lock(&format!(", \"frontend\": {{\"rust:1-slim\": \"{digest}\", \"stagewright/rust:1\": \"{digest}\"}}"));
    let (code, told) = stagewright(&world, project, &compiled);
    assert!(code == Some(2) && told.contains("image `stagewright/rust:1` for linux/"), "{told}");
    assert_eq!(told.matches("is not on the daemon").count(), 2, "{told}");

    let (code, told) = stagewright(&world, project, &["build", "--offline", "--pull", "."]);
    assert!(code == Some(2) && told.contains("--pull"), "{told}");
    let cache = ["build", "--offline", "--cache-from", "example.com/cache", "."];
    let (code, told) = stagewright(&world, project, &cache);
    assert!(code == Some(2) && told.contains("no cache of the kind registry"), "{told}");
    world.stop().await;
}

/// What the command line says of it.
fn stagewright(world: &World, project: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = program("stagewright");
    command.args(arguments).current_dir(project).env("NO_COLOR", "1");
    let output = run(command.env("BUILDKIT_HOST", world.daemon.endpoint().to_string()));
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}
