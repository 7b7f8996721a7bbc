//! Build programs of one Rust file, compiled and run by the daemon.

mod errors;
mod files;
mod limits;
mod sandbox;
mod steps;
mod syntax;
mod toolchain;

use std::fs;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};

use buildkit_client::session::filesync::{FileSync, LocalDir};
use buildkit_client::session::secrets::{Secret, Secrets};
use buildkit_client::session::ssh::{SshAgent, SshAgents};
use buildkit_client::status::StatusUpdate;
use buildkit_client::{BuildError, BuildRequest, Client, SessionOptions};
use buildkit_gateway::{GatewayError, GatewayResult, Ref, ResolveMode};
use buildkit_llb::{LocalIdentity, Platform};
use stagewright::Plan;
use stagewright::rust::{Answer, BUNDLE_IMAGE, Beside, Bundle, Program, RustError, TOOLCHAIN};
use stagewright_tests::Environment;

/// The sources of the crates: those in the frontend's image.
fn bundle() -> Bundle {
    Bundle::Image(BUNDLE_IMAGE.parse().unwrap())
}

/// What every secret is.
const SECRET: &str = "s3cret-of-the-build";

/// What a program gives, and what its build showed.
struct Asked {
    answers: Result<Vec<Answer>, RustError>,
    shown: Vec<StatusUpdate>,
}

/// A program with everything around it.
struct Case {
    text: String,
    args: Vec<(String, String)>,
    platforms: Vec<Platform>,
    /// The directory that its file is in.
    directory: Option<std::path::PathBuf>,
    toolchain: String,
    limits: &'static str,
    no_cache: bool,
}

impl Case {
    fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            args: Vec::new(),
            platforms: vec![own()],
            directory: None,
            toolchain: TOOLCHAIN.to_owned(),
            limits: "1",
            no_cache: false,
        }
    }

    fn arg(mut self, name: &str, value: &str) -> Self {
        self.args.push((name.to_owned(), value.to_owned()));
        self
    }

    async fn ask(&self) -> Asked {
        let client = client().await;
        let shown = Arc::new(Mutex::new(Vec::new()));
        let answers = self.ask_with(&client, BuildRequest::default(), &shown).await;
        let answers = answers.map_err(|error| match error {
            BuildError::Drive(error) => error,
            other => panic!("{other}"),
        });
        let shown = std::mem::take(&mut *shown.lock().unwrap());
        Asked { answers, shown }
    }

    async fn ask_with(
        &self,
        client: &Client,
        mut request: BuildRequest,
        shown: &Arc<Mutex<Vec<StatusUpdate>>>,
    ) -> Result<Vec<Answer>, BuildError<RustError>> {
        // Secrets and ssh agents would be there for whoever takes them.
        let secrets = ["token", "PASSWORD", "GIT_AUTH_TOKEN"].into_iter();
        let secrets = secrets.fold(Secrets::new(), |all, id| all.with(id, Secret::value(SECRET).unwrap()));
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("agent");
        let _agent = UnixListener::bind(&socket).unwrap();
        let agents = SshAgents::new().with("default", SshAgent::socket(&socket).unwrap());
        let mut options = SessionOptions::new().secrets(secrets).ssh(agents);
        if let Some(directory) = &self.directory {
            let directory = LocalDir::open(directory).unwrap();
            options = options.file_sync(FileSync::new([("dockerfile", directory)]));
        }
        let session = client.session(options).await.unwrap();
        request.session_id = session.id().to_owned();
        let beside = self.directory.is_some().then(|| Beside::Local {
            name: "dockerfile".to_owned(),
            identity: LocalIdentity::Session(session.id().to_owned()),
        });
        let program = Program {
            file_name: "stages.rs".to_owned(),
            text: self.text.clone(),
            beside,
            toolchain: self.toolchain.clone(),
            bundle: bundle(),
            platform: own(),
            resolve_mode: ResolveMode::default(),
            no_cache: self.no_cache,
            limits: self.limits.parse().unwrap(),
        };
        let mut answers = Vec::new();
        let drive = async |gateway| {
            let compiled = program.compile(&gateway).await?;
            answers = compiled.plans(&gateway, &self.args, &self.platforms).await?;
            Ok::<_, RustError>(GatewayResult::single(Ref::scratch()))
        };
        let told = Arc::clone(shown);
        let sink = move |update| told.lock().unwrap().push(update);
        let ended = client.build(request, sink, drive).await;
        session.close().await;
        ended.map(|_| answers)
    }
}

impl Asked {
    fn plan(&self) -> &Plan {
        match &self.answers {
            Ok(answers) => &answers[0].plan,
            Err(error) => panic!("{error}\n{}", self.log()),
        }
    }

    /// The error as a daemon is told of it.
    fn error(&self) -> GatewayError {
        match &self.answers {
            Ok(answers) => panic!("{} answers", answers.len()),
            Err(error) => error.into(),
        }
    }

    /// The steps that ran, by the ends of their names: neither cached nor only looked at.
    fn ran(&self) -> Vec<String> {
        let mut ran: Vec<String> = Vec::new();
        for vertex in self.shown.iter().flat_map(|update| &update.vertexes) {
            let Some(step) = vertex.name.strip_prefix("[stages.rs] ") else { continue };
            let is_step = step.starts_with("compile") || step.starts_with("describe");
            ran.retain(|name| name != step);
            if is_step && vertex.completed.is_some() && !vertex.cached {
                ran.push(step.to_owned());
            }
        }
        ran
    }

    fn log(&self) -> String {
        let logs = self.shown.iter().flat_map(|update| &update.logs);
        logs.map(|log| String::from_utf8_lossy(&log.data).into_owned()).collect()
    }
}

/// The platform of this machine, and so of the daemon.
fn own() -> Platform {
    Platform::new("linux", std::env::consts::ARCH).normalized()
}

/// The step that asks a program for its Plan.
fn describes() -> String {
    format!("describe the build for {}", own())
}

async fn client() -> Client {
    Client::connect(&Environment::get().buildkit_host.parse().unwrap())
        .await
        .unwrap()
}

/// A program around a build function's body.
fn program(body: &str) -> String {
    format!(
        "// syntax=stagewright/rust:1
use stagewright::prelude::*;

fn main() -> ExitCode {{
    stagewright::main(build)
}}

fn build(b: &Build, _: ()) -> Targets {{
{body}
}}
"
    )
}

/// The number of the first line with this text.
fn line_of(text: &str, part: &str) -> i32 {
    let position = text.lines().position(|line| line.contains(part));
    1 + i32::try_from(position.unwrap_or_else(|| panic!("no {part:?}"))).unwrap()
}

/// The lines that an error marks, of the only file it names.
fn marked(error: &GatewayError, file: &str) -> Vec<i32> {
    let sources = error.sources();
    let files: Vec<&str> = sources.iter().map(|source| source.info.filename.as_str()).collect();
    assert_eq!(files, [file], "{error}");
    sources[0].ranges.iter().map(|range| range.start.line).collect()
}

/// Whether a process whose arguments contain this text runs on this machine.
fn runs(text: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.starts_with(b"/program\0") && String::from_utf8_lossy(&line).contains(text)
    })
}
