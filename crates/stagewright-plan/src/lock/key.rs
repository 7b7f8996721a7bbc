//! What a lock pins: a source by the name that may come to mean something else.

use std::fmt;

use buildkit_llb::{GitUrl, ImageRef};

/// A source, by the name under which it is locked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockKey {
    /// An image that reads or compiles the build file: that of its `syntax` line, a toolchain.
    Frontend(ImageRef),
    /// An image that a stage starts from or copies from.
    Image(ImageRef),
    /// A repository with its ref, as in `https://example.com/tools.git#v1.2`; see [`LockKey::git`].
    Git(String),
    /// The URL of a file, without user name and password.
    Http(String),
}

impl LockKey {
    /// The key of a repository and a ref of it. Directories of one repository have one key.
    #[must_use]
    pub fn git(url: &GitUrl) -> Self {
        let remote = without_password(url.remote());
        Self::Git(match url.git_ref() {
            "" => remote,
            git_ref => format!("{remote}#{git_ref}"),
        })
    }

    /// The key of a file behind a URL.
    #[must_use]
    pub fn http(url: &str) -> Self {
        Self::Http(without_password(url))
    }

    /// The key of an image, and the digest that its name has. None if it is named by its digest alone: then nothing can
    /// come to mean something else.
    #[must_use]
    pub fn image(image: &ImageRef) -> Option<(Self, Option<String>)> {
        let tag = image.tag()?;
        let plain = format!("{}:{tag}", image.repository()).parse().ok()?;
        Some((Self::Image(plain), image.digest().map(str::to_owned)))
    }

    /// The name under which it stands in a lock file.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Frontend(image) | Self::Image(image) => image.familiar(),
            Self::Git(name) | Self::Http(name) => name.clone(),
        }
    }

    /// The section of a lock file in which it stands.
    #[must_use]
    pub fn section(&self) -> &'static str {
        match self {
            Self::Frontend(_) => "frontend",
            Self::Image(_) => "images",
            Self::Git(_) => "git",
            Self::Http(_) => "http",
        }
    }
}

/// What it is and its name, for people.
impl fmt::Display for LockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Frontend(_) => "frontend image",
            Self::Image(_) => "image",
            Self::Git(_) => "repository",
            Self::Http(_) => "file",
        };
        write!(f, "{kind} `{}`", self.name())
    }
}

/// A URL without what stands before the `@` of its host. An ssh user is no secret, and needed.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| *scheme != "ssh") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_named_without_directory_and_password() {
        let check = |url: &str, expected: &str| {
            assert_eq!(LockKey::git(&url.parse().unwrap()).name(), expected, "{url}");
        };
        check("https://example.com/a.git", "https://example.com/a.git");
        check("https://example.com/a.git#v1:docs", "https://example.com/a.git#v1");
        check("https://me:secret@example.com/a.git#v1", "https://example.com/a.git#v1");
        check("git@example.com:a.git#main", "git@example.com:a.git#main");
        check("ssh://git@example.com/a.git", "ssh://git@example.com/a.git");
    }

    #[test]
    fn a_file_is_named_by_its_url_without_password() {
        assert_eq!(LockKey::http("https://a:b@example.com/x?v=1@2").name(), "https://example.com/x?v=1@2");
        assert_eq!(LockKey::http("http://example.com").name(), "http://example.com");
    }

    #[test]
    fn an_image_is_named_by_its_tag() {
        let key = |image: &str| LockKey::image(&image.parse().unwrap()).map(|(key, own)| (key.name(), own));
        assert_eq!(key("node"), Some(("node:latest".to_owned(), None)));
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(key(&format!("node:18@{digest}")), Some(("node:18".to_owned(), Some(digest.clone()))));
        assert_eq!(key(&format!("node@{digest}")), None);
    }
}
