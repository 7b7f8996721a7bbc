//! Files that a step copies or writes.

use super::role::{Role, TakesJudged};
use crate::plan::{Copy, Http, Origin};

/// Files of a context, an image or a repository.
///
/// Its patterns narrow what is copied of a directory; they follow `.dockerignore`'s rules and apply on top of it.
#[derive(Clone, Debug)]
pub struct FileSet {
    copy: Copy,
}

/// A file of a web server.
#[derive(Clone, Debug)]
pub struct Download {
    copy: Copy,
}

/// Files that a deps or builder stage made.
#[derive(Clone, Debug)]
pub struct Artifact {
    copy: Copy,
}

/// The reports of a tester, each at its own path: for people and for other testers.
///
/// They are there also when the tester failed; its verdict does not come with them, and what it had not made is not there.
///
/// A tester whose reports are taken needs `/bin/sh`: its commands are run by a script that keeps what a failed one leaves,
/// skips those behind it, and has the verdict told by a step of its own. So a failure is cached as a success is:
/// `--no-cache-filter TESTER` runs it again. The daemon must be able to (`exec.validexitcode`).
#[derive(Clone, Debug)]
pub struct Reports {
    copy: Copy,
}

/// The whole filesystem of an image: for testers, which judge what ships.
#[derive(Clone, Debug)]
pub struct Root {
    copy: Copy,
}

impl FileSet {
    pub(super) fn new<P: Into<String>>(from: Origin, paths: impl IntoIterator<Item = P>) -> Self {
        Self { copy: Copy::new(from, paths.into_iter().map(Into::into).collect(), "") }
    }
}

impl Download {
    pub(super) fn new(url: String) -> Self {
        let http = Http { url, checksum: None };
        let path = http.file_name().to_owned();
        Self { copy: Copy::new(Origin::Http(http), vec![path], "") }
    }

    /// Only if it has this digest, as in `sha256:…`; without it, whatever the server answers.
    #[must_use]
    pub fn checksum(mut self, digest: impl Into<String>) -> Self {
        if let Origin::Http(http) = &mut self.copy.from {
            http.checksum = Some(digest.into());
        }
        self
    }
}

impl Artifact {
    pub(super) fn new(stage: String, path: String) -> Self {
        Self { copy: Copy::new(Origin::Stage(stage), vec![path], "") }
    }

    pub(super) fn copy(self) -> Copy {
        self.copy
    }
}

impl Reports {
    pub(super) fn new(tester: String) -> Self {
        Self { copy: Copy::new(Origin::Reports(tester), vec!["/".to_owned()], "") }
    }
}

impl Root {
    pub(super) fn new(image: String) -> Self {
        Self { copy: Copy::new(Origin::Root(image), vec!["/".to_owned()], "") }
    }
}

macro_rules! options {
    ($type:ident) => {
        impl $type {
            /// Only what matches one of these patterns.
            #[must_use]
            pub fn include<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
                self.copy.include.extend(patterns.into_iter().map(Into::into));
                self
            }

            /// Nothing that matches one of these patterns.
            #[must_use]
            pub fn exclude<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
                self.copy.exclude.extend(patterns.into_iter().map(Into::into));
                self
            }

            /// Owned by this user (name or id), with `:group` if wanted; without it, by root.
            #[must_use]
            pub fn owner(mut self, owner: impl Into<String>) -> Self {
                self.copy.owner = Some(owner.into());
                self
            }

            /// With these permission bits; without them, as they are.
            #[must_use]
            pub fn mode(mut self, mode: u32) -> Self {
                self.copy.mode = Some(mode);
                self
            }

            /// Passing over paths that are not there.
            #[must_use]
            pub fn optional(mut self) -> Self {
                self.copy.optional = true;
                self
            }

            /// With the directories above each path; of `a/./b/c`, with those after the dot.
            #[must_use]
            pub fn parents(mut self) -> Self {
                self.copy.parents = true;
                self
            }

            /// As a layer of its own, which does not depend on what is below it: it stays when a new base comes.
            ///
            /// A link at the destination is not followed then, and an owner is given by ids.
            #[must_use]
            pub fn link(mut self) -> Self {
                self.copy.link = true;
                self
            }

            /// With the files of an archive in place of the archive: tar, also compressed.
            #[must_use]
            pub fn unpack(mut self) -> Self {
                self.copy.unpack = true;
                self
            }
        }
    };
}

options!(FileSet);
options!(Download);
options!(Artifact);

/// What can be copied into a stage of role `R`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something to copy",
    label = "expected files of a context (`src.dir(…)`), of an image (`b.image(…).file(…)`) or an artifact",
    note = "a stage is not copied whole: `stage.artifact(\"/app/dist\")`"
)]
pub trait CopyInto<R: Role> {
    #[doc(hidden)]
    fn copy_to(self, to: String) -> Copy;
}

macro_rules! copied {
    ($($(#[$attribute:meta])* $type:ident: $role:ident)*) => {$(
        $(#[$attribute])*
        impl<R: $role> CopyInto<R> for $type {
            fn copy_to(self, to: String) -> Copy {
                Copy { to, ..self.copy }
            }
        }

        $(#[$attribute])*
        impl<R: $role> CopyInto<R> for &$type {
            fn copy_to(self, to: String) -> Copy {
                Copy { to, ..self.copy.clone() }
            }
        }
    )*};
}

copied! {
    #[diagnostic::do_not_recommend]
    FileSet: Role
    #[diagnostic::do_not_recommend]
    Download: Role
    #[diagnostic::do_not_recommend]
    Artifact: Role
    // Recommended, so that the compiler names what their bound wants.
    Reports: TakesJudged
    Root: TakesJudged
}

/// What a command can read at a path while it runs: files of a context, an image or another stage.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something to mount",
    label = "expected one file or directory: `src.dir(…)`, `stage.artifact(…)`, `image.root()`",
    note = "a stage is not mounted whole: `stage.artifact(\"/app/dist\")`"
)]
pub trait Bind {
    #[doc(hidden)]
    fn origin(self) -> (Origin, Vec<String>);
}

macro_rules! bound {
    ($($type:ident)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Bind for $type {
            fn origin(self) -> (Origin, Vec<String>) {
                (self.copy.from, self.copy.paths)
            }
        }

        #[diagnostic::do_not_recommend]
        impl Bind for &$type {
            fn origin(self) -> (Origin, Vec<String>) {
                self.clone().origin()
            }
        }
    )*};
}

bound!(FileSet Download Artifact Reports Root);

/// What a file is to hold, with its mode and owner.
#[derive(Clone, Debug)]
pub struct Text {
    pub(super) text: String,
    pub(super) mode: u32,
    pub(super) owner: Option<String>,
}

/// The text of a file: readable by all, owned by root.
pub fn text(text: impl Into<String>) -> Text {
    Text { text: text.into(), mode: 0o644, owner: None }
}

impl Text {
    /// With these permission bits.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Owned by this user (name or id), with `:group` if wanted.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }
}

/// What a file can hold: a text, or [`text`] with mode and owner.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a file can hold",
    label = "expected a text: `\"…\"`, `include_str!(…)` or `text(…).mode(0o755)`",
    note = "a secret is mounted, never written: `sh(…).secret_file(\"/run/secrets/name\", &secret)`"
)]
pub trait Contents {
    #[doc(hidden)]
    fn contents(self) -> Text;
}

#[diagnostic::do_not_recommend]
impl Contents for &str {
    fn contents(self) -> Text {
        text(self)
    }
}

#[diagnostic::do_not_recommend]
impl Contents for String {
    fn contents(self) -> Text {
        text(self)
    }
}

#[diagnostic::do_not_recommend]
impl Contents for Text {
    fn contents(self) -> Text {
        self
    }
}
