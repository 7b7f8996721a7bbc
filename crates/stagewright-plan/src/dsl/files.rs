//! Files that a step copies or writes.

use std::fmt::Debug;

use super::role::Role;
use crate::plan::{Copy, Origin};

/// Files of a context or an image.
///
/// Its patterns narrow what is copied of a directory; they follow `.dockerignore`'s rules and apply on top of it.
#[derive(Clone, Debug)]
pub struct FileSet {
    copy: Copy,
}

/// Files that a deps or builder stage made.
#[derive(Clone, Debug)]
pub struct Artifact {
    copy: Copy,
}

impl FileSet {
    pub(super) fn new<P: Into<String>>(from: Origin, paths: impl IntoIterator<Item = P>) -> Self {
        Self { copy: files(from, paths.into_iter().map(Into::into).collect()) }
    }
}

impl Artifact {
    pub(super) fn new(stage: String, path: String) -> Self {
        Self { copy: files(Origin::Stage(stage), vec![path]) }
    }
}

macro_rules! narrowing {
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
        }
    };
}

narrowing!(FileSet);
narrowing!(Artifact);

fn files(from: Origin, paths: Vec<String>) -> Copy {
    Copy { from, paths, to: String::new(), include: Vec::new(), exclude: Vec::new(), owner: None, mode: None }
}

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
    ($($type:ident)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<R: Role> CopyInto<R> for $type {
            fn copy_to(self, to: String) -> Copy {
                Copy { to, ..self.copy }
            }
        }

        #[diagnostic::do_not_recommend]
        impl<R: Role> CopyInto<R> for &$type {
            fn copy_to(self, to: String) -> Copy {
                Copy { to, ..self.copy.clone() }
            }
        }
    )*};
}

copied!(FileSet Artifact);

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

impl Artifact {
    /// Where it comes from, and its path there: what a bind mount takes.
    pub(super) fn origin(&self) -> (Origin, String) {
        (self.copy.from.clone(), self.copy.paths.concat())
    }
}
