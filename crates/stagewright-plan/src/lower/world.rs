//! What lowering asks of the world, and what the world says.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{ImageRef, Platform, ResolveMode, path};

use super::context::Substitutes;
use super::{Abilities, Context, ContextKey, Settings};
use crate::check::Checked;
use crate::config::ImageConfig;
use crate::lock::Lock;
use crate::plan::{Image, OnPlatform, Origin};
use crate::site::Site;

/// All that lowering needs to know beside the Plan.
#[derive(Clone, Debug)]
pub struct World {
    /// The platform that is built for.
    pub platform: Platform,
    /// The platform that builds.
    pub build_platform: Platform,
    /// Whether other platforms are built for, too: then the names of steps say which one.
    pub multi_platform: bool,
    /// What the daemon can do.
    pub abilities: Abilities,
    /// What the images are, for every request of [`images`].
    pub images: BTreeMap<ImageRequest, ResolvedImage>,
    /// Where the daemon looks for images.
    pub resolve_mode: ResolveMode,
    /// What the contexts are, for every request of [`contexts`].
    pub contexts: BTreeMap<ContextKey, Context>,
    /// What repositories and files of web servers are pinned to. Images are pinned as they are resolved.
    pub lock: Lock,
    /// The texts of the files that the program's call sites name, by that name. What is missing has no lines in
    /// the daemon's errors.
    pub sources: BTreeMap<String, String>,
    /// Whether ops are placed by line alone. A breakpoint that a debugger sets on a line has the column 0, and is left
    /// of an op that begins further right (buildx v0.37 `dap/adapter.go`).
    pub whole_lines: bool,
    /// The time, in seconds since 1970: what is to be fresh is made anew when its span of time has passed.
    pub now: i64,
    /// What the person who builds says for every step.
    pub settings: Settings,
}

impl World {
    /// A world of a platform that builds for itself, with nothing in it, on a daemon that can do everything.
    #[must_use]
    pub fn new(platform: Platform) -> Self {
        Self {
            build_platform: platform.clone(),
            platform,
            multi_platform: false,
            abilities: Abilities::all(),
            images: BTreeMap::new(),
            resolve_mode: ResolveMode::default(),
            contexts: BTreeMap::new(),
            lock: Lock::default(),
            sources: BTreeMap::new(),
            whole_lines: false,
            now: 0,
            settings: Settings::default(),
        }
    }

    pub(super) fn platform_of(&self, image: &Image) -> Platform {
        platform_of(&image.on, &self.platform, &self.build_platform)
    }
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

/// Whether an image is for a platform.
pub(super) fn is_for(config: &ImageConfig, platform: &Platform) -> bool {
    let variant = config.variant.clone().unwrap_or_default();
    let found = Platform::new(&config.os, &config.architecture)
        .with_variant(variant)
        .normalized();
    let wanted = platform.normalized();
    found.os == wanted.os && found.architecture == wanted.architecture
}

/// A context that a build reads, by its own name or in place of an image or a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextRequest<'a> {
    /// Its name, and the platform that is taken of it.
    pub key: ContextKey,
    /// The paths in it that are read, without a leading slash, sorted; none means all of it.
    pub follow_paths: Vec<String>,
    /// The first step or stage that reads it.
    pub at: &'a Site,
}

/// What a build is built of, beside its own steps.
pub(super) struct Needs<'a> {
    pub(super) images: BTreeMap<ImageRequest, &'a Site>,
    /// Repositories and files of web servers.
    pub(super) remotes: BTreeMap<&'a Origin, &'a Site>,
    contexts: BTreeMap<ContextKey, ContextRequest<'a>>,
}

/// The images that these targets need, each with the place where it is named first. Those that a given context
/// stands in for are not among them.
#[must_use]
pub fn images<'a>(
    checked: &Checked<'a>,
    targets: &[&str],
    platform: &Platform,
    build_platform: &Platform,
    given: &BTreeSet<ContextKey>,
) -> BTreeMap<ImageRequest, &'a Site> {
    needs(checked, targets, platform, build_platform, given).images
}

/// The contexts that these targets read, by name, and those among the given ones that stand in for an image or a stage
/// that they need.
#[must_use]
pub fn contexts<'a>(
    checked: &Checked<'a>,
    targets: &[&str],
    given: &BTreeSet<ContextKey>,
) -> Vec<ContextRequest<'a>> {
    // Contexts are the same for every platform.
    let any = Platform::new("linux", "amd64");
    let requests = needs(checked, targets, &any, &any, given).contexts;
    requests.into_values().map(ContextRequest::simplified).collect()
}

pub(super) fn needs<'a>(
    checked: &Checked<'a>,
    targets: &[&str],
    platform: &Platform,
    build_platform: &Platform,
    given: &BTreeSet<ContextKey>,
) -> Needs<'a> {
    let substitutes = Substitutes::new(checked.plan(), given);
    let mut needs = Needs { images: BTreeMap::new(), remotes: BTreeMap::new(), contexts: BTreeMap::new() };
    let mut add = |origin: &'a Origin, paths: Option<&[String]>, at: &'a Site| {
        if let Some(key) = substitutes.of_origin(origin) {
            needs.read(key, paths, at);
        } else if let Origin::Image(image) = origin {
            let platform = platform_of(&image.on, platform, build_platform);
            needs.images.entry(ImageRequest::new(image, platform)).or_insert(at);
        } else if let Origin::Git(_) | Origin::Http(_) = origin {
            needs.remotes.entry(origin).or_insert(at);
        }
    };
    let reached = checked.reached_up_to(targets.iter().copied(), |name| substitutes.of(name).is_some());
    let stages = checked.plan().stages.iter();
    for stage in stages.filter(|stage| reached.contains(stage.name.as_str())) {
        if substitutes.of(&stage.name).is_some() {
            continue;
        }
        add(&stage.from, None, &stage.at);
        for step in &stage.steps {
            for (origin, paths) in step.origins() {
                add(origin, Some(paths), &step.at);
            }
        }
    }
    // What is reached, but read by no step.
    let plan = checked.plan();
    let gates = plan
        .stages
        .iter()
        .flat_map(|stage| stage.gates.iter().map(move |gate| (stage, gate)));
    let gates = gates
        .filter(|(stage, _)| reached.contains(stage.name.as_str()) && substitutes.of(&stage.name).is_none())
        .map(|(_, gate)| (gate.stage.as_str(), &gate.at));
    let targets = targets.iter().filter_map(|name| plan.target(name));
    for (stage, at) in targets.map(|target| (target.stage.as_str(), &target.at)).chain(gates) {
        if let Some(key) = substitutes.of(stage) {
            needs.read(key, None, at);
        }
    }
    needs
}

impl<'a> Needs<'a> {
    /// Files of a context are read: at these paths, or all of them.
    fn read(&mut self, key: ContextKey, paths: Option<&[String]>, at: &'a Site) {
        let request = self.contexts.entry(key.clone()).or_insert_with(|| ContextRequest {
            key,
            follow_paths: Vec::new(),
            at,
        });
        match paths {
            Some(paths) => request.follow_paths.extend(paths.iter().map(|path| path::resolve("/", path))),
            None => request.follow_paths.push("/".to_owned()),
        }
    }
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

/// The platform that is meant.
///
/// # Panics
///
/// If it is named by what is no platform, which no checked Plan does.
#[must_use]
pub fn platform_of(on: &OnPlatform, platform: &Platform, build_platform: &Platform) -> Platform {
    match on {
        OnPlatform::Target => platform.clone(),
        OnPlatform::Build => build_platform.clone(),
        OnPlatform::Named(name) => name.parse().expect("a checked Plan has platforms only"),
    }
}
