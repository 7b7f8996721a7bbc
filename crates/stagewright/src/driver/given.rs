//! Given contexts: which one is meant, and what the daemon says that it is.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_gateway::{Channel, FileRange, Gateway, GatewayError, LayoutStore, ResolveMode, SolveOptions};
use buildkit_llb::{
    GitMtime, GitSource, Graph, HttpSource, LocalDiffer, LocalIdentity, LocalSource, Metadata,
    OciLayoutSource, Platform,
};
use buildkit_patterns::{ignore, pattern};
use stagewright_plan::Plan;
use stagewright_plan::Site;
use stagewright_plan::lower::{
    Context, ContextKey, ContextRequest, HttpContext, ImageContext, ImageRequest, LayoutContext,
    LocalContext, MAIN_CONTEXT, Settings, context_name, platform_of,
};
use stagewright_plan::plan::OnPlatform;

use super::contexts::{ContextValue, GivenContext, GivenDirectory};
use super::{DriveError, archive, images};
use crate::images::llb_mode;

/// The file that says what of a context is not sent.
const IGNORE_FILE: &str = ".dockerignore";
/// What the file is called that a server's answer becomes.
pub(super) const HTTP_FILE: &str = "context";

/// A given context that a build reads, and for which platform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    /// Its position among the given ones.
    pub(super) index: usize,
    /// The platform that is taken of it, if that makes a difference.
    pub(super) platform: Option<Platform>,
}

/// The contexts that are given for the platforms that images of a Plan are taken for.
pub(super) fn keys(
    given: &[GivenContext],
    plan: &Plan,
    platform: &Platform,
    build_platform: &Platform,
) -> BTreeSet<ContextKey> {
    let keys = |on: OnPlatform| {
        let platform = platform_of(&on, platform, build_platform);
        let given = given.iter().filter(move |context| is_for(context, &platform));
        given.map(move |context| ContextKey { name: context_name(&context.name), on: on.clone() })
    };
    plan.image_platforms().into_iter().flat_map(keys).collect()
}

/// The given context that a request means, if there is one.
pub(super) fn asked(
    given: &[GivenContext],
    request: &ContextRequest<'_>,
    platform: &Platform,
    build_platform: &Platform,
) -> Option<Asked> {
    let platform = platform_of(&request.key.on, platform, build_platform);
    let named = |(_, context): &(usize, &GivenContext)| {
        context_name(&context.name) == request.key.name && is_for(context, &platform)
    };
    // One for this platform goes before one for all, and a later one before an earlier one.
    let (index, context) = given
        .iter()
        .enumerate()
        .filter(named)
        .max_by_key(|(index, context)| (context.platform.is_some(), *index))?;
    let matters = matches!(context.value, ContextValue::Image(_) | ContextValue::OciLayout { .. });
    Some(Asked { index, platform: matters.then_some(platform) })
}

fn is_for(context: &GivenContext, platform: &Platform) -> bool {
    context.platform.as_ref().is_none_or(|only| only.id() == platform.id())
}

/// The repository that is the main context, as a build with these settings takes it.
pub(super) fn main_git(source: &GitSource, settings: &Settings) -> GitSource {
    let mut source = source.clone();
    source.keep_git_dir |= settings.keep_git_dir;
    source.advice |= settings.git_advice;
    if settings.source_date_epoch.is_some() && source.mtime.is_none() {
        source.mtime = Some(GitMtime::Commit);
    }
    source
}

/// Asks what these contexts are.
pub(super) struct Resolver<'a, C> {
    pub(super) gateway: &'a Gateway<C>,
    pub(super) given: &'a [GivenContext],
    pub(super) settings: &'a Settings,
    pub(super) mode: ResolveMode,
}

impl<C: Channel> Resolver<'_, C> {
    /// What a context is.
    pub(super) async fn resolve(&self, asked: Asked, at: &Site) -> Result<(Asked, Context), DriveError> {
        let GivenContext { name, value, .. } = &self.given[asked.index];
        let context = match (value, &asked.platform) {
            (ContextValue::Local(directory), _) => Context::Local(self.local(name, directory).await?),
            (ContextValue::Http { url, subdir }, _) => {
                Context::Http(Box::new(self.http(name, url, subdir).await?))
            }
            (ContextValue::Image(reference), Some(platform)) => {
                let request = ImageRequest { reference: reference.clone(), platform: platform.clone() };
                let resolved = images::resolve(self.gateway, &request, self.mode, at).await?;
                let mode = llb_mode(self.mode);
                Context::Image(Box::new(ImageContext { resolved, platform: platform.clone(), mode }))
            }
            (ContextValue::OciLayout { session, store, digest }, Some(platform)) => {
                let layout = LayoutStore { session: session.clone(), store: store.clone() };
                Context::OciLayout(Box::new(self.layout(name, &layout, digest, platform, at).await?))
            }
            (ContextValue::Known(Context::Git(source)), _) if name == MAIN_CONTEXT => {
                Context::Git(Box::new(main_git(source, self.settings)))
            }
            (ContextValue::Known(Context::Git(source)), _) => {
                let mut source = source.clone();
                source.advice |= self.settings.git_advice;
                Context::Git(source)
            }
            (ContextValue::Known(context), _) => context.clone(),
            (ContextValue::Image(_) | ContextValue::OciLayout { .. }, None) => {
                unreachable!("an image is asked for with its platform")
            }
        };
        Ok((asked, context))
    }

    /// A directory, with what its ignore file leaves out.
    async fn local(&self, name: &str, directory: &GivenDirectory) -> Result<LocalContext, DriveError> {
        let (file, text) = match &directory.ignore {
            Some(ignore) => (ignore.name.as_str(), ignore.text.clone()),
            None => (IGNORE_FILE, self.ignore_file(name, directory).await?),
        };
        let (context, file) = (name.to_owned(), file.to_owned());
        let exclude = ignore::parse(&text).map_err(|source| DriveError::IgnoreText {
            context: context.clone(),
            file: file.clone(),
            source,
        })?;
        // Said here, where it is known what the patterns are of.
        pattern::check(&exclude).map_err(|source| DriveError::IgnorePattern { context, file, source })?;
        Ok(LocalContext {
            name: directory.name.clone(),
            identity: directory.identity.clone(),
            exclude,
            shared_key_hint: match directory.shared_key.as_str() {
                "" => name.to_owned(),
                key => key.to_owned(),
            },
        })
    }

    /// The text of a context's `.dockerignore`, which need not be there.
    async fn ignore_file(&self, name: &str, directory: &GivenDirectory) -> Result<Vec<u8>, DriveError> {
        let identity = LocalIdentity::Session(directory.session.clone());
        let mut op = LocalSource::new(directory.name.clone(), identity);
        op.follow_paths = vec![IGNORE_FILE.to_owned()];
        op.shared_key_hint = format!("{name}-{IGNORE_FILE}");
        op.differ = LocalDiffer::None;
        let mut graph = Graph::new();
        let op = graph.add(op, Metadata::named(format!("[{name}] load {IGNORE_FILE}")))?;
        let definition = graph.definition(Some(op.root()))?;

        let text = async {
            let files = self.gateway.solve(&definition, &SolveOptions::default()).await?;
            // Whether it is there is asked first: so no failure to read it can pass for its absence.
            if self.gateway.read_dir(&files, "/", Some(IGNORE_FILE)).await?.is_empty() {
                return Ok(Vec::new());
            }
            self.gateway
                .read_file(&files, IGNORE_FILE, None)
                .await
                .map(|text| text.to_vec())
        };
        let told = |source: GatewayError| DriveError::Ignore {
            context: name.to_owned(),
            file: IGNORE_FILE.to_owned(),
            source,
        };
        text.await.map_err(told)
    }

    /// What a server answers: as the main context, an archive is unpacked.
    async fn http(&self, name: &str, url: &str, subdir: &str) -> Result<HttpContext, DriveError> {
        let mut source = HttpSource::new(url);
        HTTP_FILE.clone_into(&mut source.file.name);
        let mut http = HttpContext { source, unpack: false, subdir: subdir.to_owned() };
        if name != MAIN_CONTEXT {
            return Ok(http);
        }
        let mut graph = Graph::new();
        let plain = HttpContext { subdir: String::new(), ..http.clone() };
        let root = Context::Http(Box::new(plain)).add_to(&mut graph, name, &[])?;
        let definition = graph.definition(root)?;
        let head = async {
            let file = self.gateway.solve(&definition, &SolveOptions::default()).await?;
            let range = FileRange { offset: 0, length: archive::HEAD };
            self.gateway.read_file(&file, HTTP_FILE, Some(range)).await
        };
        let head = head
            .await
            .map_err(|source| DriveError::Context { context: name.to_owned(), source })?;
        http.unpack = archive::is_archive(&head);
        Ok(http)
    }

    /// An image of an OCI layout, under the name of the context that it is.
    async fn layout(
        &self,
        name: &str,
        layout: &LayoutStore,
        digest: &str,
        platform: &Platform,
        at: &Site,
    ) -> Result<LayoutContext, DriveError> {
        let wrong = |error: buildkit_llb::ImageRefError| DriveError::Context {
            context: name.to_owned(),
            source: GatewayError::new(error.to_string()),
        };
        let image: buildkit_llb::ImageRef = context_name(name).parse().map_err(wrong)?;
        let image = image.with_digest(digest).map_err(wrong)?.to_string();
        let log_name = format!("[context {name}] load config of {digest}");
        let config = images::resolve_layout(self.gateway, &image, layout, platform, log_name, at).await?;
        let mut source = OciLayoutSource::new(image, platform.clone());
        source.session.clone_from(&layout.session);
        source.store.clone_from(&layout.store);
        Ok(LayoutContext { source, config })
    }
}

/// What every asked context is.
pub(super) type Resolved = BTreeMap<Asked, Context>;
