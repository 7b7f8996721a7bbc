//! The library door: builds on a daemon, without printing, exiting or signal handlers.
//!
//! [`Builder`] is a connection. [`Builder::build`] checks everything that can be checked before the daemon is asked
//! for anything, and gives back a [`Running`] build: a stream of [`Event`]s with a [`Report`] at its end. Each target
//! is a solve of its own on the one connection; all take their contexts from one session, so that files are sent
//! once and what targets share is run once. A target that fails does not stop the others.

mod definition;
mod find;
mod options;
mod order;
mod output;
mod report;
mod running;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use buildkit_client::session::filesend::{ExportError, ExportTarget, Exports};
use buildkit_client::session::filesync::{FileSync, LocalDir, LocalDirError, SyncEvent};
use buildkit_client::session::secrets::Secrets;
use buildkit_client::session::ssh::SshAgents;
use buildkit_client::{Client, Session, SessionError, SessionOptions};
use buildkit_gateway::{GatewayError, ResolveMode, Worker};
use buildkit_llb::{Digest, LocalIdentity, Platform};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use stagewright_plan::check::check;
use stagewright_plan::lower::MAIN_CONTEXT;
use stagewright_plan::{Build, Outcome, Plan, Problems, describe};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

pub use buildkit_client::docker_config::{Credential, DockerSource};
pub use buildkit_client::session::auth::Auth;
pub use buildkit_client::session::secrets::{Secret, SecretError};
pub use buildkit_client::session::ssh::{SshAgent, SshError};
pub use definition::DefinitionError;
pub use find::{FindError, Tried, TriedError};
pub use options::BuildOptions;
pub use order::OptionsError;
pub use output::{Output, OutputError, OutputKind};
pub use report::{Event, Failure, Product, Report, TargetReport, Vertex};
pub use running::Running;
#[cfg(feature = "cli")]
pub(crate) use running::Written;

#[cfg(feature = "cli")]
pub(crate) use output::fields;

use crate::driver::Request;
use crate::driver::contexts::{ContextValue, GivenContext, GivenDirectory};
use crate::sources;
use order::Order;
use running::{Sessions, Work};

/// A connection to a daemon, to build with.
#[derive(Clone, Debug)]
pub struct Builder {
    client: Client,
    worker: Worker,
}

/// No daemon to build with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuilderError {
    /// None was found.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The one at the address that was given does not serve.
    #[error(transparent)]
    At(#[from] TriedError),
    /// It does not tell of its workers.
    #[error("the daemon does not tell of its workers: {0}")]
    Workers(#[source] GatewayError),
    /// It has no worker.
    #[error("the daemon has no worker: it builds nothing")]
    NoWorker,
}

/// A build that does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The program or its parameters are wrong.
    #[error(transparent)]
    Plan(#[from] Problems),
    /// The options do not fit the program, or each other.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The Plan was made for another platform: its program asked for it, and may describe something else here.
    #[error("the plan is for {plan}, and the daemon builds for {daemon}: describe it again for {daemon}")]
    Platform {
        /// The platform that the Plan was made for.
        plan: String,
        /// The platform of the daemon.
        daemon: String,
    },
    /// A context is no directory that can be read.
    #[error("context `{name}`: {source}")]
    Context {
        /// The context's name.
        name: String,
        /// Why.
        source: LocalDirError,
    },
    /// A destination cannot be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The daemon takes no session.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Builder {
    /// Connects to the daemon that `BUILDKIT_HOST` names, else to one at a well-known socket.
    ///
    /// # Errors
    ///
    /// There is none; the error lists what was tried.
    pub async fn connect() -> Result<Self, BuilderError> {
        Self::new(find::find().await?).await
    }

    /// Connects to the daemon at an address: `unix:///path/to/socket` or `tcp://host:port`.
    ///
    /// # Errors
    ///
    /// The address is none, or no daemon answers there.
    pub async fn at(address: &str) -> Result<Self, BuilderError> {
        Self::new(find::at(address).await?).await
    }

    /// The platform that the daemon builds on, and for.
    #[must_use]
    pub fn platform(&self) -> Platform {
        self.worker
            .platforms
            .first()
            .map_or_else(crate::host_platform, Platform::normalized)
    }

    /// The connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Starts a build of what a function describes.
    ///
    /// # Errors
    ///
    /// What is wrong with the program, its parameters or the options, a context that cannot be read, or a
    /// destination that cannot be written. No step has run then.
    pub async fn build<P, O>(
        &self,
        build: impl Fn(&Build, P) -> O,
        options: &BuildOptions,
    ) -> Result<Running, StartError>
    where
        P: DeserializeOwned + JsonSchema,
        O: Outcome,
    {
        let platform = self.platform();
        let plan = describe(&build, &options.args, &platform, &platform)?;
        self.build_plan(plan, options).await
    }

    /// Starts a build of a Plan. The options' parameters do nothing: they were the program's.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub async fn build_plan(&self, plan: Plan, options: &BuildOptions) -> Result<Running, StartError> {
        let checked = check(&plan)?;
        fits(&plan, &self.platform())?;
        let orders = order::orders(&checked, options, self.stores_images())?;
        order::check_given(&checked, &orders, options)?;
        let (events, received) = unbounded_channel();
        let sessions = self.sessions(&orders, options, &events).await?;
        let identity = LocalIdentity::Session(sessions.context.id().to_owned());
        let request = self.request(plan, &orders, options, &sessions.context, &identity);
        let work = Work { client: self.client.clone(), request, orders, sessions, events };
        Ok(Running::start(work, received))
    }

    /// What the driver is asked for.
    fn request(
        &self,
        plan: Plan,
        orders: &[Order],
        options: &BuildOptions,
        session: &Session,
        identity: &LocalIdentity,
    ) -> Request {
        let local = |name: &str| GivenContext {
            name: name.to_owned(),
            platform: None,
            value: ContextValue::Local(GivenDirectory {
                name: name.to_owned(),
                session: session.id().to_owned(),
                identity: identity.clone(),
                shared_key: String::new(),
                ignore: None,
            }),
        };
        let names = options.contexts.keys().map(String::as_str);
        let sources = sources::read(sources::sites(&plan));
        Request {
            plans: vec![(self.platform(), Arc::new(plan))],
            targets: orders.iter().map(|order| order.target.clone()).collect(),
            build_platform: self.platform(),
            settings: options.settings.clone(),
            contexts: names.chain([MAIN_CONTEXT]).map(local).collect(),
            cache_imports: Vec::new(),
            resolve_mode: ResolveMode::Default,
            sources,
            multi_platform: false,
            without_caps: options.without_caps.clone(),
        }
    }

    async fn new(client: Client) -> Result<Self, BuilderError> {
        let workers = client.workers().await.map_err(BuilderError::Workers)?;
        let worker = workers.into_iter().next().ok_or(BuilderError::NoWorker)?;
        Ok(Self { client, worker })
    }

    /// Whether an image can be found in the daemon by its name. A worker that runs steps by itself has no store.
    fn stores_images(&self) -> bool {
        self.worker
            .labels
            .get("org.mobyproject.buildkit.worker.executor")
            .is_none_or(|executor| executor != "oci")
    }

    async fn sessions(
        &self,
        orders: &[Order],
        options: &BuildOptions,
        events: &UnboundedSender<Event>,
    ) -> Result<Sessions, StartError> {
        let mut directories = vec![(MAIN_CONTEXT.to_owned(), options.context.clone())];
        directories.extend(options.contexts.iter().map(|(name, path)| (name.clone(), path.clone())));
        let key = shared_key(&directories);
        let mut opened = Vec::new();
        for (name, path) in directories {
            let directory =
                LocalDir::open(path).map_err(|source| StartError::Context { name: name.clone(), source })?;
            opened.push((name, directory));
        }
        let mut exports = BTreeMap::new();
        for order in orders {
            if let Some(prepared) = prepare(order)? {
                exports.insert(order.target.clone(), prepared);
            }
        }

        let secrets = options
            .secrets
            .iter()
            .fold(Secrets::new(), |secrets, (id, secret)| secrets.with(id.clone(), secret.clone()));
        let ssh = options.ssh.iter();
        let ssh = ssh.fold(SshAgents::new(), |agents, (id, agent)| agents.with(id.clone(), agent.clone()));
        // The daemon may ask any session of a build.
        let offer = || {
            SessionOptions::new()
                .auth(options.auth.clone())
                .secrets(secrets.clone())
                .ssh(ssh.clone())
        };
        let events = events.clone();
        let files = FileSync::new(opened).observe(move |event| sent(event, &events));
        let own = offer().shared_key(key).file_sync(files);
        let context = self.client.session(own).await?;
        let mut sessions = Sessions { context, exports: BTreeMap::new() };
        for (target, exports) in exports {
            let own = offer().file_send(exports.service());
            let session = self.client.session(own).await?;
            sessions.exports.insert(target, (session, exports));
        }
        Ok(sessions)
    }
}

/// Whether a Plan serves this platform.
fn fits(plan: &Plan, daemon: &Platform) -> Result<(), StartError> {
    let Some(made_for) = &plan.platform else { return Ok(()) };
    let parsed = made_for.parse::<Platform>();
    if parsed.is_ok_and(|platform| platform.normalized().id() == daemon.id()) {
        return Ok(());
    }
    Err(StartError::Platform { plan: made_for.clone(), daemon: daemon.to_string() })
}

/// What a target sends here, if it does: checked, with nothing written yet.
fn prepare(order: &Order) -> Result<Option<Exports>, ExportError> {
    let exports = (0..).zip(&order.exports);
    let targets: Vec<(u32, ExportTarget)> = exports
        .filter_map(|(id, export)| Some((id, export.sent.as_ref()?.target())))
        .collect();
    if targets.is_empty() { Ok(None) } else { Exports::prepare(targets).map(Some) }
}

fn sent(event: &SyncEvent, events: &UnboundedSender<Event>) {
    let event = match event {
        SyncEvent::Skipped { directory, path, .. } => {
            Event::ContextSkipped { context: directory.clone(), path: path.clone() }
        }
        SyncEvent::Ended { directory, sent, error: None } => {
            Event::ContextSent { context: directory.clone(), files: sent.files, bytes: sent.bytes }
        }
        _ => return,
    };
    // Nobody listens to a build that is being dropped.
    let _ = events.send(event);
}

/// Names these directories of this machine, so that the daemon takes only changes from a later build of them.
fn shared_key(directories: &[(String, PathBuf)]) -> String {
    let system = rustix::system::uname();
    let mut text =
        format!("{:?}\n{}\n", system.nodename(), fs::read_to_string("/etc/machine-id").unwrap_or_default());
    for (name, path) in directories {
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        text.push_str(&format!("{name}={}\n", path.display()));
    }
    Digest::of(text.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_for_another_platform_is_refused() {
        let daemon = Platform::new("linux", "arm64");
        let plan = |platform: Option<&str>| {
            let describe = |b: &Build, _: ()| b.runtime("app", stagewright_plan::Scratch);
            let plan = stagewright_plan::plan(describe, &[]).unwrap();
            Plan { platform: platform.map(str::to_owned), ..plan }
        };
        assert!(fits(&plan(None), &daemon).is_ok());
        assert!(fits(&plan(Some("linux/arm64")), &daemon).is_ok());
        assert!(fits(&plan(Some("linux/aarch64/v8")), &daemon).is_ok());
        let error = fits(&plan(Some("linux/amd64")), &daemon).unwrap_err().to_string();
        assert!(error.contains("for linux/amd64, and the daemon builds for linux/arm64"), "{error}");
    }
}
