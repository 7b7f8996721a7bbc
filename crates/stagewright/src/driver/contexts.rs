//! Contexts as people give them: `docker-image://…`, a git URL, `oci-layout://…`, a directory.
//!
//! The forms are those of BuildKit v0.34 `frontend/dockerui/namedcontext.go` and `frontend/dockerfile/dfgitutil`.

use std::collections::BTreeMap;

use buildkit_llb::{
    GitMtime, GitSource, GitUrl, GitUrlError, ImageRef, ImageRefError, LocalIdentity, Platform,
};
use stagewright_plan::lower::Context;

/// What a text says that a context is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ContextSpec {
    /// A path: of the machine of the person who builds, if there is such a thing.
    Directory(String),
    /// A directory that the client serves under this name: `local:name`.
    Local(String),
    /// A definition that the client gave under this name: `input:name`.
    Input(String),
    /// A repository.
    Git(Box<GitSource>),
    /// What a server answers.
    Http(String),
    /// An image of a registry.
    Image(ImageRef),
    /// An image of an OCI layout: of the client, by the layout's name there, or of a path.
    OciLayout(LayoutSpec),
    /// `docker-image://scratch`: an empty filesystem.
    Empty,
}

/// An image of an OCI layout: `PATH[:TAG][@DIGEST]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayoutSpec {
    /// The layout's path, or its name in the session.
    pub(crate) layout: String,
    /// The image's tag in the layout.
    pub(crate) tag: Option<String>,
    /// The digest of its manifest or index.
    pub(crate) digest: Option<String>,
}

/// A text that says of no context what it is.
#[cfg_attr(not(feature = "client"), allow(unreachable_pub, reason = "it is public with that feature"))]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// What only a frontend is given.
    #[cfg(feature = "client")]
    #[error("`{0}` is known only inside a daemon: write a directory")]
    Inside(String),
    /// Nothing at all.
    #[error("it is empty: write a directory, a git URL, `docker-image://NAME` or `oci-layout://PATH`")]
    Empty,
    /// An image name that does not read.
    #[error(transparent)]
    Image(#[from] ImageRefError),
    /// A git URL that does not read.
    #[error(transparent)]
    Git(#[from] GitUrlError),
    /// Something behind the question mark of a git URL that means nothing.
    #[error("git URL with `?{0}`: {1}")]
    Query(String, &'static str),
    /// An OCI layout without a name.
    #[error("`oci-layout://` names no layout: write `oci-layout://PATH:TAG` or `oci-layout://PATH@sha256:…`")]
    Layout,
}

/// A context that is given for a build, with where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct GivenContext {
    /// Its name: `context` for the main one.
    pub(crate) name: String,
    /// The only platform that it is for; it goes before one that is for all.
    pub(crate) platform: Option<Platform>,
    /// What it is.
    pub(crate) value: ContextValue,
}

/// What a given context is, as far as that is known before the daemon is asked.
#[derive(Clone, Debug)]
pub(crate) enum ContextValue {
    /// A directory of a client.
    Local(GivenDirectory),
    /// What a server answers. As the main context, an archive is unpacked.
    Http {
        /// The URL.
        url: String,
        /// The directory in the archive; empty for all of it.
        subdir: String,
    },
    /// An image of a registry.
    Image(ImageRef),
    /// An image of an OCI layout of the client.
    OciLayout {
        /// The session that serves it.
        session: String,
        /// Its name in the session.
        store: String,
        /// The digest of the manifest or index.
        digest: String,
    },
    /// Of which nothing has to be asked.
    Known(Context),
}

/// A directory of a client.
#[derive(Clone, Debug)]
pub(crate) struct GivenDirectory {
    /// Its name at the client.
    pub(crate) name: String,
    /// The session that serves it.
    pub(crate) session: String,
    /// What keeps it apart from contexts of other people, in the definitions.
    pub(crate) identity: LocalIdentity,
    /// By what the daemon finds its copy of an earlier build; empty for the context's name.
    pub(crate) shared_key: String,
    /// The ignore file beside the build file, which goes before its own `.dockerignore`.
    pub(crate) ignore: Option<IgnoreFile>,
}

/// A file that says what of a context is not sent.
#[derive(Clone, Debug)]
pub(crate) struct IgnoreFile {
    /// Its name, for errors.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) text: Vec<u8>,
}

/// Reads what a context is.
///
/// # Errors
///
/// A text of a known form that does not read.
pub(crate) fn parse(text: &str) -> Result<ContextSpec, ContextError> {
    if text.is_empty() {
        return Err(ContextError::Empty);
    }
    if let Some(name) = text.strip_prefix("docker-image:") {
        let name = name.strip_prefix("//").unwrap_or(name);
        return match name {
            "scratch" => Ok(ContextSpec::Empty),
            name => Ok(ContextSpec::Image(name.parse()?)),
        };
    }
    if let Some(image) = text.strip_prefix("oci-layout:") {
        return layout(image.strip_prefix("//").unwrap_or(image)).map(ContextSpec::OciLayout);
    }
    if let Some(name) = text.strip_prefix("local:") {
        return Ok(ContextSpec::Local(name.to_owned()));
    }
    if let Some(name) = text.strip_prefix("input:") {
        return Ok(ContextSpec::Input(name.to_owned()));
    }
    if is_git(text) {
        return git(text).map(|source| ContextSpec::Git(Box::new(source)));
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(ContextSpec::Http(text.to_owned()));
    }
    Ok(ContextSpec::Directory(text.to_owned()))
}

/// Whether a text is meant as a git repository. By http it is one if its path ends with `.git`.
fn is_git(text: &str) -> bool {
    let head = text.split(['?', '#']).next().unwrap_or_default();
    match head.split_once("://") {
        Some(("git" | "ssh", _)) => true,
        Some(("http" | "https", rest)) => rest.ends_with(".git"),
        Some(_) => false,
        None if head.starts_with("github.com/") => true,
        // `user@host:path`
        None => head
            .split_once('@')
            .is_some_and(|(user, rest)| !user.is_empty() && !user.contains(['/', ':']) && rest.contains(':')),
    }
}

fn git(text: &str) -> Result<GitSource, ContextError> {
    let (text, fragment) = text.split_once('#').map_or((text, None), |(text, rest)| (text, Some(rest)));
    let (url, query) = text.split_once('?').map_or((text, ""), |(url, query)| (url, query));
    let url = match fragment {
        Some(fragment) => format!("{url}#{fragment}"),
        None => url.to_owned(),
    };
    let url: GitUrl = url.parse()?;
    let mut source = GitSource::new(url);
    let mut seen = BTreeMap::new();
    for field in query.split('&').filter(|field| !field.is_empty()) {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        let wrong = |why| ContextError::Query(field.to_owned(), why);
        let value =
            decoded(value).ok_or_else(|| wrong("what follows a `%` is no pair of hexadecimal digits"))?;
        if seen.insert(key, ()).is_some() {
            return Err(wrong("it is given twice"));
        }
        query_field(&mut source, key, &value).map_err(wrong)?;
    }
    Ok(source)
}

/// Takes one key of the query.
fn query_field(source: &mut GitSource, key: &str, value: &str) -> Result<(), &'static str> {
    let flag = || match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("it is neither true nor false"),
    };
    match key {
        "keep-git-dir" => source.keep_git_dir = flag()?,
        "submodules" => source.skip_submodules = !flag()?,
        "fetch-by-commit" => source.fetch_by_commit = flag()?,
        "ref" | "tag" | "branch" | "subdir" | "checksum" | "commit" | "mtime" if value.is_empty() => {
            return Err("it has no value");
        }
        "ref" => set_once(&mut source.git_ref, value.to_owned())?,
        "tag" => set_once(&mut source.git_ref, below("refs/tags/", value))?,
        "branch" => set_once(&mut source.git_ref, below("refs/heads/", value))?,
        "subdir" => set_once(&mut source.subdir, value.to_owned())?,
        "checksum" | "commit" => set_once(&mut source.checksum, value.to_owned())?,
        "mtime" => {
            source.mtime = Some(match value {
                "checkout" => GitMtime::Checkout,
                "commit" => GitMtime::Commit,
                _ => return Err("it is neither checkout nor commit"),
            });
        }
        _ => {
            return Err(
                "the keys are ref, tag, branch, subdir, checksum, commit, keep-git-dir, submodules, mtime and \
                 fetch-by-commit",
            );
        }
    }
    Ok(())
}

fn below(prefix: &str, name: &str) -> String {
    if name.starts_with(prefix) { name.to_owned() } else { format!("{prefix}{name}") }
}

fn set_once(place: &mut String, value: String) -> Result<(), &'static str> {
    if !place.is_empty() && *place != value {
        return Err("something else is said about it in the same URL");
    }
    *place = value;
    Ok(())
}

/// A part of a query, as it is meant: `+` is a space, `%` and two digits a byte.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn layout(text: &str) -> Result<LayoutSpec, ContextError> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.to_owned())),
        None => (text, None),
    };
    let (layout, tag) = match rest.rsplit_once(':') {
        Some((layout, tag)) if !tag.contains('/') && !tag.is_empty() => (layout, Some(tag.to_owned())),
        _ => (rest, None),
    };
    if layout.is_empty() {
        return Err(ContextError::Layout);
    }
    Ok(LayoutSpec { layout: layout.to_owned(), tag, digest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> ContextSpec {
        parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_form_is_known() {
        assert_eq!(parsed("docker-image://scratch"), ContextSpec::Empty);
        assert_eq!(parsed("docker-image://alpine:3"), ContextSpec::Image("alpine:3".parse().unwrap()));
        assert_eq!(parsed("local:docs"), ContextSpec::Local("docs".to_owned()));
        assert_eq!(parsed("input:base"), ContextSpec::Input("base".to_owned()));
        assert_eq!(parsed("https://h/a.tar.gz"), ContextSpec::Http("https://h/a.tar.gz".to_owned()));
        for directory in [".", "../a", "/a/b", "a b", "a@b"] {
            assert_eq!(parsed(directory), ContextSpec::Directory(directory.to_owned()));
        }
        let layout = |layout: &str, tag: Option<&str>, digest: Option<&str>| {
            let (tag, digest) = (tag.map(str::to_owned), digest.map(str::to_owned));
            ContextSpec::OciLayout(LayoutSpec { layout: layout.to_owned(), tag, digest })
        };
        assert_eq!(parsed("oci-layout://a/b"), layout("a/b", None, None));
        assert_eq!(parsed("oci-layout:///a/b:1"), layout("/a/b", Some("1"), None));
        assert_eq!(parsed("oci-layout://b:1@sha256:00"), layout("b", Some("1"), Some("sha256:00")));
    }

    #[test]
    fn git_urls_say_what_of_the_repository_is_meant() {
        let git = |text: &str| match parsed(text) {
            ContextSpec::Git(source) => source,
            other => panic!("{text} is {other:?}"),
        };
        let plain = git("https://h/a.git#v1:docs");
        assert_eq!((plain.git_ref.as_str(), plain.subdir.as_str()), ("v1", "docs"));
        assert_eq!(plain.url.remote(), "https://h/a.git");
        let query = git("https://h/a.git?tag=v%31&subdir=docs&keep-git-dir&submodules=0&mtime=commit");
        assert_eq!((query.git_ref.as_str(), query.subdir.as_str()), ("refs/tags/v1", "docs"));
        assert!(query.keep_git_dir && query.skip_submodules);
        assert_eq!(query.mtime, Some(GitMtime::Commit));
        assert_eq!(git("git@h:a/b").url.remote(), "git@h:a/b");
        assert_eq!(git("git://h/a").url.host(), "h");
        assert_eq!(git("github.com/a/b#x").git_ref, "x");
    }

    #[test]
    fn what_does_not_read_is_told() {
        let check = |text: &str, expected: &str| {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("", "it is empty");
        check("docker-image://A", "capital letters");
        check("oci-layout://", "names no layout");
        check("https://h/a.git?rf=x", "`?rf=x`: the keys are ref, tag");
        check("https://h/a.git?ref=x&ref=y", "`?ref=y`: it is given twice");
        check("https://h/a.git?ref=", "it has no value");
        check("https://h/a.git?ref=a#b", "something else is said");
        check("https://h/a.git?tag=a&branch=b", "something else is said");
        check("https://h/a.git?submodules=maybe", "neither true nor false");
        check("https://h/a.git?ref=%zz", "hexadecimal");
    }
}
