//! Contexts as a build outside a daemon is given them.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use buildkit_client::layout::{Layout, LayoutError};
use buildkit_llb::{LocalIdentity, Platform, PlatformError};
use stagewright_plan::lower::Context;

use crate::driver::contexts::{self, ContextSpec, ContextValue, GivenDirectory, LayoutSpec};

pub use crate::driver::contexts::ContextError;

/// What a context is: a directory of this machine, or, read from text, what docker takes as one.
///
/// As text it is a directory, a git URL, the `http://…` or `https://…` of an archive, `docker-image://NAME` or
/// `oci-layout://PATH[:TAG][@DIGEST]`. Made of a path, it is a directory whatever its name looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextSource(ContextSpec);

/// An OCI layout that is no context.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextLayoutError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] LayoutError),
    /// Nothing in it has the name.
    #[error("{layout} has no image `{tag}`: its index names {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    Tag {
        /// The layout's path.
        layout: String,
        /// What was asked for.
        tag: String,
        /// What there is.
        known: Vec<String>,
    },
}

impl ContextSource {
    /// The directory that it is, if it is one.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        match &self.0 {
            ContextSpec::Directory(path) => Some(Path::new(path)),
            _ => None,
        }
    }

    /// The layout of it, with the digest of the image that is meant, if it is one. Blocks.
    pub(super) fn layout(&self) -> Option<Result<(Layout, String), ContextLayoutError>> {
        match &self.0 {
            ContextSpec::OciLayout(layout) => Some(open(layout)),
            _ => None,
        }
    }

    /// What the driver is told, with the digest of what is in a layout.
    pub(super) fn value(
        &self,
        name: &str,
        session: &str,
        identity: &LocalIdentity,
        digest: Option<&String>,
    ) -> ContextValue {
        match &self.0 {
            ContextSpec::Git(source) => ContextValue::Known(Context::Git(source.clone())),
            ContextSpec::Http(url) => ContextValue::Http { url: url.clone(), subdir: String::new() },
            ContextSpec::Image(image) => ContextValue::Image(image.clone()),
            ContextSpec::Empty => ContextValue::Known(Context::Empty),
            ContextSpec::OciLayout(_) => ContextValue::OciLayout {
                session: session.to_owned(),
                store: store(name),
                digest: digest.cloned().unwrap_or_default(),
            },
            ContextSpec::Directory(_) | ContextSpec::Local(_) | ContextSpec::Input(_) => {
                ContextValue::Local(GivenDirectory {
                    name: name.to_owned(),
                    session: session.to_owned(),
                    identity: identity.clone(),
                    shared_key: String::new(),
                    ignore: None,
                })
            }
        }
    }
}

/// The name of a context, and the only platform that it is for, if it is written as `NAME::OS/ARCH`.
pub(super) fn name_and_platform(given: &str) -> Result<(&str, Option<Platform>), PlatformError> {
    match given.split_once("::") {
        None => Ok((given, None)),
        Some((name, platform)) => Ok((name, Some(platform.parse::<Platform>()?.normalized()))),
    }
}

/// The name under which the session serves the layout of a context.
pub(super) fn store(context: &str) -> String {
    format!("context-{context}")
}

fn open(spec: &LayoutSpec) -> Result<(Layout, String), ContextLayoutError> {
    let layout = Layout::open(&spec.layout)?;
    if let Some(digest) = &spec.digest {
        return Ok((layout, digest.clone()));
    }
    let tag = spec.tag.as_deref().unwrap_or("latest");
    if let Some(found) = layout.find(tag)? {
        return Ok((layout, found.digest.to_string()));
    }
    let manifests = layout.manifests()?;
    // An image that is alone needs no name.
    if let ([only], None) = (manifests.as_slice(), &spec.tag) {
        return Ok((layout, only.digest.to_string()));
    }
    let names = manifests
        .iter()
        .filter_map(|manifest| manifest.annotations.get("org.opencontainers.image.ref.name"));
    let known = names.cloned().collect();
    Err(ContextLayoutError::Tag { layout: spec.layout.clone(), tag: tag.to_owned(), known })
}

impl FromStr for ContextSource {
    type Err = ContextError;

    fn from_str(text: &str) -> Result<Self, ContextError> {
        match contexts::parse(text)? {
            ContextSpec::Local(_) | ContextSpec::Input(_) => Err(ContextError::Inside(text.to_owned())),
            spec => Ok(Self(spec)),
        }
    }
}

impl From<PathBuf> for ContextSource {
    fn from(path: PathBuf) -> Self {
        Self(ContextSpec::Directory(path.to_string_lossy().into_owned()))
    }
}

impl From<&Path> for ContextSource {
    fn from(path: &Path) -> Self {
        path.to_owned().into()
    }
}

impl From<&PathBuf> for ContextSource {
    fn from(path: &PathBuf) -> Self {
        path.clone().into()
    }
}

impl From<&str> for ContextSource {
    fn from(path: &str) -> Self {
        Path::new(path).into()
    }
}

impl From<String> for ContextSource {
    fn from(path: String) -> Self {
        PathBuf::from(path).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_may_be_for_one_platform() {
        assert_eq!(name_and_platform("docs").unwrap(), ("docs", None));
        let arm = Platform::new("linux", "arm64");
        assert_eq!(name_and_platform("docs::linux/aarch64").unwrap(), ("docs", Some(arm)));
        assert!(name_and_platform("docs::").is_err() && name_and_platform("docs::arm64").is_err());
    }

    #[test]
    fn a_text_may_be_more_than_a_directory() {
        let directory = |source: &ContextSource| source.directory().map(Path::to_owned);
        assert_eq!(directory(&"a/b".parse().unwrap()), Some(PathBuf::from("a/b")));
        assert_eq!(directory(&"https://h/a.git".parse().unwrap()), None);
        assert_eq!(
            directory(&ContextSource::from("https://h/a.git")),
            Some(PathBuf::from("https://h/a.git"))
        );
        let error = "input:x".parse::<ContextSource>().unwrap_err().to_string();
        assert!(error.contains("only inside a daemon"), "{error}");
    }
}
