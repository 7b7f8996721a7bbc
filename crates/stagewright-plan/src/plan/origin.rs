//! Where files come from: images, stages, contexts, repositories, web servers.

use buildkit_llb::{Digest, DigestError, GitSource, GitUrl, GitUrlError, HttpSource};
use serde::{Deserialize, Serialize};

use crate::lock::{self, LockKey};

/// Where a stage starts, or what a step copies from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Nothing: an empty filesystem.
    Scratch,
    /// An image of a registry.
    Image(Image),
    /// Another stage, by name.
    Stage(String),
    /// A context, by name: files of the person who builds.
    Context(String),
    /// A commit of a git repository.
    Git(Git),
    /// A file of a web server.
    Http(Http),
    /// The reports of a tester, by its name: they are there also when it failed.
    Reports(String),
    /// An image of this Plan with everything in it, by its stage's name: for testers.
    Root(String),
}

impl Origin {
    /// The stage that this is of, by name.
    #[must_use]
    pub fn stage(&self) -> Option<&str> {
        match self {
            Self::Stage(name) | Self::Reports(name) | Self::Root(name) => Some(name),
            Self::Scratch | Self::Image(_) | Self::Context(_) | Self::Git(_) | Self::Http(_) => None,
        }
    }
}

/// An image of a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Its name as written, as in `node:18-slim`.
    pub name: String,
    /// The platform that is taken of it.
    #[serde(default, skip_serializing_if = "OnPlatform::is_target")]
    pub on: OnPlatform,
}

/// The platform that an image is taken for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnPlatform {
    /// The platform that is built for.
    #[default]
    Target,
    /// The platform that builds: for tools.
    Build,
    /// This one, as in `linux/arm64`.
    Named(String),
}

impl OnPlatform {
    fn is_target(&self) -> bool {
        *self == Self::Target
    }
}

/// A commit of a git repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Git {
    /// The repository, with `#ref:directory` if wanted, as `ADD` of a Dockerfile takes it.
    pub url: String,
    /// The commit that it must be, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// Whether `.git` is there, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_git_dir: bool,
}

impl Git {
    /// The name under which it is locked.
    ///
    /// # Panics
    ///
    /// If its URL is none, which no checked Plan has.
    #[must_use]
    pub fn lock_key(&self) -> LockKey {
        LockKey::git(&self.url.parse().expect("a checked Plan has git URLs only"))
    }

    /// The commit that is written: as its checksum, or as its ref.
    #[must_use]
    pub fn written_commit(&self) -> Option<String> {
        let commit = || self.url.parse::<GitUrl>().ok().map(|url| url.git_ref().to_owned());
        self.checksum
            .clone()
            .or_else(|| commit().filter(|commit| lock::is_commit(commit)))
    }

    /// The op's source.
    ///
    /// # Errors
    ///
    /// What is no URL of a repository.
    pub(crate) fn source(&self) -> Result<GitSource, GitUrlError> {
        let mut source = GitSource::new(self.url.parse::<GitUrl>()?);
        source.checksum = self.checksum.clone().unwrap_or_default();
        source.keep_git_dir = self.keep_git_dir;
        Ok(source)
    }
}

/// A file of a web server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Its URL.
    pub url: String,
    /// The digest that it must have, as in `sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

impl Http {
    /// The op's source.
    ///
    /// # Errors
    ///
    /// A checksum that is no digest.
    pub(crate) fn source(&self) -> Result<HttpSource, DigestError> {
        let mut source = HttpSource::new(&self.url);
        self.file_name().clone_into(&mut source.file.name);
        source.checksum = self.checksum.as_ref().map(|digest| digest.parse::<Digest>()).transpose()?;
        Ok(source)
    }

    /// What the file is called: the last part of the URL's path, as in a Dockerfile.
    #[must_use]
    pub fn file_name(&self) -> &str {
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        match path.map(|(_, path)| path.trim_end_matches('/')) {
            None | Some("") => "__unnamed__",
            Some(path) => path.rsplit('/').next().unwrap_or(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_server_is_called_by_the_end_of_its_path() {
        let check = |url: &str, expected: &str| {
            assert_eq!(Http { url: url.to_owned(), checksum: None }.file_name(), expected, "{url}");
        };
        check("https://example.com/a/tool.tar.gz", "tool.tar.gz");
        check("https://example.com/a/tool.tar.gz?token=x/y", "tool.tar.gz");
        check("https://example.com/a/", "a");
        check("https://example.com", "__unnamed__");
        check("https://example.com/", "__unnamed__");
    }
}
