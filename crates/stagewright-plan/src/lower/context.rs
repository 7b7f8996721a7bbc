//! Contexts: files, or a whole filesystem, that the person who builds gives by name.

use std::collections::BTreeSet;

use buildkit_llb::{
    CopyAction, Definition, FileInput, FileOp, GitSource, Graph, HttpSource, ImageRef, ImageSource,
    LocalIdentity, LocalSource, Metadata, OciLayoutSource, OpError, Output, Platform, ResolveMode,
};

use crate::config::ImageConfig;
use crate::plan::{OnPlatform, Origin, Plan, Step};

use super::{ResolvedImage, names};

/// The context that every build has: the one that is meant where no name is given.
pub const MAIN_CONTEXT: &str = "context";

/// What a context is.
#[derive(Clone, Debug)]
pub enum Context {
    /// A directory of a client.
    Local(LocalContext),
    /// A commit of a repository.
    Git(Box<GitSource>),
    /// What a server answers.
    Http(Box<HttpContext>),
    /// An image of a registry.
    Image(Box<ImageContext>),
    /// An image of an OCI layout of the client.
    OciLayout(Box<LayoutContext>),
    /// What somebody else built: a definition, and how a container of it runs, if it is an image.
    Forwarded(Box<ForwardedContext>),
    /// Nothing: an empty filesystem.
    Empty,
}

/// A directory of a client.
#[derive(Clone, Debug)]
pub struct LocalContext {
    /// Its name at the client.
    pub name: String,
    /// What keeps it apart from contexts of other people: the session that serves it, or an id of its own.
    pub identity: LocalIdentity,
    /// What its `.dockerignore` leaves out.
    pub exclude: Vec<String>,
    /// By what the daemon finds its copy of an earlier build.
    pub shared_key_hint: String,
}

/// What a server answers.
#[derive(Clone, Debug)]
pub struct HttpContext {
    /// The request; its file has a name.
    pub source: HttpSource,
    /// Whether it is an archive, whose files are meant.
    pub unpack: bool,
    /// The directory in the archive that is meant; empty for all of it.
    pub subdir: String,
}

/// An image of a registry.
#[derive(Clone, Debug)]
pub struct ImageContext {
    /// What it turned out to be.
    pub resolved: ResolvedImage,
    /// The platform that is taken of it.
    pub platform: Platform,
    /// Where the daemon looks for it.
    pub mode: ResolveMode,
}

/// An image of an OCI layout of the client.
#[derive(Clone, Debug)]
pub struct LayoutContext {
    /// Where it is.
    pub source: OciLayoutSource,
    /// Its config.
    pub config: ImageConfig,
}

/// What somebody else built.
#[derive(Clone, Debug)]
pub struct ForwardedContext {
    /// Its ops.
    pub definition: Definition,
    /// How a container of it runs, if it is an image.
    pub config: Option<ImageConfig>,
}

/// Under which name, and for which platform, a context is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContextKey {
    /// Its name, as [`context_name`] writes it.
    pub name: String,
    /// The platform that is taken of it, if it is an image.
    pub on: OnPlatform,
}

impl ContextKey {
    /// For the platform that is built for.
    #[must_use]
    pub fn target(name: &str) -> Self {
        Self { name: context_name(name), on: OnPlatform::Target }
    }

    /// For every platform that images of a Plan are taken for.
    pub fn all(plan: &Plan, name: &str) -> impl Iterator<Item = Self> {
        let name = context_name(name);
        plan.image_platforms()
            .into_iter()
            .map(move |on| Self { name: name.clone(), on })
    }
}

/// The one way to write a context's name: as people write an image, without `latest`.
///
/// So a context named `node` stands in for the image `docker.io/library/node:latest`.
#[must_use]
pub fn context_name(name: &str) -> String {
    match name.parse::<ImageRef>() {
        Ok(reference) => {
            let familiar = reference.familiar();
            familiar.strip_suffix(":latest").unwrap_or(&familiar).to_owned()
        }
        Err(_) => name.to_owned(),
    }
}

/// Which images and stages of a Plan a given context stands in for.
///
/// A name that the Plan reads as a context is that alone.
#[derive(Clone, Debug)]
pub(crate) struct Substitutes {
    keys: BTreeSet<ContextKey>,
}

impl Substitutes {
    pub(crate) fn new<'n>(plan: &Plan, given: impl IntoIterator<Item = &'n ContextKey>) -> Self {
        let mut keys: BTreeSet<ContextKey> = given.into_iter().cloned().collect();
        keys.retain(|key| key.name != MAIN_CONTEXT);
        if !keys.is_empty() {
            let steps = plan.stages.iter().flat_map(|stage| &stage.steps);
            let read: BTreeSet<String> = steps
                .flat_map(Step::origins)
                .filter_map(|(origin, _)| match origin {
                    Origin::Context(name) => Some(context_name(name)),
                    _ => None,
                })
                .collect();
            keys.retain(|key| !read.contains(&key.name));
        }
        Self { keys }
    }

    /// The context that stands in for the stage of this name.
    pub(crate) fn of(&self, name: &str) -> Option<ContextKey> {
        self.on(name, OnPlatform::Target)
    }

    /// The context that stands in for what has this name, on that platform.
    fn on(&self, name: &str, on: OnPlatform) -> Option<ContextKey> {
        if self.keys.is_empty() {
            return None;
        }
        Some(ContextKey { name: context_name(name), on }).filter(|key| self.keys.contains(key))
    }

    /// The context that an origin means.
    pub(crate) fn of_origin(&self, origin: &Origin) -> Option<ContextKey> {
        match origin {
            Origin::Scratch | Origin::Git(_) | Origin::Http(_) => None,
            Origin::Image(image) => self.on(&image.name, image.on.clone()),
            Origin::Stage(name) | Origin::Reports(name) | Origin::Root(name) => self.of(name),
            Origin::Context(name) => Some(ContextKey { name: context_name(name), on: OnPlatform::Target }),
        }
    }
}

impl Context {
    /// Adds the ops of the context under this name, and gives its filesystem: `None` is an empty one.
    ///
    /// Of a directory only the follow paths are sent; none means all of it.
    ///
    /// # Errors
    ///
    /// Ops that no daemon would take.
    pub fn add_to(
        &self,
        graph: &mut Graph,
        name: &str,
        follow_paths: &[String],
    ) -> Result<Option<Output>, OpError> {
        let main = name == MAIN_CONTEXT;
        let op = match self {
            Self::Local(local) => {
                let mut op = LocalSource::new(local.name.clone(), local.identity.clone());
                op.shared_key_hint.clone_from(&local.shared_key_hint);
                op.exclude.clone_from(&local.exclude);
                op.follow_paths = follow_paths.to_vec();
                let called = match main {
                    true => "[internal] load build context".to_owned(),
                    false => format!("[context {name}] load from client"),
                };
                graph.add(op, Metadata::named(called))?
            }
            Self::Git(source) => {
                let called = format!("[internal] load git source {}", names::repository(&source.url));
                graph.add(source.as_ref().clone(), Metadata::named(called))?
            }
            Self::Http(http) => return http.add_to(graph, name).map(Some),
            Self::Image(image) => {
                let called = format!("[context {name}] {}", image.resolved.reference.familiar());
                let mut op = ImageSource::new(image.resolved.reference.clone(), image.platform.clone());
                op.resolve_mode = image.mode;
                graph.add(op, Metadata::named(called))?
            }
            Self::OciLayout(layout) => {
                let called = format!("[context {name}] OCI load from client");
                graph.add(layout.source.clone(), Metadata::named(called))?
            }
            Self::Forwarded(forwarded) => return graph.embed(&forwarded.definition),
            Self::Empty => return Ok(None),
        };
        Ok(Some(op.root()))
    }

    /// How a container of it runs, if it is an image.
    #[must_use]
    pub fn config(&self) -> Option<&ImageConfig> {
        match self {
            Self::Image(image) => Some(&image.resolved.config),
            Self::OciLayout(layout) => Some(&layout.config),
            Self::Forwarded(forwarded) => forwarded.config.as_ref(),
            Self::Local(_) | Self::Git(_) | Self::Http(_) | Self::Empty => None,
        }
    }

    /// The platform that was asked for, if it is an image.
    pub(super) fn platform(&self) -> Option<&Platform> {
        match self {
            Self::Image(image) => Some(&image.platform),
            Self::OciLayout(layout) => Some(&layout.source.platform),
            _ => None,
        }
    }
}

impl HttpContext {
    fn add_to(&self, graph: &mut Graph, name: &str) -> Result<Output, OpError> {
        let called = match name {
            MAIN_CONTEXT => "[internal] load remote build context".to_owned(),
            name => format!("[context {name}] {}", self.source.shown()),
        };
        let mut root = graph.add(self.source.clone(), Metadata::named(called))?.root();
        if self.unpack {
            let file = format!("/{}", self.source.file.name);
            let copy = CopyAction { unpack: true, ..CopyAction::new(root, file, "/") };
            root = copied(graph, copy, "[internal] unpack remote build context")?;
        }
        if !self.subdir.is_empty() {
            let dir = buildkit_llb::path::resolve("/", &self.subdir);
            let copy = CopyAction { dir_contents: true, ..CopyAction::new(root, dir, "/") };
            root = copied(graph, copy, "[internal] select directory of remote build context")?;
        }
        Ok(root)
    }
}

fn copied(graph: &mut Graph, copy: CopyAction, called: &str) -> Result<Output, OpError> {
    let mut op = FileOp::default();
    op.push(FileInput::from(None), copy);
    Ok(graph.add(op, Metadata::named(called))?.root())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_named_as_people_name_an_image() {
        let check = |name: &str, expected: &str| assert_eq!(context_name(name), expected);
        check("docs", "docs");
        check("docker.io/library/node:latest", "node");
        check("node:18", "node:18");
        check("registry.example/team/app", "registry.example/team/app");
        check("No Image", "No Image");
    }
}
