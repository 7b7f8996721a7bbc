//! `Build`: where every input of a build program comes from.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::rc::Rc;

use buildkit_llb::Platform;

use super::files::{Download, FileSet};
use super::record::Recorder;
use super::role::{Base, Builder, Deps, Role, Runtime, Tester};
use super::run::Secret;
use super::stage::Stage;
use crate::plan::{self, OnPlatform, Origin};
use crate::problem::Problem;
use crate::site::Site;

/// The build that a program describes: it starts stages from images and hands out contexts and secrets.
///
/// Every stage made from it is in the Plan, whether a target reaches it or not.
#[derive(Debug)]
pub struct Build {
    pub(super) recorder: Rc<Recorder>,
    platform: Platform,
    build_platform: Platform,
    /// Where the fields of the function's argument stand, if that is a file.
    fields: BTreeMap<String, Site>,
}

impl Build {
    pub(crate) fn new(platform: Platform, build_platform: Platform, fields: BTreeMap<String, Site>) -> Self {
        Self { recorder: Rc::default(), platform, build_platform, fields }
    }

    pub(crate) fn recorder(&self) -> &Rc<Recorder> {
        &self.recorder
    }

    /// Starts a base from an image or from [`Scratch`].
    #[track_caller]
    pub fn base(&self, name: impl Into<String>, from: impl StartsFrom) -> Stage<Base> {
        self.start(name.into(), from.origin())
    }

    /// Starts a deps stage from an image or from [`Scratch`].
    #[track_caller]
    pub fn deps(&self, name: impl Into<String>, from: impl StartsFrom) -> Stage<Deps> {
        self.start(name.into(), from.origin())
    }

    /// Starts a builder from an image or from [`Scratch`].
    #[track_caller]
    pub fn builder(&self, name: impl Into<String>, from: impl StartsFrom) -> Stage<Builder> {
        self.start(name.into(), from.origin())
    }

    /// Starts a tester from an image or from [`Scratch`].
    #[track_caller]
    pub fn tester(&self, name: impl Into<String>, from: impl StartsFrom) -> Stage<Tester> {
        self.start(name.into(), from.origin())
    }

    /// Starts a runtime image from an image or from [`Scratch`].
    #[track_caller]
    pub fn runtime(&self, name: impl Into<String>, from: impl StartsFrom) -> Stage<Runtime> {
        self.start(name.into(), from.origin())
    }

    /// The build context: the directory that the person who builds names.
    #[must_use]
    pub fn context(&self) -> Source {
        self.context_named("context")
    }

    /// A further context, given by name.
    pub fn context_named(&self, name: impl Into<String>) -> Source {
        Source { origin: Origin::Context(name.into()) }
    }

    /// A git repository, with `#ref:directory` if wanted: `b.git("https://example.com/tool.git#v1.2")`.
    pub fn git(&self, url: impl Into<String>) -> Git {
        Git { git: plan::Git { url: url.into(), checksum: None, keep_git_dir: false } }
    }

    /// A file of a web server: `b.http("https://example.com/tool.tar.gz").checksum("sha256:…")`.
    pub fn http(&self, url: impl Into<String>) -> Download {
        Download::new(url.into())
    }

    /// Goes through a preset that starts stages: their names begin with this one and a dash.
    ///
    /// So a function that makes a whole service can be called for several.
    #[track_caller]
    pub fn group<T>(&self, name: impl Into<String>, preset: impl FnOnce(&Self) -> T) -> T {
        self.recorder
            .through(Site::caller(), || self.recorder.grouped(name.into(), || preset(self)))
    }

    /// An image, to start stages from and to copy files of.
    pub fn image(&self, name: impl Into<String>) -> Image {
        Image { image: plan::Image { name: name.into(), on: OnPlatform::Target } }
    }

    /// A secret that the person who builds gives by `--secret id=…`.
    #[track_caller]
    pub fn secret(&self, id: impl Into<String>) -> Secret {
        let id = id.into();
        let index = self.recorder.secret(id.clone(), Site::caller());
        Secret::new(id, Rc::clone(&self.recorder), index)
    }

    /// The platform that is built for. A program that asks is called once for each platform.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        self.recorder.platform_asked();
        &self.platform
    }

    /// The platform that builds.
    #[must_use]
    pub fn build_platform(&self) -> &Platform {
        &self.build_platform
    }

    /// Allows a finding in the whole build, by its code: `b.allow("latest-image")`.
    #[track_caller]
    pub fn allow(&self, code: impl Into<String>) {
        self.recorder.allow(None, Site::caller(), code.into());
    }

    /// A finding of the program itself, at the caller's line: the build is refused with it.
    #[track_caller]
    pub fn problem(&self, message: impl Into<String>) {
        let (at, via) = self.recorder.place(Site::caller());
        self.recorder
            .problem(Problem::new(message).at(&at).via(&via).label("refused here"));
    }

    /// A finding about a field of the build function's argument: the build is refused with it.
    ///
    /// In a frontend whose files are of a type of yours it is shown at the line where the field stands, under the name
    /// that it has in the file. One that is set by an arg, or not at all, has no line.
    pub fn problem_in(&self, field: &str, message: impl Display) {
        let problem = Problem::new(format!("`{field}`: {message}"));
        self.recorder.problem(match self.fields.get(field) {
            Some(at) => problem.at(at).label("refused"),
            None => problem,
        });
    }

    #[track_caller]
    fn start<R: Role>(&self, name: String, from: Origin) -> Stage<R> {
        Stage::start(&self.recorder, name, R::ROLE, from, Site::caller())
    }
}

/// The empty filesystem, to start a stage from.
#[derive(Clone, Copy, Debug)]
pub struct Scratch;

/// An image of a registry.
#[derive(Clone, Debug)]
pub struct Image {
    image: plan::Image,
}

impl Image {
    /// The same image for the platform that builds: for tools that run while building for another platform.
    #[must_use]
    pub fn on_build_platform(&self) -> Self {
        Self { image: plan::Image { name: self.image.name.clone(), on: OnPlatform::Build } }
    }

    /// The same image for this platform, whatever is built for.
    #[must_use]
    pub fn on(&self, platform: &Platform) -> Self {
        Self {
            image: plan::Image { name: self.image.name.clone(), on: OnPlatform::Named(platform.to_string()) },
        }
    }

    /// A file of the image.
    pub fn file(&self, path: impl Into<String>) -> FileSet {
        self.files([path])
    }

    /// Files of the image.
    pub fn files<P: Into<String>>(&self, paths: impl IntoIterator<Item = P>) -> FileSet {
        FileSet::new(Origin::Image(self.image.clone()), paths)
    }

    /// What is in a directory of the image.
    pub fn dir(&self, path: impl Into<String>) -> FileSet {
        self.files([path])
    }
}

/// A tree of files that comes from outside: a context.
#[derive(Clone, Debug)]
pub struct Source {
    origin: Origin,
}

impl Source {
    /// One file. `file` and `dir` say to readers what is meant; what a path is, the context decides.
    pub fn file(&self, path: impl Into<String>) -> FileSet {
        self.files([path])
    }

    /// Several files. They go into a directory: end the destination with a slash.
    pub fn files<P: Into<String>>(&self, paths: impl IntoIterator<Item = P>) -> FileSet {
        FileSet::new(self.origin.clone(), paths)
    }

    /// What is in a directory.
    pub fn dir(&self, path: impl Into<String>) -> FileSet {
        self.files([path])
    }

    /// Everything.
    #[must_use]
    pub fn all(&self) -> FileSet {
        self.files(["."])
    }
}

/// A commit of a git repository.
#[derive(Clone, Debug)]
pub struct Git {
    git: plan::Git,
}

impl Git {
    /// Only if it is this commit, in hexadecimal; without it, whatever the ref is when it is built.
    #[must_use]
    pub fn checksum(mut self, commit: impl Into<String>) -> Self {
        self.git.checksum = Some(commit.into());
        self
    }

    /// With `.git`: for what asks git for a version.
    #[must_use]
    pub fn keep_git_dir(mut self) -> Self {
        self.git.keep_git_dir = true;
        self
    }

    /// One file.
    pub fn file(&self, path: impl Into<String>) -> FileSet {
        self.files([path])
    }

    /// Several files. They go into a directory: end the destination with a slash.
    pub fn files<P: Into<String>>(&self, paths: impl IntoIterator<Item = P>) -> FileSet {
        FileSet::new(Origin::Git(self.git.clone()), paths)
    }

    /// What is in a directory.
    pub fn dir(&self, path: impl Into<String>) -> FileSet {
        self.files([path])
    }

    /// Everything.
    #[must_use]
    pub fn all(&self) -> FileSet {
        self.files(["/"])
    }
}

/// What a stage can start from: an image, or [`Scratch`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not where a stage can start",
    label = "expected an image's name, `b.image(…)` or `Scratch`",
    note = "a stage starts from another stage by that stage's method: `base.runtime(\"name\")`"
)]
pub trait StartsFrom {
    #[doc(hidden)]
    fn origin(self) -> Origin;
}

#[diagnostic::do_not_recommend]
impl StartsFrom for &str {
    fn origin(self) -> Origin {
        self.to_owned().origin()
    }
}

#[diagnostic::do_not_recommend]
impl StartsFrom for String {
    fn origin(self) -> Origin {
        Origin::Image(plan::Image { name: self, on: OnPlatform::Target })
    }
}

#[diagnostic::do_not_recommend]
impl StartsFrom for Image {
    fn origin(self) -> Origin {
        Origin::Image(self.image)
    }
}

#[diagnostic::do_not_recommend]
impl StartsFrom for &Image {
    fn origin(self) -> Origin {
        self.clone().origin()
    }
}

#[diagnostic::do_not_recommend]
impl StartsFrom for Scratch {
    fn origin(self) -> Origin {
        Origin::Scratch
    }
}
