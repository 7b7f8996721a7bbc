//! Names of images in registries, from the short form that people write to the full one that LLB carries.
//!
//! The grammar and the rules are those of `github.com/distribution/reference` v0.6, which BuildKit v0.34 uses:
//! a first component is a registry only if it is `localhost` or has a dot, a colon or a capital letter; else
//! the registry is `docker.io`, and a single component there belongs to `library/`. A name without tag and
//! digest gets the tag `latest`.

use std::fmt;
use std::str::FromStr;

const DEFAULT_DOMAIN: &str = "docker.io";
const LEGACY_DOMAIN: &str = "index.docker.io";
const OFFICIAL_PREFIX: &str = "library/";
const DEFAULT_TAG: &str = "latest";
/// Of the path below the registry.
const PATH_MAX: usize = 255;
const TAG_MAX: usize = 128;

/// The full name of an image: registry, path, and a tag or a digest or both.
///
/// Displayed in full, `docker.io/library/debian:bookworm-slim`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a text is no name of an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageRefError {
    /// Nothing at all.
    #[error("an image name is empty")]
    Empty,
    /// 64 hexadecimal digits, which mean the id of a local image elsewhere.
    #[error("image name {text:?} is an image id: a registry has names only")]
    Id {
        /// What was given.
        text: String,
    },
    /// A capital letter in the path.
    #[error("image name {text:?} has capital letters in {path:?}: a repository is lower case")]
    Uppercase {
        /// What was given.
        text: String,
        /// The path below the registry.
        path: String,
    },
    /// More than 255 characters.
    #[error("image name {text:?} has a path of {length} characters, more than 255")]
    TooLong {
        /// What was given.
        text: String,
        /// Its length.
        length: usize,
    },
    /// Something that is no registry host with an optional port.
    #[error("image name {text:?} has {domain:?} where a registry such as example.com:5000 is expected")]
    Domain {
        /// What was given.
        text: String,
        /// The part at fault.
        domain: String,
    },
    /// Something that is no path.
    #[error(
        "image name {text:?} has {path:?} where a path of lower-case letters and digits, separated by one of \
         `.`, `_`, `__` or dashes, is expected"
    )]
    Path {
        /// What was given.
        text: String,
        /// The part at fault.
        path: String,
    },
    /// Something that is no tag.
    #[error(
        "image name {text:?} has {tag:?} where a tag of up to 128 letters, digits, `_`, `.` and `-` is expected"
    )]
    Tag {
        /// What was given.
        text: String,
        /// The part at fault.
        tag: String,
    },
    /// Something that is no digest.
    #[error(
        "image name {text:?} has {digest:?} where a digest such as sha256: and 64 hexadecimal digits is expected"
    )]
    Digest {
        /// What was given.
        text: String,
        /// The part at fault.
        digest: String,
    },
}

impl ImageRef {
    /// The registry's host and port.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository below the registry: `library/debian`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The registry and the repository: `docker.io/library/debian`.
    #[must_use]
    pub fn repository(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The tag; `latest` if the text had neither tag nor digest.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, `sha256:…`.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The same image pinned to the digest of a manifest; the tag stays.
    ///
    /// Gives an error if this is no digest.
    pub fn with_digest(&self, digest: &str) -> Result<Self, ImageRefError> {
        if !is_digest(digest) {
            return Err(ImageRefError::Digest { text: self.to_string(), digest: digest.to_owned() });
        }
        Ok(Self { digest: Some(digest.to_owned()), ..self.clone() })
    }

    /// The short form that people write: `debian:bookworm-slim`. The tag stays, even `latest`.
    #[must_use]
    pub fn familiar(&self) -> String {
        let name = if self.domain == DEFAULT_DOMAIN {
            match self.path.strip_prefix(OFFICIAL_PREFIX) {
                Some(official) if !official.contains('/') => official.to_owned(),
                _ => self.path.clone(),
            }
        } else {
            self.repository()
        };
        name + &self.suffix()
    }

    fn suffix(&self) -> String {
        let tag = self.tag.iter().flat_map(|tag| [":", tag]);
        let digest = self.digest.iter().flat_map(|digest| ["@", digest]);
        tag.chain(digest).collect()
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.domain, self.path, self.suffix())
    }
}

impl FromStr for ImageRef {
    type Err = ImageRefError;

    fn from_str(text: &str) -> Result<Self, ImageRefError> {
        let own = || text.to_owned();
        if text.is_empty() {
            return Err(ImageRefError::Empty);
        }
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(ImageRefError::Id { text: own() });
        }
        let (name, digest) = match text.split_once('@') {
            None => (text, None),
            Some((name, digest)) if is_digest(digest) => (name, Some(digest.to_owned())),
            Some((_, digest)) => {
                return Err(ImageRefError::Digest { text: own(), digest: digest.to_owned() });
            }
        };
        let (domain, rest) = split_domain(name);
        if !is_domain(domain) {
            return Err(ImageRefError::Domain { text: own(), domain: domain.to_owned() });
        }
        let (path, tag) = match rest.split_once(':') {
            None => (rest, None),
            Some((path, tag)) if is_tag(tag) => (path, Some(tag.to_owned())),
            Some((_, tag)) => {
                return Err(ImageRefError::Tag { text: own(), tag: tag.to_owned() });
            }
        };
        if path.to_lowercase() != path {
            return Err(ImageRefError::Uppercase { text: own(), path: path.to_owned() });
        }
        if !path.split('/').all(is_path_component) {
            return Err(ImageRefError::Path { text: own(), path: path.to_owned() });
        }
        let path = if domain == DEFAULT_DOMAIN && !path.contains('/') {
            format!("{OFFICIAL_PREFIX}{path}")
        } else {
            path.to_owned()
        };
        if path.len() > PATH_MAX {
            return Err(ImageRefError::TooLong { text: own(), length: path.len() });
        }
        let tag = tag.or_else(|| digest.is_none().then(|| DEFAULT_TAG.to_owned()));
        Ok(Self { domain: domain.to_owned(), path, tag, digest })
    }
}

/// The registry that a name means, and what follows it.
fn split_domain(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((LEGACY_DOMAIN, rest)) => (DEFAULT_DOMAIN, rest),
        Some((first, rest))
            if first == "localhost" || first.contains(['.', ':']) || first.to_lowercase() != first =>
        {
            (first, rest)
        }
        _ => (DEFAULT_DOMAIN, name),
    }
}

/// A host name, an IPv4 address or an IPv6 address in brackets, with an optional port.
fn is_domain(domain: &str) -> bool {
    let (is_host, port) = match domain.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            let is_address = |b: u8| b.is_ascii_hexdigit() || b == b':';
            (!address.is_empty() && address.bytes().all(is_address), port)
        }
        None => {
            let (host, port) = domain.split_at(domain.find(':').unwrap_or(domain.len()));
            (host.split('.').all(is_domain_component), port)
        }
    };
    is_host && (port.is_empty() || port.strip_prefix(':').is_some_and(is_number))
}

fn is_domain_component(component: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    !component.is_empty()
        && component.bytes().all(is_inner)
        && !component.starts_with('-')
        && !component.ends_with('-')
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Runs of lower-case letters and digits; between two of them `.`, `_`, `__` or any number of dashes.
fn is_path_component(component: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends_well = |b: Option<u8>| b.is_some_and(is_inner);
    if !ends_well(component.bytes().next()) || !ends_well(component.bytes().next_back()) {
        return false;
    }
    component
        .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= TAG_MAX
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|b| is_word(b) || b == b'.' || b == b'-')
}

/// An algorithm that registries use, with as many lower-case hexadecimal digits as it has.
pub(crate) fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return false;
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn check(text: &str, full: &str, familiar: &str) {
        let image: ImageRef = text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(image.to_string(), full, "{text:?}");
        assert_eq!(image.familiar(), familiar, "{text:?}");
        assert_eq!(full.parse(), Ok(image.clone()), "{text:?}");
        assert_eq!(familiar.parse(), Ok(image), "{text:?}");
    }

    #[test]
    fn names_are_made_full_and_familiar() {
        check("busybox", "docker.io/library/busybox:latest", "busybox:latest");
        check("busybox:1", "docker.io/library/busybox:1", "busybox:1");
        check("library/busybox", "docker.io/library/busybox:latest", "busybox:latest");
        check("docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest");
        check("docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest");
        check("index.docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest");
        check("index.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest");
        check("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest");
        check("moby/buildkit:v0.34.2", "docker.io/moby/buildkit:v0.34.2", "moby/buildkit:v0.34.2");
        check("a/b/c/d", "docker.io/a/b/c/d:latest", "a/b/c/d:latest");
        check("localhost/a", "localhost/a:latest", "localhost/a:latest");
        check("localhost:5000/a:b", "localhost:5000/a:b", "localhost:5000/a:b");
        check("example.com/a", "example.com/a:latest", "example.com/a:latest");
        check("example.com:80/a", "example.com:80/a:latest", "example.com:80/a:latest");
        check("127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b:c");
        check("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest");
        check("[2001:db8::1]/a", "[2001:db8::1]/a:latest", "[2001:db8::1]/a:latest");
        check("UPPER/a", "UPPER/a:latest", "UPPER/a:latest");
        check("xn--n3h.com/a", "xn--n3h.com/a:latest", "xn--n3h.com/a:latest");
        check("a.b_c__d---e", "docker.io/library/a.b_c__d---e:latest", "a.b_c__d---e:latest");
        check("a:_T.a-g", "docker.io/library/a:_T.a-g", "a:_T.a-g");
    }

    #[test]
    fn a_digest_stands_for_itself_or_beside_a_tag() {
        check(
            &format!("busybox@{DIGEST}"),
            &format!("docker.io/library/busybox@{DIGEST}"),
            &format!("busybox@{DIGEST}"),
        );
        check(&format!("a.io/b:c@{DIGEST}"), &format!("a.io/b:c@{DIGEST}"), &format!("a.io/b:c@{DIGEST}"));
        let image: ImageRef = "busybox".parse().unwrap();
        let pinned = image.with_digest(DIGEST).unwrap();
        assert_eq!(pinned.to_string(), format!("docker.io/library/busybox:latest@{DIGEST}"));
        assert_eq!((pinned.tag(), pinned.digest()), (Some("latest"), Some(DIGEST)));
        assert!(image.with_digest("sha256:00").is_err());
    }

    #[test]
    fn other_texts_are_refused() {
        let long = format!("a.io/{}", "a".repeat(256));
        let tag = format!("a:{}", "t".repeat(129));
        for (text, expected) in [
            ("", "empty"),
            (&DIGEST[7..], "image id"),
            ("Busybox", "lower case"),
            ("docker.io/a/B", "lower case"),
            (&long, "256 characters"),
            ("-a.io/b", "a registry such as"),
            ("a.io:/b", "a registry such as"),
            ("a.io:x/b", "a registry such as"),
            ("a..io/b", "a registry such as"),
            ("[::g]/b", "a registry such as"),
            ("[]/b", "a path of"),
            ("[]:5/b", "a registry such as"),
            (" busybox", "a path of"),
            ("a//b", "a path of"),
            ("a/", "a path of"),
            ("/a", "a path of"),
            ("a___b", "a path of"),
            ("a..b", "a path of"),
            ("a-", "a path of"),
            ("é", "a path of"),
            ("a:", "a tag of"),
            ("a:.b", "a tag of"),
            ("a:b:c", "a tag of"),
            (&tag, "a tag of"),
            ("a@", "a digest such as"),
            ("a@sha256:00", "a digest such as"),
            ("a@md5:00000000000000000000000000000000", "a digest such as"),
        ] {
            let error = text.parse::<ImageRef>().expect_err(text).to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
