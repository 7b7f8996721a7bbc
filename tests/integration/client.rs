//! The client against a real daemon: sessions, gateway builds, exports, errors, cancelling.
//!
//! No base image is needed: what runs in a container here is one static program, compiled at the first use.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use buildkit_client::session::filesend::{ExportTarget, Exports};
use buildkit_client::session::filesync::{FileSync, LocalDir};
use buildkit_client::session::secrets::{Secret, Secrets};
use buildkit_client::status::StatusUpdate;
use buildkit_client::{
    BuildError, BuildGateway, BuildRequest, Client, Exporter, Session, SessionOptions, new_id,
};
use buildkit_gateway::{Channel, FrontendSolve, Gateway, GatewayError, GatewayResult, Ref, SolveOptions};
use buildkit_llb::{
    CopyAction, Definition, ExecOp, FileInput, FileOp, Graph, LocalIdentity, LocalSource, Metadata,
    MkfileAction, OpId, Platform, Position, Range, SecretMount, SourceFile,
};
use stagewright_tests::BUILDKIT_HOST;

/// What runs in containers: `exit N`, `sleep`, `cat PATH`, and `random PATH` with 16 random bytes.
const PROGRAM: &str = r#"
use std::{env, fs, io::Read, process, thread, time::Duration};
fn main() {
    let args: Vec<String> = env::args().collect();
    match args[1].as_str() {
        "exit" => process::exit(args[2].parse().unwrap()),
        "sleep" => loop { thread::sleep(Duration::from_millis(50)) },
        "cat" => println!("{:?}", fs::read_to_string(&args[2])),
        "random" => {
            thread::sleep(Duration::from_millis(300));
            let mut bytes = [0; 16];
            fs::File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
            fs::write(&args[2], format!("{bytes:?}")).unwrap();
        }
        other => panic!("{other}"),
    }
}
"#;

static PROGRAM_BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("program.rs"), folder.path().join("program"));
    fs::write(&source, PROGRAM).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2021", "-O", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "-o"]);
    let status = rustc.arg(&program).arg(&source).status().unwrap();
    assert!(status.success(), "rustc: {status}");
    fs::read(program).unwrap()
});

async fn connect() -> Client {
    let address = std::env::var(BUILDKIT_HOST)
        .unwrap_or_else(|error| panic!("{BUILDKIT_HOST}: {error}; run `cargo xtask test`"));
    Client::connect(&address.parse().unwrap()).await.unwrap()
}

async fn bare_session(client: &Client) -> Session {
    client.session(SessionOptions::new()).await.unwrap()
}

/// What a build showed, by name of the vertex.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<StatusUpdate>>>);

impl Shown {
    fn sink(&self) -> impl FnMut(StatusUpdate) + Send + use<> {
        let all = Arc::clone(&self.0);
        move |update| all.lock().unwrap().push(update)
    }

    fn digests(&self) -> Vec<String> {
        let all = self.0.lock().unwrap();
        all.iter()
            .flat_map(|update| &update.vertexes)
            .map(|vertex| vertex.digest.clone())
            .collect()
    }

    fn started(&self, name: &str) -> bool {
        let all = self.0.lock().unwrap();
        let mut vertexes = all.iter().flat_map(|update| &update.vertexes);
        vertexes.any(|vertex| vertex.name == name && vertex.started.is_some())
    }

    fn logs(&self) -> String {
        let all = self.0.lock().unwrap();
        let logs = all.iter().flat_map(|update| &update.logs);
        logs.map(|log| String::from_utf8_lossy(&log.data).into_owned()).collect()
    }
}

/// A filesystem with one file.
fn file(graph: &mut Graph, path: &str, data: &str) -> OpId {
    let action = MkfileAction::new(path, 0o644, data.to_owned());
    graph
        .add(FileOp::chain(None, [action]), Metadata::named(format!("write {path}")))
        .unwrap()
}

fn one_file(path: &str, data: &str) -> Definition {
    let mut graph = Graph::new();
    let op = file(&mut graph, path, data);
    graph.definition(Some(op.root())).unwrap()
}

/// A step that runs the program; the id makes it unlike all others.
fn run(graph: &mut Graph, name: &str, args: &[&str], id: &str) -> OpId {
    run_with(graph, name, args, id, |exec| exec)
}

fn run_with(
    graph: &mut Graph,
    name: &str,
    args: &[&str],
    id: &str,
    change: impl FnOnce(ExecOp) -> ExecOp,
) -> OpId {
    let program = MkfileAction::new("/program", 0o755, PROGRAM_BYTES.clone());
    let root = graph
        .add(FileOp::chain(None, [program]), Metadata::named("write the program"))
        .unwrap();
    let args = ["/program"].iter().chain(args).copied();
    let mut exec = ExecOp::new(Some(root.root()), args, Platform::new("linux", "amd64"));
    exec.env.push(format!("BUILD={id}"));
    graph.add(change(exec), Metadata::named(name)).unwrap()
}

/// A step that sleeps until it is stopped, and the id by which [`runs`] finds it.
pub(crate) fn sleeping_step() -> (String, Definition) {
    let id = new_id().unwrap();
    let mut graph = Graph::new();
    let step = run(&mut graph, "sleep", &["sleep"], &id);
    let definition = graph.definition(Some(step.root())).unwrap();
    (id, definition)
}

async fn evaluate<C: Channel>(gateway: &Gateway<C>, definition: &Definition) -> Result<Ref, GatewayError> {
    let options = SolveOptions { evaluate: true, ..SolveOptions::default() };
    gateway.solve(definition, &options).await
}

/// Runs a definition, and returns what it gives.
async fn build(
    client: &Client,
    request: BuildRequest,
    shown: &Shown,
    definition: &Definition,
) -> Result<buildkit_client::SolveResponse, BuildError<GatewayError>> {
    let drive =
        async |gateway: BuildGateway| Ok(GatewayResult::single(evaluate(&gateway, definition).await?));
    client.build(request, shown.sink(), drive).await
}

fn unpack(tar: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut archive = tar::Archive::new(fs::File::open(tar).unwrap());
    let read = |entry: std::io::Result<tar::Entry<'_, fs::File>>| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        (entry.path().unwrap().into_owned(), bytes)
    };
    archive.entries().unwrap().map(read).collect()
}

/// Whether a process with this id in its environment runs on this machine.
pub(crate) fn runs(id: &str) -> bool {
    let wanted = format!("BUILD={id}");
    fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let environ = fs::read(process.path().join("environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    })
}

pub(crate) async fn eventually(what: &str, limit: Duration, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_daemon_says_who_it_is_and_what_it_can() {
    let client = connect().await;
    assert!(client.version().package.contains("buildkit"), "{:?}", client.version());
    let workers = client.workers().await.unwrap();
    assert!(workers[0].platforms.iter().any(|platform| platform.os == "linux"));

    let session = bare_session(&client).await;
    let drive = async |gateway: BuildGateway| {
        let caps = gateway.ping().await?;
        assert!(caps.llb.has("exec.meta.base") && caps.frontend.has("gateway.evaluate"));
        assert!(!caps.llb.has("exec.meta.nonsense"));
        assert_eq!(caps.workers[0].id, workers[0].id);
        let scratch = evaluate(&gateway, &Definition::default()).await?;
        assert!(scratch.is_scratch());
        Ok::<_, GatewayError>(GatewayResult::single(scratch))
    };
    client.build(BuildRequest::new(&session), drop, drive).await.unwrap();
    session.close().await;
}

#[tokio::test]
async fn a_result_is_read_and_exported_as_tar_and_as_directory() {
    let client = connect().await;
    let folder = tempfile::tempdir().unwrap();
    let (tar, tree) = (folder.path().join("out.tar"), folder.path().join("tree"));
    let exports = Exports::prepare([
        (0, ExportTarget::File(tar.clone())),
        (1, ExportTarget::Directory(tree.clone(), Default::default())),
    ])
    .unwrap();
    let session = client
        .session(SessionOptions::new().file_send(exports.service()))
        .await
        .unwrap();
    let definition = one_file("/hello.txt", "hello");
    let request = BuildRequest::new(&session)
        .exporter(Exporter::new("tar"))
        .exporter(Exporter::new("local"));

    let shown = Shown::default();
    let drive = async |gateway: BuildGateway| {
        let reference = gateway.solve(&definition, &SolveOptions::default()).await?;
        assert_eq!(gateway.read_file(&reference, "/hello.txt", None).await?, "hello");
        let stat = gateway.stat_file(&reference, "/hello.txt").await?;
        assert_eq!((stat.size, stat.mode), (5, 0o644));
        assert_eq!(gateway.read_dir(&reference, "/", None).await?.len(), 1);
        let absent = gateway.read_file(&reference, "/absent", None).await.unwrap_err();
        assert!(absent.message().contains("absent"), "{absent}");
        Ok::<_, GatewayError>(GatewayResult::single(reference))
    };
    let answer = client.build(request, shown.sink(), drive).await.unwrap();
    assert!(answer.status_error.is_none(), "{answer:?}");
    exports.commit().await.unwrap();
    session.close().await;

    assert_eq!(unpack(&tar)[Path::new("hello.txt")], b"hello");
    assert_eq!(fs::read(tree.join("hello.txt")).unwrap(), b"hello");
    let ours = definition.digests().next().unwrap().to_string();
    assert!(shown.digests().contains(&ours), "{ours} in {:?}", shown.digests());
}

#[tokio::test]
async fn an_image_is_exported_with_the_config_that_was_returned() {
    let client = connect().await;
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    let exports = Exports::prepare([(0, ExportTarget::File(archive.clone()))]).unwrap();
    let session = client
        .session(SessionOptions::new().file_send(exports.service()))
        .await
        .unwrap();
    let config = r#"{"architecture":"amd64","os":"linux","config":{"Cmd":["/hello"]},"rootfs":{}}"#;
    let exporter = Exporter::new("oci").attr("name", "docker.io/library/hello:1");
    let definition = one_file("/hello", "hello");
    let drive = async |gateway: BuildGateway| {
        let reference = evaluate(&gateway, &definition).await?;
        Ok::<_, GatewayError>(
            GatewayResult::single(reference).with_metadata(buildkit_gateway::metadata::IMAGE_CONFIG, config),
        )
    };
    let request = BuildRequest::new(&session).exporter(exporter);
    let answer = client.build(request, drop, drive).await.unwrap();
    exports.commit().await.unwrap();

    let files = unpack(&archive);
    assert!(answer.image_digest().unwrap().starts_with("sha256:"));
    let config = answer.image_config_digest().unwrap().replace("sha256:", "blobs/sha256/");
    let config: serde_json::Value = serde_json::from_slice(&files[Path::new(&config)]).unwrap();
    assert_eq!(config["config"]["Cmd"], serde_json::json!(["/hello"]));
    session.close().await;
}

#[tokio::test]
async fn a_local_directory_is_uploaded_once_for_two_builds() {
    let client = connect().await;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/main.rs"), "fn main() {}").unwrap();
    fs::write(folder.path().join("ignored.log"), "no").unwrap();
    let files = FileSync::new([("context", LocalDir::open(folder.path()).unwrap())]);
    let options = SessionOptions::new().shared_key("integration").file_sync(files);
    let session = client.session(options).await.unwrap();

    let mut graph = Graph::new();
    let mut local = LocalSource::new("context", LocalIdentity::Session(session.id().to_owned()));
    // Patterns travel as headers: far more of them than the 8 KiB that are usual for headers.
    local.exclude = (0..20_000).map(|number| format!("unused/{number}")).collect();
    local.exclude.push("*.log".into());
    let local = graph.add(local, Metadata::named("load the context")).unwrap();
    let mut copy = FileOp::default();
    copy.push(FileInput::Scratch, CopyAction::new(local.root(), "/", "/"));
    let copied = graph.add(copy, Metadata::named("copy")).unwrap();
    let definition = graph.definition(Some(copied.root())).unwrap();

    let drive = async |gateway: BuildGateway| {
        let reference = evaluate(&gateway, &definition).await?;
        assert_eq!(gateway.read_file(&reference, "/src/main.rs", None).await?, "fn main() {}");
        let names = gateway.read_dir(&reference, "/", None).await?;
        assert_eq!(names.iter().map(|stat| &stat.path[..]).collect::<Vec<_>>(), [b"src"]);
        Ok::<_, GatewayError>(GatewayResult::single(reference))
    };
    let shown = Shown::default();
    let one = client.build(BuildRequest::new(&session), shown.sink(), drive);
    let two = client.build(BuildRequest::new(&session), drop, drive);
    let (one, two) = tokio::join!(one, two);
    one.unwrap();
    two.unwrap();
    assert!(shown.started("load the context"));
    session.close().await;
}

#[tokio::test]
async fn secrets_reach_the_step_and_optional_ones_may_be_missing() {
    let client = connect().await;
    let secrets = Secrets::new().with("token", Secret::value("hunter2").unwrap());
    let session = client.session(SessionOptions::new().secrets(secrets)).await.unwrap();
    let id = new_id().unwrap();
    let step = |secret: &str, optional: bool| {
        let mut graph = Graph::new();
        let mut mount = SecretMount::new(secret, "/secret");
        mount.optional = optional;
        let with = |exec: ExecOp| ExecOp { secrets: vec![mount], ..exec };
        let step = run_with(&mut graph, "read the secret", &["cat", "/secret"], &id, with);
        graph.definition(Some(step.root())).unwrap()
    };

    let shown = Shown::default();
    build(&client, BuildRequest::new(&session), &shown, &step("token", false))
        .await
        .unwrap();
    assert!(shown.logs().contains("hunter2"), "{}", shown.logs());

    let shown = Shown::default();
    build(&client, BuildRequest::new(&session), &shown, &step("none", true))
        .await
        .unwrap();
    assert!(shown.logs().contains("NotFound"), "{}", shown.logs());

    let shown = Shown::default();
    let missing = build(&client, BuildRequest::new(&session), &shown, &step("none", false)).await;
    assert!(missing.unwrap_err().to_string().contains("none"));
    session.close().await;
}

#[tokio::test]
async fn a_failing_step_keeps_its_exit_code_and_lines() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let mut graph = Graph::new();
    let step = run(&mut graph, "fail", &["exit", "42"], &new_id().unwrap());
    let place = |line| Position { line, character: 0 };
    let source = graph.add_file(SourceFile {
        filename: "stages.rs".into(),
        // The whole file comes back in the error, in a trailer.
        data: format!("a\nb\nc\n{}", "// more\n".repeat(50_000)).into(),
        language: "Rust".into(),
        definition: None,
    });
    graph
        .locate(step, source, vec![Range { start: place(2), end: place(2) }])
        .unwrap();
    let definition = graph.definition(Some(step.root())).unwrap();
    let digest = graph.digest(step).unwrap().to_string();

    let shown = Shown::default();
    let error = build(&client, BuildRequest::new(&session), &shown, &definition)
        .await
        .unwrap_err();
    let BuildError::Drive(error) = error else { panic!("{error}") };
    assert_eq!(error.exit_code(), Some(42), "{error}");
    assert_eq!(error.vertex(), Some(digest));
    assert!(error.solve().is_some_and(|solve| !solve.mount_ids.is_empty()));
    let sources = error.sources();
    assert_eq!((sources[0].info.filename.as_str(), sources[0].ranges[0].start.line), ("stages.rs", 2));

    // Unevaluated, the daemon finds out when it exports.
    let drive = async |gateway: BuildGateway| {
        let reference = gateway.solve(&definition, &SolveOptions::default()).await?;
        Ok::<_, GatewayError>(GatewayResult::single(reference))
    };
    let folder = tempfile::tempdir().unwrap();
    let exports = Exports::prepare([(0, ExportTarget::File(folder.path().join("out.tar")))]).unwrap();
    let session = client
        .session(SessionOptions::new().file_send(exports.service()))
        .await
        .unwrap();
    let request = BuildRequest::new(&session).exporter(Exporter::new("tar"));
    let error = client.build(request, drop, drive).await.unwrap_err();
    let BuildError::Solve(error) = error else { panic!("{error}") };
    assert_eq!(error.exit_code(), Some(42), "{error}");
    session.close().await;
}

#[tokio::test]
async fn an_own_error_reaches_the_daemon_with_its_lines() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let drive = async |_| Err::<GatewayResult, _>(GatewayError::new("the gate is shut"));
    let error = client.build(BuildRequest::new(&session), drop, drive).await.unwrap_err();
    assert!(matches!(&error, BuildError::Drive(inner) if inner.message() == "the gate is shut"), "{error}");
    session.close().await;
}

#[tokio::test]
async fn the_error_of_the_solve_is_preferred_and_prompt() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let request = BuildRequest::new(&session).exporter(Exporter::new("nonsense"));
    let start = Instant::now();
    let error = build(&client, request, &Shown::default(), &one_file("/a", "a"))
        .await
        .unwrap_err();
    assert!(matches!(&error, BuildError::Solve(inner) if inner.message().contains("nonsense")), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    session.close().await;
}

#[tokio::test]
async fn a_result_that_makes_no_sense_is_refused() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let definition = one_file("/a", "a");
    let drive = async |gateway: BuildGateway| {
        let reference = evaluate(&gateway, &definition).await?;
        let refs = [("linux/amd64".to_owned(), reference), ("linux/arm64".to_owned(), Ref::scratch())];
        Ok::<_, GatewayError>(GatewayResult::map(refs.into()))
    };
    let request = BuildRequest::new(&session).exporter(Exporter::new("image"));
    let error = client.build(request, drop, drive).await.unwrap_err();
    assert!(error.to_string().contains("platforms mapping"), "{error}");
    client.info().await.expect("the daemon lives on");
    session.close().await;
}

#[tokio::test]
async fn dropping_a_build_stops_its_step() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let (id, definition) = sleeping_step();
    let shown = Shown::default();
    {
        let running = build(&client, BuildRequest::new(&session), &shown, &definition);
        let started = eventually("the step runs", Duration::from_secs(30), || runs(&id));
        tokio::select! {
            ended = running => panic!("{ended:?}"),
            () = started => {}
        }
    }
    eventually("the step is gone", Duration::from_secs(3), || !runs(&id)).await;
    session.close().await;
}

#[tokio::test]
async fn a_build_is_cancelled_in_good_order() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let (id, definition) = sleeping_step();
    let request = BuildRequest::new(&session);
    let cancel = request.cancel.clone();
    let shown = Shown::default();
    let running = build(&client, request, &shown, &definition);
    let cancelled = async {
        eventually("the step runs", Duration::from_secs(30), || runs(&id)).await;
        cancel.cancel();
        Instant::now()
    };
    let (ended, cancelled) = tokio::join!(running, cancelled);
    assert!(matches!(ended, Err(BuildError::Cancelled)), "{ended:?}");
    assert!(cancelled.elapsed() < Duration::from_secs(1), "{:?}", cancelled.elapsed());
    eventually("the step is gone", Duration::from_secs(3), || !runs(&id)).await;
    session.close().await;
}

#[tokio::test]
async fn three_builds_on_one_session_run_what_they_share_once() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let mut graph = Graph::new();
    let shared = run(&mut graph, "roll the dice", &["random", "/dice"], &new_id().unwrap());
    let definitions = ["a", "b", "c"].map(|name| {
        let mut copy = FileOp::default();
        let copied = copy.push(FileInput::Scratch, CopyAction::new(shared.root(), "/dice", "/dice"));
        copy.push(copied, MkfileAction::new(format!("/{name}"), 0o644, "x"));
        let product = graph.add(copy, Metadata::named(name)).unwrap();
        graph.definition(Some(product.root())).unwrap()
    });
    let roll = async |definition: &Definition| {
        let dice = Mutex::new(None);
        let drive = async |gateway: BuildGateway| {
            let reference = evaluate(&gateway, definition).await?;
            let read = gateway.read_file(&reference, "/dice", None).await?;
            *dice.lock().unwrap() = Some(read);
            Ok::<_, GatewayError>(GatewayResult::single(reference))
        };
        client.build(BuildRequest::new(&session), drop, drive).await.unwrap();
        dice.into_inner().unwrap().unwrap()
    };
    let [a, b, c] = &definitions;
    let (a, b, c) = tokio::join!(roll(a), roll(b), roll(c));
    assert_eq!((&a, &b), (&b, &c));
    session.close().await;
}

#[tokio::test]
async fn another_frontend_builds_from_inputs() {
    let client = connect().await;
    let session = bare_session(&client).await;
    let drive = async |gateway: BuildGateway| {
        let solve = FrontendSolve {
            frontend: "dockerfile.v0".into(),
            inputs: [
                ("dockerfile".to_owned(), one_file("/Dockerfile", "FROM scratch\nCOPY a /b\nCMD [\"/b\"]\n")),
                ("context".to_owned(), one_file("/a", "from a Dockerfile")),
            ]
            .into(),
            ..FrontendSolve::default()
        };
        let result = gateway.solve_frontend(&solve).await?;
        let config = &result.metadata[buildkit_gateway::metadata::IMAGE_CONFIG];
        assert!(std::str::from_utf8(config).unwrap().contains(r#""Cmd":["/b"]"#));
        let reference = result.as_single().unwrap();
        assert_eq!(gateway.read_file(reference, "/b", None).await?, "from a Dockerfile");
        Ok::<_, GatewayError>(result)
    };
    client.build(BuildRequest::new(&session), drop, drive).await.unwrap();
    session.close().await;
}

#[tokio::test]
async fn a_definition_is_solved_as_it_is() {
    let client = connect().await;
    let folder = tempfile::tempdir().unwrap();
    let tar = folder.path().join("out.tar");
    let exports = Exports::prepare([(0, ExportTarget::File(tar.clone()))]).unwrap();
    let session = client
        .session(SessionOptions::new().file_send(exports.service()))
        .await
        .unwrap();
    let request = BuildRequest::new(&session).exporter(Exporter::new("tar"));
    client.solve(&one_file("/solved", "yes"), request, drop).await.unwrap();
    exports.commit().await.unwrap();
    assert_eq!(unpack(&tar)[Path::new("solved")], b"yes");
    session.close().await;
}

/// A session without health service is dropped after about ten seconds, and a connection that is pinged too
/// often is closed: both must live through a quiet time.
#[tokio::test]
async fn a_session_outlives_a_quiet_minute() {
    let client = connect().await;
    let secrets = Secrets::new().with("late", Secret::value("still here").unwrap());
    let session = client.session(SessionOptions::new().secrets(secrets)).await.unwrap();
    let idle = connect().await;
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert!(!session.has_ended());
    idle.info().await.expect("an idle connection is made anew");

    let mut graph = Graph::new();
    let with = |exec: ExecOp| ExecOp { secrets: vec![SecretMount::new("late", "/secret")], ..exec };
    let step = run_with(&mut graph, "late", &["cat", "/secret"], &new_id().unwrap(), with);
    let definition = graph.definition(Some(step.root())).unwrap();
    let shown = Shown::default();
    build(&client, BuildRequest::new(&session), &shown, &definition).await.unwrap();
    assert!(shown.logs().contains("still here"), "{}", shown.logs());
    session.close().await;
}
