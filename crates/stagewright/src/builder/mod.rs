//! The library door: builds on a daemon, without printing, exiting or signal handlers.
//!
//! [`Builder`] is a connection. [`Builder::build`] checks everything that can be checked before the daemon is asked
//! for anything, and gives back a [`Running`] build: a stream of [`Event`]s with a [`Report`] at its end. Each target
//! is a solve of its own on the one connection; all take their contexts from one session, so that files are sent
//! once and what targets share is run once. A target that fails does not stop the others.

mod attests;
mod audit;
mod cache;
mod context;
mod definition;
mod find;
#[cfg(feature = "cli")]
mod halt;
mod lock;
mod options;
mod order;
mod output;
mod report;
mod reports;
mod running;
#[cfg(feature = "rust")]
mod rust_file;
mod served;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use buildkit_client::fsutil::receive::ReceiveOptions;
use buildkit_client::session::filesend::{ExportError, ExportTarget, Exports};
use buildkit_client::session::filesync::{FileSync, LocalDir, LocalDirError, SyncEvent};
use buildkit_client::session::secrets::Secrets;
use buildkit_client::session::ssh::SshAgents;
use buildkit_client::{BuildRequest, Client, SessionError, SessionOptions};
use buildkit_gateway::{GatewayError, Worker};
use buildkit_llb::{Digest, LocalIdentity, Network, Platform};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use stagewright_plan::check::check;
use stagewright_plan::lower::MAIN_CONTEXT;
use stagewright_plan::{Build, Outcome, Plan, Problems, describe};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

pub use crate::lock::LockFileError;
pub use audit::{AuditError, Audited, Form, Leak, Place};
pub use buildkit_client::docker_config::{Credential, DockerSource};
pub use buildkit_client::session::auth::Auth;
pub use buildkit_client::session::secrets::{Secret, SecretError};
pub use buildkit_client::session::ssh::{SshAgent, SshError};
pub use cache::{Cache, CacheError, CacheLayoutError};
pub use context::{ContextError, ContextLayoutError, ContextSource};
pub use definition::DefinitionError;
pub use find::{FindError, Tried, TriedError};
pub(crate) use lock::locked;
pub use lock::{RelockError, Relocked, Renew};
pub use options::BuildOptions;
pub use order::OptionsError;
pub use output::{Output, OutputError, OutputKind};
pub use report::{Event, Failure, MissingReport, Product, Report, TargetReport, Vertex};
pub use running::Running;
#[cfg(feature = "cli")]
pub(crate) use running::Written;
#[cfg(feature = "rust")]
pub use rust_file::{RustFile, RustFileError, RustPlans};

#[cfg(feature = "cli")]
pub(crate) use halt::{Halted, Halts};
#[cfg(feature = "cli")]
pub(crate) use output::fields;

use crate::driver::Request;
use crate::driver::contexts::GivenContext;
use crate::driver::offline::Offline;
use crate::sources;
use audit::{Audit, Wanted};
use order::Order;
use reports::Reports;
use running::{Sessions, Work};
use served::Served;

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
    #[error("the plan is for {plan}, and is built for {daemon}: describe it again for {daemon}")]
    Platform {
        /// The platform that the Plan was made for.
        plan: String,
        /// The platform that is built for.
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
    /// A context is no layout with such an image.
    #[error("context `{name}`: {source}")]
    Layout {
        /// The context's name.
        name: String,
        /// Why.
        source: ContextLayoutError,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockFileError),
    /// A cache cannot be read from or written to its directory.
    #[error("cache: {0}")]
    Cache(#[from] CacheLayoutError),
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
        let host = self.platform();
        let mut plans: Vec<(Platform, Arc<Plan>)> = Vec::new();
        for platform in self.platforms(options) {
            let plan = match plans.first() {
                Some((_, plan)) if plan.serves_all_platforms() => Arc::clone(plan),
                _ => Arc::new(describe(&build, &options.args, &platform, &host)?),
            };
            plans.push((platform, plan));
        }
        self.build_plans(plans, options).await
    }

    /// Starts a build of a Plan. The options' parameters do nothing but what every build knows, such as proxies.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub async fn build_plan(&self, plan: Plan, options: &BuildOptions) -> Result<Running, StartError> {
        let plan = Arc::new(plan);
        let platforms = self.platforms(options).into_iter();
        self.build_plans(platforms.map(|platform| (platform, Arc::clone(&plan))).collect(), options)
            .await
    }

    /// Starts a build of a Plan for each platform. The options' platforms do nothing.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub(crate) async fn build_plans(
        &self,
        plans: Vec<(Platform, Arc<Plan>)>,
        options: &BuildOptions,
    ) -> Result<Running, StartError> {
        for (platform, plan) in &plans {
            check(plan)?;
            fits(plan, platform)?;
        }
        // Every Plan has the targets, or lowering says so.
        let checked = check(&plans[0].1)?;
        let orders = order::orders(&checked, options, self.stores_images())?;
        order::check_given(&checked, &orders, options)?;
        if options.offline {
            order::check_offline(options)?;
        }
        if options.audit {
            order::check_audit(options)?;
        }
        let locked = locked(options).await?;
        let (events, received) = unbounded_channel();
        let served = served::open(options).await?;
        let sessions = self.sessions(&orders, options, &served, &events).await?;
        let identity = LocalIdentity::Session(sessions.context.id().to_owned());
        let session = sessions.context.id();
        let frontend_attrs = attrs(&plans, options);
        let attests = attests::attrs(&plans[0].1, &orders, options);
        let targets = orders.iter().map(|order| order.target.clone()).collect();
        let request = self.request(plans, targets, options, &served, session, &identity)?;
        let source_policy = locked.as_ref().map(|locked| crate::lock::policy(&locked.lock));
        let offline = options
            .offline
            .then(|| Offline { session: session.to_owned(), scanners: attests::scanners(&attests) });
        let request = Request { lock: locked, offline, ..request };
        let reports = match &options.reports {
            Some(directory) => {
                let target = ExportTarget::Directory(directory.clone(), ReceiveOptions::default());
                Some(Reports::new(Exports::prepare([(0, target)])?))
            }
            None => None,
        };
        let entitlements = match request.settings.network {
            Network::Host => vec!["network.host".to_owned()],
            Network::Sandbox | Network::None => Vec::new(),
        };
        let solve = BuildRequest {
            cache_exports: options.cache_to.iter().map(Cache::export).collect(),
            entitlements,
            frontend_attrs,
            source_policy,
            ..BuildRequest::default()
        };
        let caches = options.cache_to.clone();
        let work = Work {
            client: self.client.clone(),
            request,
            solve,
            attests,
            caches,
            orders,
            sessions,
            reports,
            #[cfg(feature = "cli")]
            halts: options.halts.clone(),
            events,
        };
        Ok(Running::start(work, received))
    }

    /// The platforms that are built for: those of the options, or the daemon's own.
    pub(crate) fn platforms(&self, options: &BuildOptions) -> Vec<Platform> {
        match options.platforms.as_slice() {
            [] => vec![self.platform()],
            some => some.to_vec(),
        }
    }

    /// What the driver is asked for.
    fn request(
        &self,
        plans: Vec<(Platform, Arc<Plan>)>,
        targets: Vec<String>,
        options: &BuildOptions,
        served: &Served,
        session: &str,
        identity: &LocalIdentity,
    ) -> Result<Request, StartError> {
        let main = [(MAIN_CONTEXT, &options.context)];
        let named = options.contexts.iter().map(|(name, context)| (name.as_str(), context));
        let mut contexts = Vec::new();
        for (given, context) in named.chain(main) {
            let wrong = |source| OptionsError::ContextPlatform { given: given.to_owned(), source };
            let (name, platform) = context::name_and_platform(given).map_err(wrong)?;
            let value = context.value(given, session, identity, served.digests.get(given));
            contexts.push(GivenContext { name: name.to_owned(), platform, value });
        }
        let mut settings = options.settings.clone();
        let args = options.args.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        settings.take_args(args).map_err(OptionsError::from)?;
        let mut texts = sources::read(plans.iter().flat_map(|(_, plan)| sources::sites(plan)));
        texts.extend(options.sources.clone());
        Ok(Request {
            targets,
            doubts: Vec::new(),
            lock: None,
            offline: None,
            build_platform: self.platform(),
            settings,
            contexts,
            cache_imports: served.cache_imports.clone(),
            resolve_mode: options.resolve_mode,
            sources: texts,
            for_debuggers: false,
            multi_platform: plans.len() > 1,
            without_caps: options.without_caps.clone(),
            plans,
        })
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
        served: &Served,
        events: &UnboundedSender<Event>,
    ) -> Result<Sessions, StartError> {
        let key = shared_key(&served.directories);
        let mut opened = Vec::new();
        for (name, path) in served.directories.clone() {
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
                .content(served.content.clone())
        };
        let events = events.clone();
        let files = FileSync::new(opened).observe(move |event| sent(event, &events));
        let own = offer().shared_key(key).file_sync(files);
        let context = self.client.session(own).await?;
        let mut sessions = Sessions { context, exports: BTreeMap::new(), audits: BTreeMap::new() };
        for (target, exports) in exports {
            let own = offer().file_send(exports.service());
            let session = self.client.session(own).await?;
            sessions.exports.insert(target, (session, exports));
        }
        if options.audit {
            let wanted = Wanted::new(&options.secrets);
            for order in orders {
                let prepared = Audit::prepare(order)?;
                let session = self.client.session(offer().file_send(prepared.1.service())).await?;
                let audit = Audit::new(wanted.clone(), session, prepared);
                sessions.audits.insert(order.target.clone(), audit);
            }
        }
        Ok(sessions)
    }
}

/// What the daemon itself is told of a build: platforms, which its history shows.
fn attrs(plans: &[(Platform, Arc<Plan>)], options: &BuildOptions) -> BTreeMap<String, String> {
    let mut attrs = BTreeMap::new();
    if !options.platforms.is_empty() {
        let ids: Vec<String> = plans.iter().map(|(platform, _)| platform.id()).collect();
        attrs.insert("platform".to_owned(), ids.join(","));
    }
    attrs
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
        assert!(error.contains("for linux/amd64, and is built for linux/arm64"), "{error}");
    }
}
