//! What is done with an image once it is built.

mod error;
mod kind;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use error::OutputError;
pub use kind::OutputKind;

/// What takes the place of the target's name in a destination.
const PLACEHOLDER: &str = "{target}";

/// What is done with an image: where it goes, in which form.
///
/// Written as for `docker buildx build --output`: `type=oci,dest=app.tar`, or a directory alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub(super) kind: OutputKind,
    pub(super) dest: Option<Dest>,
    pub(super) attrs: BTreeMap<String, String>,
}

/// Where files of an output go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dest {
    /// A file or a directory.
    Path(PathBuf),
    /// The standard output, as the bytes come.
    Stdout,
}

/// Attributes of `local` that are for this end alone.
pub(super) const LOCAL_ATTRS: [&str; 3] = ["setuid", "devices", "xattrs"];

impl Output {
    /// The image in the daemon's own store.
    #[must_use]
    pub fn image() -> Self {
        Self::new(OutputKind::Image, None)
    }

    /// The image in the registries that its tags name.
    #[must_use]
    pub fn push() -> Self {
        Self::image().attr("push", "true")
    }

    /// The filesystem as a tar file.
    #[must_use]
    pub fn tar(file: impl Into<PathBuf>) -> Self {
        Self::new(OutputKind::Tar, Some(file.into()))
    }

    /// The image in the OCI layout as a tar file.
    #[must_use]
    pub fn oci(file: impl Into<PathBuf>) -> Self {
        Self::new(OutputKind::Oci, Some(file.into()))
    }

    /// The image as `docker load` takes it, as a tar file.
    #[must_use]
    pub fn docker(file: impl Into<PathBuf>) -> Self {
        Self::new(OutputKind::Docker, Some(file.into()))
    }

    /// The filesystem as a directory.
    #[must_use]
    pub fn local(directory: impl Into<PathBuf>) -> Self {
        Self::new(OutputKind::Local, Some(directory.into()))
    }

    /// Nothing: the image stays in the daemon's cache.
    #[must_use]
    pub fn cache_only() -> Self {
        Self::new(OutputKind::CacheOnly, None)
    }

    /// Goes to the standard output instead of a file. It gets the bytes as they come and cannot give them back.
    ///
    /// Not for a directory or an image, which have no bytes to give.
    #[must_use]
    pub fn to_stdout(mut self) -> Self {
        self.dest = self.dest.map(|_| Dest::Stdout);
        self
    }

    /// Whether it goes to the standard output.
    #[must_use]
    pub fn is_stdout(&self) -> bool {
        self.dest == Some(Dest::Stdout)
    }

    /// With an attribute of BuildKit's exporter, such as `compression`.
    ///
    /// For a directory `mode=delete` removes what the export does not have, and `setuid`, `devices` and `xattrs`
    /// keep what is not written otherwise: setuid and setgid bits, devices and pipes, and attributes of the system
    /// (`security.*`, `trusted.*`).
    #[must_use]
    pub fn attr(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attrs.insert(key.into(), value.into());
        self
    }

    /// Whether it pushes to a registry.
    #[must_use]
    pub fn pushes(&self) -> bool {
        self.kind == OutputKind::Image && self.attrs.get("push").is_some_and(|push| is_true(push))
    }

    /// Whether it pushes without a tag.
    pub(super) fn pushes_by_digest(&self) -> bool {
        self.attrs.get("push-by-digest").is_some_and(|by_digest| is_true(by_digest))
    }

    /// Whether the destination differs from target to target.
    pub(super) fn is_per_target(&self) -> bool {
        match &self.dest {
            Some(Dest::Path(path)) => path.to_str().is_none_or(|dest| dest.contains(PLACEHOLDER)),
            Some(Dest::Stdout) => false,
            None => true,
        }
    }

    /// Whether what else is in its directory is removed.
    pub(super) fn mirrors(&self) -> Result<bool, OutputError> {
        match self.attrs.get("mode").map(String::as_str) {
            _ if self.kind != OutputKind::Local => Ok(false),
            None | Some("copy") => Ok(false),
            Some("delete") => Ok(true),
            Some(value) => Err(self.wrong_value("mode", value, "copy and delete")),
        }
    }

    /// Whether one of [`LOCAL_ATTRS`] is set.
    pub(super) fn wants(&self, key: &str) -> Result<bool, OutputError> {
        match self.attrs.get(key).map(String::as_str) {
            None => Ok(false),
            Some(value) if is_true(value) => Ok(true),
            Some("0" | "f" | "F" | "false" | "False" | "FALSE") => Ok(false),
            Some(value) => Err(self.wrong_value(key, value, "true and false")),
        }
    }

    fn wrong_value(&self, key: &str, value: &str, known: &'static str) -> OutputError {
        let (output, key, value) = (self.to_string(), key.to_owned(), value.to_owned());
        OutputError::Value { output, key, value, known }
    }

    /// Whether it carries the tags of a target: it has a name, and is not given one of its own.
    pub(super) fn takes_tags(&self) -> bool {
        self.kind.is_named() && !self.attrs.contains_key("name")
    }

    /// The destination for this target.
    pub(super) fn dest_of(&self, target: &str) -> Option<Dest> {
        let replaced = |path: &Path| Some(path.to_str()?.replace(PLACEHOLDER, target));
        Some(match self.dest.as_ref()? {
            Dest::Path(path) => Dest::Path(replaced(path).map_or_else(|| path.clone(), PathBuf::from)),
            Dest::Stdout => Dest::Stdout,
        })
    }

    fn new(kind: OutputKind, dest: Option<PathBuf>) -> Self {
        Self { kind, dest: dest.map(Dest::Path), attrs: BTreeMap::new() }
    }
}

/// As the daemon's own reading of booleans (Go's `strconv.ParseBool`); nothing after the key means yes.
fn is_true(text: &str) -> bool {
    matches!(text, "" | "1" | "t" | "T" | "true" | "True" | "TRUE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_name_stands_in_its_destination() {
        let output = Output::tar("out/{target}/{target}.tar");
        assert!(output.is_per_target() && !Output::tar("a.tar").is_per_target());
        assert_eq!(output.dest_of("api"), Some(Dest::Path("out/api/api.tar".into())));
        assert!(!Output::tar("a").to_stdout().is_per_target());
    }
}
