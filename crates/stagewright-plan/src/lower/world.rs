//! What lowering asks of the world, and what the world says.

use std::collections::BTreeMap;

use buildkit_llb::{ImageRef, LocalIdentity, Platform, path};

use crate::check::Checked;
use crate::config::ImageConfig;
use crate::plan::{Image, OnPlatform, Origin, Stage};
use crate::site::Site;

/// All that lowering needs to know beside the Plan.
#[derive(Clone, Debug)]
pub struct World {
    /// The platform that is built for.
    pub platform: Platform,
    /// The platform that builds.
    pub build_platform: Platform,
    /// Whether the daemon has the cap `passthroughop`, by which an image waits for its gates.
    pub passthrough: bool,
    /// What the images are, for every request of [`images`].
    pub images: BTreeMap<ImageRequest, ResolvedImage>,
    /// What the contexts are, by name, for every request of [`contexts`].
    pub contexts: BTreeMap<String, Context>,
    /// The texts of the files that the program's call sites name, by that name. What is missing has no lines in
    /// the daemon's errors.
    pub sources: BTreeMap<String, String>,
    /// Whether every step runs, cached or not.
    pub no_cache: bool,
}

impl World {
    pub(super) fn platform_of(&self, image: &Image) -> &Platform {
        platform_of(image, &self.platform, &self.build_platform)
    }
}

/// A context.
#[derive(Clone, Debug)]
pub struct Context {
    /// What keeps it apart from contexts of other people: the session that serves it, or an id of its own.
    pub identity: LocalIdentity,
    /// What its `.dockerignore` leaves out.
    pub exclude: Vec<String>,
}

/// An image that a build needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageRequest {
    /// Its full name.
    pub reference: ImageRef,
    /// The platform that is taken of it.
    pub platform: Platform,
}

impl ImageRequest {
    pub(super) fn new(image: &Image, platform: Platform) -> Self {
        Self { reference: image.name.parse().expect("a checked Plan has image names only"), platform }
    }
}

/// What an image turned out to be.
#[derive(Clone, Debug)]
pub struct ResolvedImage {
    /// Its name, pinned to a digest where the daemon gave one.
    pub reference: ImageRef,
    /// Its config.
    pub config: ImageConfig,
}

impl ResolvedImage {
    /// Whether the image is for a platform. A registry gives an image of one platform whatever is asked for.
    pub(super) fn is_for(&self, platform: &Platform) -> bool {
        let variant = self.config.variant.clone().unwrap_or_default();
        let found = Platform::new(&self.config.os, &self.config.architecture)
            .with_variant(variant)
            .normalized();
        let wanted = platform.normalized();
        found.os == wanted.os && found.architecture == wanted.architecture
    }
}

/// A context that a build reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextRequest<'a> {
    /// Its name.
    pub name: &'a str,
    /// The paths in it that are read, without a leading slash, sorted; none means all of it.
    pub follow_paths: Vec<String>,
    /// The first step that reads it.
    pub at: &'a Site,
}

/// The images that these targets need, each with the place where it is named first.
#[must_use]
pub fn images<'a>(
    checked: &Checked<'a>,
    targets: &[&str],
    platform: &Platform,
    build_platform: &Platform,
) -> BTreeMap<ImageRequest, &'a Site> {
    let mut requests = BTreeMap::new();
    let mut add = |origin: &Origin, at: &'a Site| {
        if let Origin::Image(image) = origin {
            let platform = platform_of(image, platform, build_platform).clone();
            requests.entry(ImageRequest::new(image, platform)).or_insert(at);
        }
    };
    for stage in reached(checked, targets) {
        add(&stage.from, &stage.at);
        for step in &stage.steps {
            for (origin, _) in step.origins() {
                add(origin, &step.at);
            }
        }
    }
    requests
}

/// The contexts that these targets read, by name.
#[must_use]
pub fn contexts<'a>(checked: &Checked<'a>, targets: &[&str]) -> Vec<ContextRequest<'a>> {
    let mut requests: BTreeMap<&str, ContextRequest<'a>> = BTreeMap::new();
    for stage in reached(checked, targets) {
        for step in &stage.steps {
            for (origin, paths) in step.origins() {
                let Origin::Context(name) = origin else { continue };
                let request = requests.entry(name).or_insert_with(|| ContextRequest {
                    name,
                    follow_paths: Vec::new(),
                    at: &step.at,
                });
                request.follow_paths.extend(paths.iter().map(|path| path::resolve("/", path)));
            }
        }
    }
    requests.into_values().map(ContextRequest::simplified).collect()
}

impl ContextRequest<'_> {
    /// As the daemon is asked: all of it is no path at all.
    fn simplified(mut self) -> Self {
        self.follow_paths.sort();
        self.follow_paths.dedup();
        if self.follow_paths.iter().any(|path| path == "/") {
            self.follow_paths.clear();
        }
        for path in &mut self.follow_paths {
            path.remove(0);
        }
        self
    }
}

fn reached<'a>(checked: &Checked<'a>, targets: &[&str]) -> impl Iterator<Item = &'a Stage> {
    let reached = checked.reached(targets.iter().copied());
    checked
        .plan()
        .stages
        .iter()
        .filter(move |stage| reached.contains(stage.name.as_str()))
}

fn platform_of<'a>(image: &Image, platform: &'a Platform, build_platform: &'a Platform) -> &'a Platform {
    match image.on {
        OnPlatform::Target => platform,
        OnPlatform::Build => build_platform,
    }
}
