//! A build under way.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use buildkit_client::session::filesend::{ExportError, Exports};
use buildkit_client::{BuildError, BuildRequest, CancellationToken, Client, Session};
use buildkit_llb::OpError;
use futures_util::Stream;
use futures_util::future::{join, join_all};
use stagewright_plan::lower::LoweredTarget;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::{OnceCell, RwLock};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::audit::{Audit, AuditError, Audited, Heard, none_of};
use super::cache::Cache;
#[cfg(feature = "cli")]
use super::halt::Halts;
use super::order::Order;
use super::report::{Event, Failure, Product, Report, TargetReport, Vertex};
use super::reports::Reports;
use super::sessions::Sessions;
use crate::driver::{self, DriveError, Prepared, Request};

/// How long the daemon may take to close the sessions of a build that was cancelled.
const CANCELLED_CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// A build under way: a stream of events, and a report at its end.
///
/// It goes on only while it is asked for events. Dropping it cancels it.
#[must_use = "a build goes on only while it is asked for events: call `finish`"]
pub struct Running {
    work: Option<Pin<Box<dyn Future<Output = Report> + Send>>>,
    events: UnboundedReceiver<Event>,
    report: Option<Report>,
    cancel: CancellationToken,
    #[cfg(feature = "cli")]
    written: Written,
}

/// What a build writes here, for who may have to end it at once.
#[cfg(feature = "cli")]
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    /// Read while files are put into place: who writes it may end the process.
    pub(crate) commits: Arc<RwLock<()>>,
    exports: Vec<Exports>,
}

#[cfg(feature = "cli")]
impl Written {
    /// Removes what is under way, and waits until it is gone. Each by itself: one may have many files to put back.
    pub(crate) fn give_up(&self) {
        std::thread::scope(|scope| {
            for exports in &self.exports {
                scope.spawn(|| exports.give_up_now());
            }
        });
    }
}

/// All that a build needs.
pub(super) struct Work {
    pub(super) client: Client,
    pub(super) request: Request,
    /// What each target's solve has in common with those of the others.
    pub(super) solve: BuildRequest,
    /// What each target's solve is asked to attest to.
    pub(super) attests: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) caches: Vec<Cache>,
    pub(super) orders: Vec<Order>,
    pub(super) sessions: Sessions,
    pub(super) reports: Option<Reports>,
    #[cfg(feature = "cli")]
    pub(super) halts: Option<Halts>,
    pub(super) events: UnboundedSender<Event>,
}

impl Running {
    pub(super) fn start(work: Work, events: UnboundedReceiver<Event>) -> Self {
        let cancel = CancellationToken::new();
        let commits: Arc<RwLock<()>> = Arc::default();
        #[cfg(feature = "cli")]
        let written = Written { commits: Arc::clone(&commits), exports: work.exports().cloned().collect() };
        let work = work.run(cancel.clone(), Arc::clone(&commits));
        Self {
            work: Some(Box::pin(work)),
            events,
            report: None,
            cancel,
            #[cfg(feature = "cli")]
            written,
        }
    }

    /// The next event; `None` when every target has ended.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| self.poll_event(context)).await
    }

    /// Cancels the build in good order: the daemon stops its steps, and the report says so.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// What it writes here.
    #[cfg(feature = "cli")]
    pub(crate) fn written(&self) -> Written {
        self.written.clone()
    }

    /// Waits for the end. Events that were not asked for are dropped.
    pub async fn finish(mut self) -> Report {
        while self.next().await.is_some() {}
        self.report.take().expect("the report is there when the events have ended")
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            if let Poll::Ready(Some(event)) = self.events.poll_recv(context) {
                return Poll::Ready(Some(event));
            }
            let Some(work) = &mut self.work else { return Poll::Ready(None) };
            match work.as_mut().poll(context) {
                Poll::Ready(report) => {
                    self.report = Some(report);
                    self.work = None;
                }
                // It may have told something before it had to wait.
                Poll::Pending => return self.events.poll_recv(context),
            }
        }
    }
}

impl Stream for Running {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(context)
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("report", &self.report).finish_non_exhaustive()
    }
}

impl Work {
    /// Builds every target on the one connection, each to its own end.
    async fn run(self, cancel: CancellationToken, commits: Arc<RwLock<()>>) -> Report {
        #[cfg(feature = "cli")]
        let halts = self.halts.clone();
        let Self { client, request, solve, attests, caches, orders, sessions, reports, events, .. } = self;
        let targets = Targets {
            client,
            request,
            solve,
            attests,
            caches,
            prepared: OnceCell::new(),
            sessions: &sessions,
            reports: reports.as_ref(),
            #[cfg(feature = "cli")]
            halts,
            events,
            cancel: cancel.clone(),
            commits: Arc::clone(&commits),
        };
        let targets = join_all(orders.iter().map(|order| targets.build(order))).await;
        let reports = match reports {
            Some(reports) if !cancel.is_cancelled() => place(reports, commits).await,
            _ => Ok(Vec::new()),
        };
        let Sessions { context, exports, audits } = sessions;
        let sessions = exports.into_values().map(|(session, _)| session);
        let sessions = sessions.chain(audits.into_values().map(|audit| audit.session)).chain([context]);
        let patience = async {
            cancel.cancelled().await;
            sleep(CANCELLED_CLOSE_LIMIT).await;
        };
        tokio::select! {
            _ = join_all(sessions.map(Session::close)) => {}
            () = patience => {}
        }
        Report { targets, reports }
    }

    /// What is written here.
    #[cfg(feature = "cli")]
    fn exports(&self) -> impl Iterator<Item = &Exports> {
        let reports = self.reports.iter().map(|reports| &reports.exports);
        self.sessions.exports.values().map(|(_, exports)| exports).chain(reports)
    }
}

/// What the builds of all targets share.
struct Targets<'a> {
    client: Client,
    request: Request,
    solve: BuildRequest,
    attests: BTreeMap<String, BTreeMap<String, String>>,
    caches: Vec<Cache>,
    /// Lowered by the build that gets there first, with one answer for each image: the others wait for it. If that
    /// build fails, perhaps as it dies of something else, the next one tries.
    prepared: OnceCell<Prepared>,
    sessions: &'a Sessions,
    reports: Option<&'a Reports>,
    #[cfg(feature = "cli")]
    halts: Option<Halts>,
    events: UnboundedSender<Event>,
    cancel: CancellationToken,
    commits: Arc<RwLock<()>>,
}

impl Targets<'_> {
    async fn build(&self, order: &Order) -> Arc<TargetReport> {
        let outcome = self.solve(order).await;
        let Order { target, role, reports, gates, .. } = order.clone();
        let report = Arc::new(TargetReport { target, role, reports, gates, outcome });
        self.tell(Event::Ended(Arc::clone(&report)));
        report
    }

    async fn solve(&self, order: &Order) -> Result<Product, Failure> {
        let own = self.sessions.exports.get(&order.target);
        let session = own.map_or(&self.sessions.context, |(session, _)| session);
        let exports = own.map(|(_, exports)| exports);
        let request = BuildRequest {
            frontend_attrs: self.attrs(&order.target),
            exporters: order.exports.iter().map(|export| export.exporter.clone()).collect(),
            cancel: self.cancel.child_token(),
            session_id: session.id().to_owned(),
            ..self.solve.clone()
        };
        let target = &order.target;
        let audit = self.sessions.audits.get(target);
        let heard = audit.map(Audit::listen);
        let on_status = |update| {
            if let Some(heard) = &heard {
                heard.take(&update);
            }
            self.tell(Event::Status { target: target.clone(), update });
        };
        let drive = async |gateway| {
            let prepare = async || {
                let prepared = driver::prepare(&gateway, &self.request).await?;
                prepared
                    .notes
                    .iter()
                    .for_each(|note| self.tell(Event::Warning { text: note.clone() }));
                Ok::<_, DriveError>(prepared)
            };
            let prepared = self.prepared.get_or_try_init(prepare).await?;
            self.tell(Event::Lowered { target: target.clone(), vertices: vertices(prepared, target)? });
            let built = driver::drive(&gateway, prepared, target);
            // What a failed step left is there until the solve ends.
            let built = match self.reports {
                None => built.await,
                Some(reports) => {
                    let tell = |event| self.tell(event);
                    let wanted = audit.map(Audit::wanted);
                    let taken = reports.collect(&gateway, prepared, target, wanted, &tell);
                    let (built, leaks) = join(built, taken).await;
                    let audited = none_of(leaks).map_err(|error| DriveError::Audit(Arc::new(error)));
                    built.and_then(|built| audited.map(|()| built))
                }
            };
            #[cfg(feature = "cli")]
            if let (Err(error), Some(halts)) = (&built, &self.halts)
                && let Some(error) = error.daemon()
            {
                halts.wait(order, error, &gateway).await;
            }
            let built = built?;
            if let (Some(audit), Some(heard)) = (audit, &heard) {
                let audited = self.audit(target, prepared, audit, heard).await;
                let audited = audited.map_err(|error| DriveError::Audit(Arc::new(error)))?;
                self.tell(Event::Audited { target: target.clone(), audited });
            }
            Ok(built)
        };
        let answer = match self.client.build(request, on_status, drive).await {
            Ok(answer) => answer,
            // What failed here the daemon only knows as a broken stream.
            Err(error) => {
                let failure = exports.and_then(Exports::failure).map_or_else(|| error.into(), Failure::from);
                if let Some(exports) = exports {
                    exports.give_up().await;
                }
                return Err(failure);
            }
        };
        // What the daemon told of steps while it exported. For what is pushed it is too late, for files it is not.
        if let Some(Err(error)) = heard.as_ref().map(Heard::judge) {
            if let Some(exports) = exports {
                exports.give_up().await;
            }
            return Err(BuildError::Drive(DriveError::Audit(Arc::new(error))).into());
        }
        if let Some(exports) = exports {
            commit(exports.clone(), Arc::clone(&self.commits)).await?;
        }
        if let (false, Some(manifest)) = (self.caches.is_empty(), answer.cache_manifest()) {
            let caches = self.caches.clone();
            let named = spawn_blocking(move || caches.iter().try_for_each(|cache| cache.finish(&manifest)));
            named.await.unwrap_or_else(|panic| resume_unwind(panic.into_panic()))?;
        }
        let sent = order.exports.iter().filter_map(|export| export.sent.as_ref());
        let files = sent.filter_map(|sent| sent.path().map(Path::to_owned));
        Ok(Product {
            digest: answer.image_digest().map(str::to_owned),
            config_digest: answer.image_config_digest().map(str::to_owned),
            names: answer.image_names().map(str::to_owned).collect(),
            files: files.collect(),
            metadata: answer.exporter,
        })
    }

    /// What the daemon itself is told of a target's solve.
    fn attrs(&self, target: &str) -> BTreeMap<String, String> {
        let attests = self.attests.get(target).into_iter().flatten();
        self.solve
            .frontend_attrs
            .iter()
            .chain(attests)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Exports what a solve that has not ended holds, and looks into it: it is the same, also where nothing is cached.
    async fn audit(
        &self,
        target: &str,
        prepared: &Prepared,
        audit: &Audit,
        heard: &Heard<'_>,
    ) -> Result<Audited, AuditError> {
        let request = BuildRequest {
            frontend_attrs: self.attrs(target),
            exporters: vec![audit.exporter.clone()],
            cache_exports: Vec::new(),
            cancel: self.cancel.child_token(),
            session_id: audit.session.id().to_owned(),
            ..self.solve.clone()
        };
        let drive = async |gateway| driver::drive(&gateway, prepared, target).await;
        if let Err(error) = self.client.build(request, |update| heard.take(&update), drive).await {
            let failure = audit.exports.failure();
            audit.exports.give_up().await;
            return Err(failure.map_or_else(|| AuditError::Solve(Box::new(error)), AuditError::from));
        }
        audit.judge(heard).await
    }

    fn tell(&self, event: Event) {
        // Nobody listens to a build that is being dropped.
        let _ = self.events.send(event);
    }
}

/// Puts files into place, on a task of its own: whoever follows the build may be stuck.
async fn commit(exports: Exports, commits: Arc<RwLock<()>>) -> Result<(), ExportError> {
    let committed = tokio::spawn(async move {
        let _committing = commits.read().await;
        exports.commit().await
    });
    match committed.await {
        Ok(exported) => exported.map(drop),
        Err(panic) => resume_unwind(panic.into_panic()),
    }
}

/// Puts reports into place, and names the testers that they are of.
async fn place(reports: Reports, commits: Arc<RwLock<()>>) -> Result<Vec<String>, ExportError> {
    let found = reports.found();
    if !found.is_empty() {
        commit(reports.exports, commits).await?;
    }
    Ok(found)
}

/// The vertices of a target and of the gates that are solved beside it, on all platforms, each once.
fn vertices(prepared: &Prepared, target: &str) -> Result<Vec<Vertex>, OpError> {
    let mut vertices: Vec<Vertex> = Vec::new();
    let mut seen = BTreeSet::new();
    for (_, lowered) in &prepared.platforms {
        let LoweredTarget { gates, output, .. } = lowered.target(target);
        for output in gates.iter().map(|(_, output)| *output).chain([*output]) {
            let definition = lowered.graph.definition(output)?;
            for digest in definition.digests().filter(|digest| seen.insert(*digest)) {
                let name = definition.metadata().get(&digest).and_then(|metadata| metadata.custom_name());
                let vertex = Vertex { digest: digest.to_string(), name: name.unwrap_or_default().to_owned() };
                vertices.push(vertex);
            }
        }
    }
    Ok(vertices)
}
