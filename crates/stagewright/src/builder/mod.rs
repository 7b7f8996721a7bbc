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
mod error;
mod fields;
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
mod sessions;

use std::collections::BTreeMap;
use std::sync::Arc;

use buildkit_client::fsutil::receive::ReceiveOptions;
use buildkit_client::session::filesend::{ExportTarget, Exports};
use buildkit_client::{BuildRequest, Client};
use buildkit_gateway::Worker;
use buildkit_llb::{LocalIdentity, Network, Platform};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use stagewright_plan::check::check;
use stagewright_plan::lower::MAIN_CONTEXT;
use stagewright_plan::{Build, Outcome, Plan, describe};
use tokio::sync::mpsc::unbounded_channel;

pub use crate::lock::LockFileError;
pub use audit::{AuditError, Audited, Form, Leak, Place};
pub use buildkit_client::docker_config::{Credential, DockerSource};
pub use buildkit_client::session::auth::Auth;
pub use buildkit_client::session::secrets::{Secret, SecretError};
pub use buildkit_client::session::ssh::{SshAgent, SshError};
pub use cache::{Cache, CacheError, CacheLayoutError};
pub use context::{ContextError, ContextLayoutError, ContextSource};
pub use definition::DefinitionError;
pub use error::{BuilderError, StartError};
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
pub(crate) use fields::fields;
#[cfg(feature = "cli")]
pub(crate) use halt::{Halted, Halts};

use crate::driver::Request;
use crate::driver::contexts::GivenContext;
use crate::driver::offline::Offline;
use crate::sources;
use reports::Reports;
use running::Work;
use served::Served;
use sessions::Sessions;

/// A connection to a daemon, to build with.
#[derive(Clone, Debug)]
pub struct Builder {
    client: Client,
    worker: Worker,
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
        let sessions = Sessions::open(&self.client, &orders, options, &served, &events).await?;
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
