//! Caches outside the daemon, that a build looks into and writes to.

use std::collections::BTreeMap;
use std::str::FromStr;

use buildkit_client::CacheExport;
use buildkit_client::layout::{Descriptor, Layout, LayoutError, Name};
use buildkit_gateway::CacheImport;

use super::fields::fields;

/// What a cache in a directory is called there if nothing else is said.
const DEFAULT_TAG: &str = "latest";

/// A cache outside the daemon, written as for docker: `type=registry,ref=registry.example/app:cache`, or the name
/// alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    kind: String,
    attrs: BTreeMap<String, String>,
}

/// A text that is no cache.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// Something that is no `key=value`.
    #[error("`{field}` in cache `{text}` is not of the form key=value")]
    Field {
        /// The cache.
        text: String,
        /// The part at fault.
        field: String,
    },
    /// It does not say what it is.
    #[error("cache `{0}` has no type: registry, local, inline, gha, s3 and azblob are known")]
    NoType(String),
    /// A quote without its end.
    #[error("cache `{0}` has a quote that does not end")]
    Quote(String),
    /// A form without what it needs.
    #[error("cache `{text}` has no `{key}`: add {key}=…")]
    Missing {
        /// The cache.
        text: String,
        /// What is missing.
        key: &'static str,
    },
}

/// A directory with a cache that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheLayoutError {
    /// It cannot be read or written.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Nothing in it has the name.
    #[error("{path} has no cache `{tag}`")]
    Tag {
        /// The directory.
        path: String,
        /// The name.
        tag: String,
    },
}

impl Cache {
    /// A cache of this kind: `registry`, `local`, `inline`, …
    #[must_use]
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), attrs: BTreeMap::new() }
    }

    /// Adds an attribute, replacing what stood under its key.
    #[must_use]
    pub fn attr(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attrs.insert(key.into(), value.into());
        self
    }

    /// Where it is, if that is not a directory of this machine.
    pub(super) fn elsewhere(&self) -> Option<&str> {
        Some(self.kind.as_str()).filter(|kind| *kind != "local")
    }

    /// Whether it goes into the image itself.
    pub(super) fn is_inline(&self) -> bool {
        self.kind == "inline"
    }

    /// Whether it holds the layers of all steps, not of the result alone.
    pub(super) fn is_whole(&self) -> bool {
        self.attrs.get("mode").is_some_and(|mode| mode == "max")
    }

    fn tag(&self) -> &str {
        self.attrs.get("tag").map_or(DEFAULT_TAG, String::as_str)
    }

    fn path(&self, key: &str) -> Option<&str> {
        self.attrs.get(key).filter(|_| self.kind == "local").map(String::as_str)
    }

    /// The directory that it is read from, if it is one, and what the daemon is told. Blocks.
    pub(super) fn import(&self) -> Result<(Option<Layout>, CacheImport), CacheLayoutError> {
        let mut import = CacheImport { kind: self.kind.clone(), attrs: self.attrs.clone() };
        let Some(path) = self.path("src") else { return Ok((None, import)) };
        let layout = Layout::open(path)?;
        if !self.attrs.contains_key("digest") {
            let tag = self.tag();
            let found = layout.find(tag)?;
            let found =
                found.ok_or_else(|| CacheLayoutError::Tag { path: path.to_owned(), tag: tag.to_owned() })?;
            import.attrs.insert("digest".to_owned(), found.digest.to_string());
        }
        Ok((Some(layout), import))
    }

    /// The directory that it is written to, if it is one. Blocks.
    pub(super) fn directory(&self) -> Result<Option<Layout>, CacheLayoutError> {
        self.path("dest").map(Layout::create).transpose().map_err(Into::into)
    }

    /// What the daemon is told to write.
    pub(super) fn export(&self) -> CacheExport {
        CacheExport { kind: self.kind.clone(), attrs: self.attrs.clone() }
    }

    /// Names what was written to a directory. Blocks.
    pub(super) fn finish(&self, manifest: &Descriptor) -> Result<(), CacheLayoutError> {
        if let Some(layout) = self.directory()? {
            layout.put(manifest, &[Name::Tag(self.tag().to_owned())])?;
        }
        Ok(())
    }

    /// The attribute by which the session is asked for the directory.
    pub(super) fn store(&self, key: &str) -> &str {
        self.path(key).unwrap_or_default()
    }

    /// Checks that what is read from says where it is.
    ///
    /// # Errors
    ///
    /// It does not.
    #[cfg(any(feature = "cli", test))]
    pub(crate) fn check_import(self) -> Result<Self, CacheError> {
        self.need("local", "src")
    }

    /// Checks that what is written to says where it is.
    ///
    /// # Errors
    ///
    /// It does not.
    #[cfg(feature = "cli")]
    pub(crate) fn check_export(self) -> Result<Self, CacheError> {
        self.need("local", "dest")
    }

    #[cfg(any(feature = "cli", test))]
    fn need(self, kind: &str, key: &'static str) -> Result<Self, CacheError> {
        let needed = match self.kind.as_str() {
            "registry" => "ref",
            own if own == kind => key,
            _ => return Ok(self),
        };
        match self.attrs.contains_key(needed) {
            true => Ok(self),
            false => Err(CacheError::Missing { text: format!("type={}", self.kind), key: needed }),
        }
    }
}

impl FromStr for Cache {
    type Err = CacheError;

    fn from_str(text: &str) -> Result<Self, CacheError> {
        if !text.is_empty() && !text.contains(['=', ',']) {
            return Ok(Self::new("registry").attr("ref", text));
        }
        let mut attrs = BTreeMap::new();
        for field in fields(text).ok_or_else(|| CacheError::Quote(text.to_owned()))? {
            let Some((key, value)) = field.split_once('=').filter(|(key, _)| !key.is_empty()) else {
                return Err(CacheError::Field { text: text.to_owned(), field: field.clone() });
            };
            attrs.insert(key.to_lowercase(), value.to_owned());
        }
        let kind = attrs.remove("type").ok_or_else(|| CacheError::NoType(text.to_owned()))?;
        Ok(Self { kind, attrs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_written_as_for_docker() {
        let registry = Cache::new("registry").attr("ref", "r.io/a:cache");
        assert_eq!("r.io/a:cache".parse(), Ok(registry.clone()));
        assert_eq!("type=registry,ref=r.io/a:cache".parse(), Ok(registry));
        let local = Cache::new("local").attr("dest", "a,b").attr("mode", "max");
        assert_eq!("type=local,\"dest=a,b\",mode=max".parse(), Ok(local));
    }

    #[test]
    fn what_does_not_read_is_told() {
        let check = |text: &str, expected: &str| {
            let error = text.parse::<Cache>().and_then(Cache::check_import).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check("ref=a,mode", "`mode` in cache `ref=a,mode` is not of the form key=value");
        check("ref=a", "cache `ref=a` has no type: registry, local, inline, gha, s3 and azblob are known");
        check("type=local", "cache `type=local` has no `src`: add src=…");
        check("type=registry,mode=max", "cache `type=registry` has no `ref`: add ref=…");
    }
}
