//! Where a git repository is: the texts that people write for it, in parts.
//!
//! Rules of BuildKit v0.34 util/gitutil `ParseURL`.

use std::fmt;
use std::str::FromStr;

use super::url::{Url, UrlProblem, without_userinfo};
use crate::path;

/// The protocols that git is asked to speak.
const PROTOCOLS: [&str; 4] = ["http", "https", "ssh", "git"];

/// A git repository on a host, and optionally what of it is wanted.
///
/// Read from `https://host/path`, `http://…`, `ssh://…`, `git://…`, `user@host:path`, or `host/path`, which means
/// https. A fragment `#ref:directory` is kept beside the remote. Displayed, it is the remote: the text that git is
/// given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitUrl {
    remote: String,
    host: String,
    path: String,
    is_ssh: bool,
    git_ref: String,
    subdir: String,
}

/// Why a text is no URL of a git repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GitUrlError {
    /// A protocol that git does not speak.
    #[error("git URL {text:?} has the protocol {protocol:?}: there are {}", PROTOCOLS.join(", "))]
    Protocol {
        /// What was given, without user name and password.
        text: String,
        /// The protocol.
        protocol: String,
    },
    /// Something that is no URL.
    #[error("git URL {text:?} {problem}")]
    Url {
        /// What was given, without user name and password.
        text: String,
        /// What is wrong with it.
        problem: UrlProblem,
    },
}

impl GitUrl {
    /// What git is given: the URL without fragment.
    #[must_use]
    pub fn remote(&self) -> &str {
        &self.remote
    }

    /// The host, with its port if one is written out.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository on its host, decoded; absolute except behind the colon of `user@host:path`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the repository is reached by ssh.
    #[must_use]
    pub fn is_ssh(&self) -> bool {
        self.is_ssh
    }

    /// The branch, tag or commit of the fragment; empty for none.
    #[must_use]
    pub fn git_ref(&self) -> &str {
        &self.git_ref
    }

    /// The directory of the fragment, clean and relative; empty for none.
    #[must_use]
    pub fn subdir(&self) -> &str {
        &self.subdir
    }

    /// Ref and directory of the fragment, which is not there after that.
    pub(super) fn take_fragment(&mut self) -> (String, String) {
        (std::mem::take(&mut self.git_ref), std::mem::take(&mut self.subdir))
    }

    /// Host and path, the same for every protocol: `github.com/moby/buildkit.git`.
    pub(super) fn repository(&self) -> String {
        self.host.clone() + &path::join(&["/", &self.path])
    }

    /// Whether this is the same repository: letter case of the host and a final `.git` make no difference.
    pub(super) fn is_same_repository(&self, other: &Self) -> bool {
        let path = |url: &Self| {
            let path = path::join(&["/", &url.path]);
            path.strip_suffix(".git").map(str::to_owned).unwrap_or(path)
        };
        self.host.eq_ignore_ascii_case(&other.host) && path(self) == path(other)
    }

    fn from_url(text: &str) -> Result<Self, UrlProblem> {
        let url = Url::parse(text)?;
        if url.has_query {
            return Err(UrlProblem::Query);
        }
        let (git_ref, subdir) = split_fragment(&url.fragment);
        Ok(Self {
            remote: url.without_options(),
            is_ssh: url.scheme == "ssh",
            host: url.host,
            path: url.path,
            git_ref,
            subdir,
        })
    }

    /// `user@host:path`, if it is that.
    fn from_scp(text: &str) -> Option<Result<Self, UrlProblem>> {
        let is_user = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        let (user, rest) = text.split_once('@')?;
        let (host, rest) = rest.split_once(':')?;
        let fits =
            !user.is_empty() && user.chars().all(is_user) && !host.is_empty() && host.chars().all(is_host);
        if !fits || rest.contains('\n') {
            return None;
        }
        let (path, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        if path.contains('?') {
            return Some(Err(UrlProblem::Query));
        }
        let (git_ref, subdir) = split_fragment(fragment);
        Some(Ok(Self {
            remote: format!("{user}@{host}:{path}"),
            host: host.to_owned(),
            path: path.to_owned(),
            is_ssh: true,
            git_ref,
            subdir,
        }))
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.remote)
    }
}

impl FromStr for GitUrl {
    type Err = GitUrlError;

    fn from_str(text: &str) -> Result<Self, GitUrlError> {
        let protocol = text.split_once("://").map(|(protocol, _)| protocol);
        let protocol = protocol.filter(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric()));
        let parsed = match protocol {
            Some(protocol) if !PROTOCOLS.contains(&protocol.to_ascii_lowercase().as_str()) => {
                let protocol = protocol.to_owned();
                return Err(GitUrlError::Protocol { text: without_userinfo(text), protocol });
            }
            Some(_) => Self::from_url(text),
            None => Self::from_scp(text).unwrap_or_else(|| Self::from_url(&format!("https://{text}"))),
        };
        parsed.map_err(|problem| GitUrlError::Url { text: without_userinfo(text), problem })
    }
}

/// `ref:directory`.
fn split_fragment(fragment: &str) -> (String, String) {
    let (git_ref, subdir) = fragment.split_once(':').unwrap_or((fragment, ""));
    (git_ref.to_owned(), clean_subdir(subdir))
}

/// A directory of a repository, which cannot be left.
pub(super) fn clean_subdir(subdir: &str) -> String {
    path::join(&["/", subdir]).trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_it_is_read() {
        for (text, remote, repository, ssh, fragment) in [
            ("https://github.com/a/b.git", "https://github.com/a/b.git", "github.com/a/b.git", false, ":"),
            ("github.com/a/b", "https://github.com/a/b", "github.com/a/b", false, ":"),
            ("http://u:p@h:8080/a#main", "http://u:p@h:8080/a", "h:8080/a", false, "main:"),
            ("git://h/a/../b#v1:/x/../y/", "git://h/a/../b", "h/b", false, "v1:y"),
            ("ssh://git@h:22/a", "ssh://git@h:22/a", "h:22/a", true, ":"),
            ("git@github.com:a/b.git#:../s", "git@github.com:a/b.git", "github.com/a/b.git", true, ":s"),
            ("git@h:/abs", "git@h:/abs", "h/abs", true, ":"),
            ("git@h:", "git@h:", "h/", true, ":"),
            ("h", "https://h", "h/", false, ":"),
        ] {
            let url: GitUrl = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(url.remote(), remote, "{text:?}");
            assert_eq!(url.repository(), repository, "{text:?}");
            assert_eq!(url.is_ssh(), ssh, "{text:?}");
            assert_eq!(format!("{}:{}", url.git_ref(), url.subdir()), fragment, "{text:?}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, message) in [
            ("", "git URL \"\" has no host"),
            ("ftp://h/a", "git URL \"ftp://h/a\" has the protocol \"ftp\": there are http, https, ssh, git"),
            ("https://h/a?b", "git URL \"https://h/a?b\" has a query, which git is not given"),
            ("git@h:a?b#c", "git URL \"…@h:a?b#c\" has a query, which git is not given"),
            ("https://u:secret@h/a?b", "git URL \"https://…@h/a?b\" has a query, which git is not given"),
            (
                "ftp://u:secret@h/a",
                "git URL \"ftp://…@h/a\" has the protocol \"ftp\": there are http, https, ssh, git",
            ),
            (
                "u:sec/ret@h/a",
                "git URL \"…@h/a\" has a user name or password with a character that has to be escaped",
            ),
            ("/local/path", "git URL \"/local/path\" has no host"),
        ] {
            assert_eq!(text.parse::<GitUrl>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn the_same_repository_has_many_names() {
        let url = |text: &str| text.parse::<GitUrl>().unwrap();
        assert!(url("git@GitHub.com:a/b").is_same_repository(&url("https://github.com/a/b.git")));
        assert!(!url("https://h/a").is_same_repository(&url("https://h:443/a")));
    }
}
