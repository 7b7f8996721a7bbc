//! The driver: a build as calls of the gateway API.
//!
//! It knows nothing of what surrounds the gateway: outside a daemon it runs beside a solve of the control API,
//! inside one it would run over stdin and stdout. [`lower()`] asks what the Plan needs to know of the world and lowers
//! it, once for all targets; [`drive`] builds one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildkit_gateway::{Channel, Gateway, GatewayError, GatewayResult, Ref, SolveOptions, metadata};
use buildkit_llb::{
    Graph, ImageRef, ImageRefError, LocalIdentity, LocalSource, Metadata, OpError, Output, Platform, caps,
};
use buildkit_patterns::ignore::{self, IgnoreError};
use buildkit_patterns::pattern::{self, PatternError};
use futures_util::future::{try_join, try_join_all, try_join3};
use stagewright_plan::check::Checked;
use stagewright_plan::config::ImageConfig;
use stagewright_plan::lower::{
    self, Context, ImageRequest, Lowered, LoweredTarget, ResolvedImage, World, contexts, images,
};
use stagewright_plan::{Problem, Site};

/// The file that says what of a context is not sent.
const IGNORE_FILE: &str = ".dockerignore";

/// What is built, and with what.
#[derive(Debug)]
pub(crate) struct Invocation<'a> {
    /// The build.
    pub(crate) plan: &'a Checked<'a>,
    /// The targets that are built, all of them: a context is one op, whatever their number.
    pub(crate) targets: Vec<&'a str>,
    /// The platform that is built for.
    pub(crate) platform: Platform,
    /// The platform that builds.
    pub(crate) build_platform: Platform,
    /// The session that serves the contexts.
    pub(crate) session: String,
    /// What keeps the contexts apart from those of other people, in the definitions.
    pub(crate) identity: LocalIdentity,
    /// The texts of the program's files.
    pub(crate) sources: BTreeMap<String, String>,
    /// Whether every step runs, cached or not.
    pub(crate) no_cache: bool,
    /// Capabilities that count as missing, whatever the daemon says.
    pub(crate) without_caps: BTreeSet<String>,
}

/// Why a build is given up before the daemon ends it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriveError {
    /// The daemon does not say what it can do.
    #[error("the daemon does not say what it can do: {0}")]
    Ping(#[source] GatewayError),
    /// An image cannot be had.
    #[error("image `{name}`: {source}")]
    Image {
        /// Its full name.
        name: String,
        /// Where it is named first.
        at: Site,
        /// What the daemon or the registry tells.
        source: GatewayError,
    },
    /// An image has a config that does not read.
    #[error("image `{name}` has a config that does not read: {source}")]
    ImageConfig {
        /// Its full name.
        name: String,
        /// Where it is named first.
        at: Site,
        /// Why.
        source: Arc<serde_json::Error>,
    },
    /// The `.dockerignore` of a context cannot be had. A build without it could take in what must stay out.
    #[error("the .dockerignore of context `{context}` cannot be read: {source}")]
    Ignore {
        /// The context's name.
        context: String,
        /// What the daemon tells.
        source: GatewayError,
    },
    /// The `.dockerignore` of a context is no text.
    #[error("the .dockerignore of context `{context}`: {source}")]
    IgnoreText {
        /// The context's name.
        context: String,
        /// Why.
        source: IgnoreError,
    },
    /// The `.dockerignore` of a context has a line that means nothing.
    #[error("the .dockerignore of context `{context}`: {source}")]
    IgnorePattern {
        /// The context's name.
        context: String,
        /// Which, and why.
        source: PatternError,
    },
    /// The Plan cannot be built in this world.
    #[error("{}", .0.message)]
    Plan(Box<Problem>),
    /// An op that no daemon would take.
    #[error(transparent)]
    Op(#[from] OpError),
    /// A step of the target failed.
    #[error(transparent)]
    Target(GatewayError),
    /// A gate failed.
    #[error("gate `{gate}`: {source}")]
    Gate {
        /// The tester's name.
        gate: String,
        /// What the daemon tells.
        source: GatewayError,
    },
}

/// Lowers the targets, with what the daemon and the contexts say.
///
/// # Errors
///
/// An image or a `.dockerignore` that cannot be had, and a Plan that cannot be built in this world.
pub(crate) async fn lower<C: Channel>(
    gateway: &Gateway<C>,
    invocation: &Invocation<'_>,
) -> Result<Lowered, DriveError> {
    let Invocation { plan, targets, platform, build_platform, .. } = invocation;
    let requests = images(plan, targets, platform, build_platform);
    let configs = try_join_all(requests.into_iter().map(|(request, at)| resolve(gateway, request, at)));
    let contexts = contexts(plan, targets)
        .into_iter()
        .map(|request| context(gateway, invocation, request.name));
    let known = async { gateway.ping().await.map_err(DriveError::Ping) };
    let (known, configs, contexts) = try_join3(known, configs, try_join_all(contexts)).await?;
    let world = World {
        platform: platform.clone(),
        build_platform: build_platform.clone(),
        passthrough: known.llb.has(caps::PASSTHROUGH_OP)
            && !invocation.without_caps.contains(caps::PASSTHROUGH_OP),
        images: configs.into_iter().collect(),
        contexts: contexts.into_iter().collect(),
        sources: invocation.sources.clone(),
        no_cache: invocation.no_cache,
    };
    lower::lower(plan, targets, &world).map_err(|error| DriveError::Plan(Box::new(error.into())))
}

/// Builds one target: its filesystem, and beside it the gates that the daemon cannot express.
///
/// Everything is evaluated, so that a failing step carries its details.
///
/// # Errors
///
/// What the first failing step gives. The calls of all others are dropped, and with them their steps.
pub(crate) async fn drive<C: Channel>(
    gateway: &Gateway<C>,
    graph: &Graph,
    target: &LoweredTarget,
) -> Result<GatewayResult, DriveError> {
    let main = evaluate(gateway, graph, target.output, DriveError::Target);
    let gates = target.gates.iter().map(|(gate, output)| {
        evaluate(gateway, graph, *output, |source| DriveError::Gate { gate: gate.clone(), source })
    });
    let (filesystem, _) = try_join(main, try_join_all(gates)).await?;
    let result = GatewayResult::single(filesystem);
    Ok(match &target.config {
        Some(config) => result.with_metadata(metadata::IMAGE_CONFIG, config.to_json()),
        None => result,
    })
}

impl DriveError {
    /// What the daemon said, if it was the daemon.
    #[must_use]
    pub fn daemon(&self) -> Option<&GatewayError> {
        match self {
            Self::Ping(source)
            | Self::Image { source, .. }
            | Self::Ignore { source, .. }
            | Self::Target(source)
            | Self::Gate { source, .. } => Some(source),
            Self::ImageConfig { .. }
            | Self::IgnoreText { .. }
            | Self::IgnorePattern { .. }
            | Self::Plan(_)
            | Self::Op(_) => None,
        }
    }

    /// What is wrong with the program, if it is about a place in it.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        match self {
            Self::Plan(problem) => Some(problem.as_ref().clone()),
            Self::Image { at, .. } | Self::ImageConfig { at, .. } => {
                Some(Problem::new(self.to_string()).at(at).label("named here"))
            }
            _ => None,
        }
    }
}

/// What the daemon is told. Its own errors go back as they came.
impl From<&DriveError> for GatewayError {
    fn from(error: &DriveError) -> Self {
        match (error.daemon(), error) {
            (Some(own), _) => own.clone(),
            (None, DriveError::Plan(problem)) => Self::new(problem.to_string()),
            (None, other) => Self::new(other.to_string()),
        }
    }
}

async fn resolve<C: Channel>(
    gateway: &Gateway<C>,
    request: ImageRequest,
    at: &Site,
) -> Result<(ImageRequest, ResolvedImage), DriveError> {
    let name = request.reference.to_string();
    let asked = buildkit_gateway::ImageRequest {
        reference: name.clone(),
        platform: Some(request.platform.clone()),
        log_name: format!("load config of {}", request.reference.familiar()),
        ..Default::default()
    };
    let failed = |source| DriveError::Image { name: name.clone(), at: at.clone(), source };
    let answer = gateway.resolve_image_config(&asked).await.map_err(failed)?;
    let unreadable =
        |source| DriveError::ImageConfig { name: name.clone(), at: at.clone(), source: Arc::new(source) };
    let config = ImageConfig::from_json(&answer.config).map_err(unreadable)?;
    // A source policy may have put another image in its place.
    let found = if answer.reference.is_empty() { &name } else { &answer.reference };
    let foreign = |error: ImageRefError| failed(GatewayError::new(error.to_string()));
    let mut reference: ImageRef = found.parse().map_err(foreign)?;
    if !answer.digest.is_empty() {
        reference = reference.with_digest(&answer.digest).map_err(foreign)?;
    }
    Ok((request, ResolvedImage { reference, config }))
}

/// A context, with what its `.dockerignore` leaves out.
async fn context<C: Channel>(
    gateway: &Gateway<C>,
    invocation: &Invocation<'_>,
    name: &str,
) -> Result<(String, Context), DriveError> {
    let mut op = LocalSource::new(name, LocalIdentity::Session(invocation.session.clone()));
    op.follow_paths = vec![IGNORE_FILE.to_owned()];
    op.shared_key_hint = format!("{name}-{IGNORE_FILE}");
    let mut graph = Graph::new();
    let op = graph.add(op, Metadata::named(format!("[{name}] load {IGNORE_FILE}")))?;
    let definition = graph.definition(Some(op.root()))?;

    let text = async {
        let files = gateway.solve(&definition, &SolveOptions::default()).await?;
        // Whether it is there is asked first: so no failure to read it can pass for its absence.
        if gateway.read_dir(&files, "/", Some(IGNORE_FILE)).await?.is_empty() {
            return Ok(None);
        }
        gateway.read_file(&files, IGNORE_FILE, None).await.map(Some)
    };
    let text = text
        .await
        .map_err(|source| DriveError::Ignore { context: name.to_owned(), source })?;
    let exclude = ignore::parse(&text.unwrap_or_default())
        .map_err(|source| DriveError::IgnoreText { context: name.to_owned(), source })?;
    // Said here, where it is known what the patterns are of.
    pattern::check(&exclude)
        .map_err(|source| DriveError::IgnorePattern { context: name.to_owned(), source })?;
    Ok((name.to_owned(), Context { identity: invocation.identity.clone(), exclude }))
}

async fn evaluate<C: Channel>(
    gateway: &Gateway<C>,
    graph: &Graph,
    output: Option<Output>,
    failed: impl FnOnce(GatewayError) -> DriveError,
) -> Result<Ref, DriveError> {
    let definition = graph.definition(output)?;
    let options = SolveOptions { evaluate: true, ..SolveOptions::default() };
    gateway.solve(&definition, &options).await.map_err(failed)
}
