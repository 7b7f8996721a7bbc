//! Build programs of one Rust file, from outside the daemon.

use std::collections::BTreeMap;
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

use buildkit_client::session::filesync::{FileSync, LocalDir, LocalDirError};
use buildkit_client::status::StatusUpdate;
use buildkit_client::{BuildError, BuildRequest, SessionError, SessionOptions};
use buildkit_gateway::{GatewayResult, Ref, ResolveMode};
use buildkit_llb::{LocalIdentity, Platform};
use stagewright_plan::Parameter;
use stagewright_plan::lock::Lock;
use tokio::task::spawn_blocking;

#[cfg(doc)]
use super::BuildOptions;
use super::Builder;
use crate::build_file;
use crate::lock::policy;
use crate::rust::{Answer, BUNDLE_IMAGE, Beside, Bundle, Limits, Program, RustError, TOOLCHAIN};

/// The directory of the program's file, as the daemon asks for it.
const DIRECTORY: &str = "dockerfile";

/// A build program of one Rust file on this machine, which needs no Rust: the daemon compiles it.
#[derive(Clone, Debug)]
pub struct RustFile {
    /// Where it is.
    pub path: PathBuf,
    /// The image that it is compiled in; without it, [`TOOLCHAIN`].
    pub toolchain: Option<String>,
    /// The sources of the crates that it uses; without them, those of [`BUNDLE_IMAGE`].
    pub bundle: Option<Bundle>,
    /// Where the daemon looks for the toolchain.
    pub resolve_mode: ResolveMode,
    /// Whether it is compiled and run whatever is cached.
    pub no_cache: bool,
    /// What compiling and running it may take.
    pub limits: Limits,
    /// What the images are pinned to that compile it.
    pub lock: Lock,
    /// Whether these images must be pinned, and on the daemon already.
    pub offline: bool,
}

impl RustFile {
    /// A program that is compiled and run as usual.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            toolchain: None,
            bundle: None,
            resolve_mode: ResolveMode::default(),
            no_cache: false,
            limits: Limits::default(),
            lock: Lock::default(),
            offline: false,
        }
    }
}

/// What a build program answers, and the texts of its files.
#[derive(Clone, Debug)]
pub struct RustPlans {
    /// What `--build-arg` may set.
    pub parameters: Vec<Parameter>,
    /// Its Plans: a single one if that serves all platforms, else one for each.
    pub answers: Vec<Answer>,
    /// The texts, by the names that sites have for the files.
    pub sources: BTreeMap<String, String>,
}

/// A build program of one file gives no Plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RustFileError {
    /// Its file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its directory cannot be read.
    #[error(transparent)]
    Directory(#[from] LocalDirError),
    /// The daemon takes no session.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// It does not compile, it is wrong, or the daemon fails.
    #[error(transparent)]
    Build(#[from] BuildError<RustError>),
}

impl Builder {
    /// Compiles a build program of one file in the daemon, and asks it for its Plans.
    ///
    /// Without a platform it tells its parameters only, which needs no values for them. [`BuildOptions::sources`] takes
    /// the texts, so that a step that fails shows its line.
    ///
    /// Of this machine's files the daemon is given the program and those that it declares. What the daemon does is told
    /// to `on_status`. Dropping the future stops all of it.
    ///
    /// # Errors
    ///
    /// Files that cannot be read, and all that is wrong with the program.
    pub async fn describe_file(
        &self,
        file: &RustFile,
        args: &[(String, String)],
        platforms: &[Platform],
        on_status: impl FnMut(StatusUpdate) + Send,
    ) -> Result<RustPlans, RustFileError> {
        let read = |source| RustFileError::Read { path: file.path.clone(), source };
        let path = file.path.clone();
        let opened = spawn_blocking(move || open(&path)).await;
        let (text, directory) = opened.unwrap_or_else(|panic| resume_unwind(panic.into_panic()))?;
        let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let options = SessionOptions::new().file_sync(FileSync::new([(DIRECTORY, directory)]));
        let session = self.client.session(options).await?;
        let own = |_| read(io::Error::other(format!("`{BUNDLE_IMAGE}` is no image name")));
        let program = Program {
            file_name: name,
            text,
            beside: Some(Beside::Local {
                name: DIRECTORY.to_owned(),
                identity: LocalIdentity::Session(session.id().to_owned()),
            }),
            toolchain: file.toolchain.clone().unwrap_or_else(|| TOOLCHAIN.to_owned()),
            bundle: match &file.bundle {
                Some(bundle) => bundle.clone(),
                None => Bundle::Image(BUNDLE_IMAGE.parse().map_err(own)?),
            },
            platform: self.platform(),
            resolve_mode: file.resolve_mode,
            no_cache: file.no_cache,
            limits: file.limits,
        };
        let request = BuildRequest {
            source_policy: (!file.lock.is_empty()).then(|| policy(&file.lock)),
            ..BuildRequest::new(&session)
        };
        let mut plans = None;
        let drive = async |gateway| {
            if file.offline {
                program.prove_offline(&gateway, &file.lock, session.id()).await?;
            }
            let compiled = program.compile(&gateway).await?;
            let answers = compiled.plans(&gateway, args, platforms).await?;
            let parameters = match answers.first() {
                Some(answer) => answer.parameters.clone(),
                None => compiled.parameters(&gateway).await?,
            };
            plans = Some(RustPlans { parameters, answers, sources: compiled.sources().clone() });
            Ok::<_, RustError>(GatewayResult::single(Ref::scratch()))
        };
        let ended = self.client.build(request, on_status, drive).await;
        session.close().await;
        ended?;
        Ok(plans.expect("a driver that succeeds has Plans"))
    }
}

/// The program's text, and the directory that it is in. Blocks.
fn open(path: &Path) -> Result<(String, LocalDir), RustFileError> {
    let text =
        build_file::read(path).map_err(|source| RustFileError::Read { path: path.to_owned(), source })?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok((text, LocalDir::open(directory.unwrap_or(Path::new(".")))?))
}
