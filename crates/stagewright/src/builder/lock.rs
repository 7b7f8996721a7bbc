//! The lock of a build on this machine: which file it is, and how it is brought up to date.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use buildkit_client::{BuildError, BuildGateway, BuildRequest, Session};
use buildkit_gateway::{GatewayResult, Ref};
use buildkit_llb::{LocalIdentity, Platform};
use stagewright_plan::Plan;
use stagewright_plan::check::check;
use stagewright_plan::lock::{Change, Lock, LockKey, Need};
use stagewright_plan::problem::nearest;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::spawn_blocking;

use super::sessions::Sessions;
use super::{BuildOptions, Builder, Failure, StartError, served};
use crate::driver::{self, DriveError, Request};
use crate::lock::{self, FILE, LockFileError, Locked};

/// Which lock file a build has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum LockChoice {
    /// `stages.lock` in the main context, if that is a directory and has one.
    #[default]
    Context,
    /// This one, if it is there.
    IfThere(PathBuf),
    /// This one.
    File(PathBuf),
    /// None.
    Ignored,
}

/// Which pins of a lock are renewed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Renew {
    /// None: what is missing is added, what is not needed any more is dropped, and nothing moves.
    #[default]
    Missing,
    /// Those of these sources, by the names that they have in the file, or by image names that mean the same.
    Named(Vec<String>),
    /// All.
    All,
}

/// A lock that was brought up to date, and is in no file yet.
#[derive(Clone, Debug)]
#[must_use = "nothing is written yet: call `write`"]
pub struct Relocked {
    path: PathBuf,
    old: Option<Lock>,
    new: Lock,
}

/// A lock that cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelockError {
    /// No Plan is given.
    #[error("there is no Plan whose sources could be pinned: give one for each platform")]
    NoPlan,
    /// It does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The main context is no directory of this machine, and no file is named.
    #[error("there is no place for a lock: the context is no directory, so name the file by --lock FILE")]
    NoPlace,
    /// A lock that is to be ignored cannot be written.
    #[error("a lock that is ignored is not written: leave out --no-lock")]
    Ignored,
    /// The build needs no source of this name.
    #[error("the build needs no `{name}`{}", near.as_ref().map(|near| format!(": did you mean `{near}`?")).unwrap_or_default())]
    Unknown {
        /// What was given.
        name: String,
        /// A name that there is.
        near: Option<String>,
    },
    /// A source cannot be found.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Relocked {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a file, whatever it says.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.old.is_some()
    }

    /// What differs from the file as it is.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.old.clone().unwrap_or_default().changes(&self.new)
    }

    /// How many sources are pinned.
    #[must_use]
    pub fn pins(&self) -> usize {
        self.new.iter().count()
    }

    /// Writes the file, unless it says the same already.
    ///
    /// # Errors
    ///
    /// It cannot be written; then it is as it was.
    pub async fn write(self) -> Result<(), LockFileError> {
        if self.old.as_ref().is_some_and(|old| old.changes(&self.new).is_empty()) {
            return Ok(());
        }
        let written = spawn_blocking(move || lock::write(&self.path, &self.new)).await;
        written.unwrap_or_else(|panic| resume_unwind(panic.into_panic()))
    }
}

impl Builder {
    /// Brings the lock of a build up to date: for all targets of its Plans, on all their platforms.
    ///
    /// The daemon is asked what is missing or renewed, and it asks registries and servers. Contexts that stand in for an
    /// image or a stage make no need for it.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`]; a lock file that does not read; a source that cannot be found.
    pub async fn lock(
        &self,
        plans: Vec<(Platform, Arc<Plan>)>,
        options: &BuildOptions,
        renew: &Renew,
    ) -> Result<Relocked, RelockError> {
        let path = match &options.lock {
            LockChoice::Ignored => return Err(RelockError::Ignored),
            choice => choice.path(options).ok_or(RelockError::NoPlace)?,
        };
        let old = load(path.clone()).await.map_err(StartError::from)?;
        let (session, request) = self.all(plans, options).await?;
        let checked = request
            .plans
            .iter()
            .map(|(platform, plan)| (platform, check(plan).expect("checked above")));
        let targets: Vec<&str> = request.targets.iter().map(String::as_str).collect();
        let mut needs = driver::needs(&request, &checked.collect::<Vec<_>>(), &targets);
        needs.extend(options.frontends.iter().flatten().cloned());
        let frontends_known = options.frontends.is_some();

        let known = old.clone().unwrap_or_default();
        let mut new = Lock::default();
        let mut asked: Vec<Need> = Vec::new();
        let renewed = renewed(renew, &needs)?;
        for need in needs.into_iter().filter(|need| need.written.is_none()) {
            match known.get(&need.key) {
                Some(pin) if !renewed(&need.key) => new.pin(need.key, &pin.digest),
                _ => asked.push(need),
            }
        }
        if !frontends_known {
            // A build program does not know who reads or compiles its file.
            for (key, pin) in known.iter().filter(|(key, _)| matches!(key, LockKey::Frontend(_))) {
                new.pin(key.clone(), &pin.digest);
            }
        }
        let mut found = Vec::new();
        let drive = async |gateway| {
            found = lock::resolve(&gateway, &asked).await?;
            Ok::<_, DriveError>(GatewayResult::single(Ref::scratch()))
        };
        self.solve(session, BuildRequest::default(), drive).await?;
        for (key, digest) in found {
            new.pin(key, digest);
        }
        Ok(Relocked { path, old, new })
    }

    /// Lets the daemon fetch all that any target of these Plans takes from elsewhere, as it is pinned, and what reads and
    /// compiles their build file: what an offline build needs to be there.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`]; what nothing pins, and what cannot be had.
    pub async fn fetch(
        &self,
        plans: Vec<(Platform, Arc<Plan>)>,
        options: &BuildOptions,
    ) -> Result<(), RelockError> {
        let locked = locked(options).await.map_err(StartError::from)?;
        let source_policy = locked.as_ref().map(|locked| lock::policy(&locked.lock));
        let (session, request) = self.all(plans, options).await?;
        let request = Request { lock: locked, ..request };
        let drive = async |gateway| {
            driver::offline::fetch(&gateway, &request, options.frontends.as_deref().unwrap_or_default())
                .await?;
            Ok::<_, DriveError>(GatewayResult::single(Ref::scratch()))
        };
        self.solve(session, BuildRequest { source_policy, ..BuildRequest::default() }, drive)
            .await
    }

    /// All targets of these Plans, and the session that serves their contexts.
    async fn all(
        &self,
        plans: Vec<(Platform, Arc<Plan>)>,
        options: &BuildOptions,
    ) -> Result<(Session, Request), RelockError> {
        let Some((_, first)) = plans.first() else { return Err(RelockError::NoPlan) };
        let targets = first.targets.iter().map(|target| target.name.clone()).collect();
        for (platform, plan) in &plans {
            check(plan).map_err(StartError::from)?;
            super::fits(plan, platform)?;
        }
        let (events, _) = unbounded_channel();
        let served = served::open(options).await?;
        let session = Sessions::open(self.client(), &[], options, &served, &events).await?.context;
        let identity = LocalIdentity::Session(session.id().to_owned());
        let request = self.request(plans, targets, options, &served, session.id(), &identity)?;
        Ok((session, request))
    }

    /// A solve that nothing is told of.
    async fn solve<F: Future<Output = Result<GatewayResult, DriveError>>>(
        &self,
        session: Session,
        request: BuildRequest,
        drive: impl FnOnce(BuildGateway) -> F,
    ) -> Result<(), RelockError> {
        let request = BuildRequest { session_id: session.id().to_owned(), ..request };
        let answer = self.client.build(request, drop, drive).await;
        session.close().await;
        answer.map_err(|error: BuildError<DriveError>| Failure::from(error))?;
        Ok(())
    }
}

/// Whether a source is renewed.
fn renewed(renew: &Renew, needs: &[Need]) -> Result<impl Fn(&LockKey) -> bool + use<>, RelockError> {
    let mut keys = Vec::new();
    if let Renew::Named(names) = renew {
        for name in names {
            let before = keys.len();
            let meant = needs.iter().filter(|need| is_called(&need.key, name));
            keys.extend(meant.map(|need| need.key.clone()));
            if keys.len() == before {
                let known: Vec<String> = needs.iter().map(|need| need.key.name()).collect();
                let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
                return Err(RelockError::Unknown { name: name.clone(), near });
            }
        }
    }
    let all = *renew == Renew::All;
    Ok(move |key: &LockKey| all || keys.contains(key))
}

fn is_called(key: &LockKey, name: &str) -> bool {
    match key {
        LockKey::Image(image) | LockKey::Frontend(image) => name.parse().is_ok_and(|other| *image == other),
        _ => key.name() == name,
    }
}

impl LockChoice {
    /// Where the file is, or would be.
    fn path(&self, options: &BuildOptions) -> Option<PathBuf> {
        match self {
            Self::Context => options.context.directory().map(|directory| directory.join(FILE)),
            Self::IfThere(path) | Self::File(path) => Some(path.clone()),
            Self::Ignored => None,
        }
    }
}

/// The lock that a build has, if it has one.
pub(crate) async fn locked(options: &BuildOptions) -> Result<Option<Locked>, LockFileError> {
    let must = options.locked || matches!(options.lock, LockChoice::File(_));
    // An offline build lists what is not pinned together with what is not there.
    let strict = options.locked && !options.offline;
    let Some(path) = options.lock.path(options) else {
        return if must { Err(LockFileError::NoPlace) } else { Ok(None) };
    };
    match load(path.clone()).await? {
        Some(lock) => {
            let name = path.strip_prefix("./").unwrap_or(&path).display().to_string();
            Ok(Some(Locked { lock, name, strict }))
        }
        None if must => Err(LockFileError::Missing { path }),
        None => Ok(None),
    }
}

async fn load(path: PathBuf) -> Result<Option<Lock>, LockFileError> {
    let read = spawn_blocking(move || lock::read(&path)).await;
    read.unwrap_or_else(|panic| resume_unwind(panic.into_panic()))
}
