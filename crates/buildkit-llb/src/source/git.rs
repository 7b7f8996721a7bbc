//! A git repository.
//!
//! Identifier and attributes as in BuildKit v0.34 client/llb/source.go `Git`, refusals as in source/git.

use std::collections::BTreeMap;

use super::git_url::clean_subdir;
use super::{BlobStore, GitUrl};
use crate::op::Body;
use crate::{ImageRef, OpError, caps};

/// The files of one commit of a repository, or a bundle of it.
///
/// Two sources that differ in the protocol only have equal identifiers, but not equal digests: what git is given is
/// an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSource {
    /// The repository, without a fragment.
    pub url: GitUrl,
    /// A branch, a tag or a commit; empty for the remote's default branch.
    pub git_ref: String,
    /// The directory that becomes the root; empty for all of it.
    pub subdir: String,
    /// The commit that it must be, in hexadecimal digits, or the first of them; empty for any.
    pub checksum: String,
    /// Fetch the commit of the checksum without asking the remote what the ref is.
    pub fetch_by_commit: bool,
    /// Keep the directory `.git`.
    pub keep_git_dir: bool,
    /// Leave submodules out.
    pub skip_submodules: bool,
    /// The files' times; `None` leaves it to the daemon, which takes the time of the checkout.
    pub mtime: Option<GitMtime>,
    /// Let git's own advice into the log.
    pub advice: bool,
    /// The secret with a token for https, asked for as `NAME.host` first.
    pub auth_token: GitSecret,
    /// The secret with a whole authorization header for https.
    pub auth_header: GitSecret,
    /// Lines of a known-hosts file; for ssh only.
    ///
    /// Nobody else asks the host for its key: without any line the daemon does not check it. The Go client
    /// connects to the host while it builds the graph, and takes whatever key it is shown.
    pub known_ssh_hosts: Vec<String>,
    /// The agent's name in the session, for ssh only; empty for `default`.
    pub ssh_agent: String,
    /// Where commits come from instead of the remote; needs a checksum.
    pub bundle: Option<GitBundle>,
    /// Give a file `bundle` with the commit instead of its files.
    pub checkout_bundle: bool,
    /// Who must have signed it; `None` for anybody or nobody.
    pub signature: Option<GitSignature>,
}

/// The times of a checkout's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitMtime {
    /// When they were checked out.
    Checkout,
    /// When they were committed.
    Commit,
}

/// The name of a secret for a git host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum GitSecret {
    /// `GIT_AUTH_TOKEN` or `GIT_AUTH_HEADER`, which the session need not have.
    #[default]
    Default,
    /// A name, not empty.
    Named(String),
    /// No secret at all.
    None,
}

/// A git bundle as a single blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitBundle {
    /// The blob, by a sha256 digest.
    pub image: ImageRef,
    /// Where it is; an OCI layout without store is looked for under the blob's name.
    pub store: BlobStore,
}

/// Who must have signed a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitSignature {
    /// Armored public keys of OpenPGP or lines of ssh's, not empty.
    pub public_key: String,
    /// An expired key does not count.
    pub reject_expired: bool,
    /// The tag must be signed too.
    pub require_signed_tag: bool,
    /// A signature of the tag does not count, the commit's does.
    pub ignore_signed_tag: bool,
}

impl GitSource {
    /// What this URL says; ref and directory of its fragment become those of the source.
    #[must_use]
    pub fn new(mut url: GitUrl) -> Self {
        let (git_ref, subdir) = url.take_fragment();
        Self {
            url,
            git_ref,
            subdir,
            checksum: String::new(),
            fetch_by_commit: false,
            keep_git_dir: false,
            skip_submodules: false,
            mtime: None,
            advice: false,
            auth_token: GitSecret::default(),
            auth_header: GitSecret::default(),
            known_ssh_hosts: Vec::new(),
            ssh_agent: String::new(),
            bundle: None,
            checkout_bundle: false,
            signature: None,
        }
    }

    pub(crate) fn body(&self) -> Result<Body, OpError> {
        let identifier = self.identifier();
        self.validate(&identifier)?;
        let mut attrs = BTreeMap::new();
        let mut caps = vec![caps::SOURCE_GIT, caps::SOURCE_GIT_FULL_URL];
        attrs.insert("git.fullurl", self.url.remote().to_owned());
        for (used, name, cap) in [
            (self.keep_git_dir, "git.keepgitdir", Some(caps::SOURCE_GIT_KEEP_GIT_DIR)),
            (self.skip_submodules, "git.skipsubmodules", Some(caps::SOURCE_GIT_SKIP_SUBMODULES)),
            (self.advice, "git.advice", None),
            (self.fetch_by_commit, "git.fetchbycommit", Some(caps::SOURCE_GIT_FETCH_BY_COMMIT)),
            (self.checkout_bundle, "git.checkoutbundle", Some(caps::SOURCE_GIT_CHECKOUT_BUNDLE)),
        ] {
            if used {
                attrs.insert(name, "true".to_owned());
                caps.extend(cap);
            }
        }
        if !self.checksum.is_empty() {
            attrs.insert("git.checksum", self.checksum.clone());
            caps.push(caps::SOURCE_GIT_CHECKSUM);
        }
        if let Some(mtime) = self.mtime {
            let mtime = match mtime {
                GitMtime::Checkout => "checkout",
                GitMtime::Commit => "commit",
            };
            attrs.insert("git.mtime", mtime.to_owned());
            caps.push(caps::SOURCE_GIT_MTIME);
        }
        self.add_credentials(&mut attrs, &mut caps);
        if let Some(bundle) = &self.bundle {
            let scheme = bundle.store.scheme();
            attrs.insert("git.bundle", format!("{scheme}://{}", bundle.image));
            bundle.store.add_attrs(&mut attrs);
            caps.push(caps::SOURCE_GIT_BUNDLE);
        }
        self.add_signature(&mut attrs, &mut caps);
        Ok(super::body(identifier, attrs, None, caps))
    }

    fn identifier(&self) -> String {
        let mut identifier = format!("git://{}", self.url.repository());
        if !self.git_ref.is_empty() || !self.subdir.is_empty() {
            identifier.push('#');
            identifier.push_str(&self.git_ref);
        }
        if !self.subdir.is_empty() {
            identifier.push(':');
            identifier.push_str(&self.subdir);
        }
        identifier
    }

    fn add_credentials(&self, attrs: &mut BTreeMap<&'static str, String>, caps: &mut Vec<&'static str>) {
        let mut any = false;
        for (name, secret, default) in [
            ("git.authtokensecret", &self.auth_token, "GIT_AUTH_TOKEN"),
            ("git.authheadersecret", &self.auth_header, "GIT_AUTH_HEADER"),
        ] {
            let secret = match secret {
                GitSecret::Default => default,
                GitSecret::Named(name) => name,
                GitSecret::None => continue,
            };
            attrs.insert(name, secret.to_owned());
            any = true;
        }
        // Daemons of any age take the default names; only a choice of one's own needs the capability.
        let chosen = [&self.auth_token, &self.auth_header]
            .into_iter()
            .any(|s| *s != GitSecret::Default);
        if any && chosen {
            caps.push(caps::SOURCE_GIT_HTTP_AUTH);
        }
        if self.url.is_ssh() {
            if !self.known_ssh_hosts.is_empty() {
                let lines = self.known_ssh_hosts.iter();
                let lines = lines.flat_map(|line| [line.strip_suffix('\n').unwrap_or(line), "\n"]);
                attrs.insert("git.knownsshhosts", lines.collect());
            }
            let agent = if self.ssh_agent.is_empty() { "default" } else { &self.ssh_agent };
            attrs.insert("git.mountsshsock", agent.to_owned());
            caps.extend([caps::SOURCE_GIT_KNOWN_SSH_HOSTS, caps::SOURCE_GIT_MOUNT_SSH_SOCK]);
        }
    }

    /// The Go client has no option for this. A daemon that does not know the attributes would not look at
    /// signatures at all, so the capability is asked for.
    fn add_signature(&self, attrs: &mut BTreeMap<&'static str, String>, caps: &mut Vec<&'static str>) {
        let Some(signature) = &self.signature else { return };
        attrs.insert("git.sig.pubkey", signature.public_key.clone());
        for (used, name) in [
            (signature.reject_expired, "git.sig.rejectexpired"),
            (signature.require_signed_tag, "git.sig.requiresignedtag"),
            (signature.ignore_signed_tag, "git.sig.ignoresignedtag"),
        ] {
            if used {
                attrs.insert(name, "true".to_owned());
            }
        }
        caps.push(caps::SOURCE_GIT_SIGNATURE_VERIFY);
    }

    fn validate(&self, identifier: &str) -> Result<(), OpError> {
        let own = || identifier.to_owned();
        if !self.url.git_ref().is_empty() || !self.url.subdir().is_empty() {
            return Err(OpError::GitFragment { identifier: own() });
        }
        let needs_ssh = !self.known_ssh_hosts.is_empty() || !self.ssh_agent.is_empty();
        if needs_ssh && !self.url.is_ssh() {
            return Err(OpError::GitWithoutSsh { identifier: own() });
        }
        // The daemon reads the identifier as a URL again, and takes the rest of it from the full one.
        let read: Option<GitUrl> = identifier.strip_prefix("git://").and_then(|text| text.parse().ok());
        let means_this = |read: &GitUrl| {
            read.is_same_repository(&self.url)
                && read.git_ref() == self.git_ref
                && read.subdir() == clean_subdir(&self.subdir)
        };
        if !read.as_ref().is_some_and(means_this) {
            return Err(OpError::GitIdentifier { identifier: own() });
        }
        if self.git_ref.starts_with('-') {
            return Err(OpError::GitRef { identifier: own() });
        }
        if !self.checksum.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(OpError::GitChecksum { identifier: own(), checksum: self.checksum.clone() });
        }
        if is_commit(&self.git_ref) && !self.git_ref.starts_with(&self.checksum) {
            return Err(OpError::GitChecksumMismatch { identifier: own(), checksum: self.checksum.clone() });
        }
        if self.fetch_by_commit && !is_commit(&self.checksum) {
            return Err(OpError::GitFetchByCommit { identifier: own() });
        }
        if [&self.auth_token, &self.auth_header].contains(&&GitSecret::Named(String::new())) {
            return Err(OpError::GitSecretWithoutName { identifier: own() });
        }
        if let Some(bundle) = &self.bundle {
            if !bundle.image.digest().is_some_and(|digest| digest.starts_with("sha256:")) {
                let bundle = bundle.image.to_string();
                return Err(OpError::GitBundle { identifier: own(), bundle });
            }
            if self.checksum.is_empty() {
                return Err(OpError::GitBundleWithoutChecksum { identifier: own() });
            }
        }
        if self.checkout_bundle && (self.keep_git_dir || !clean_subdir(&self.subdir).is_empty()) {
            return Err(OpError::GitCheckoutBundle { identifier: own() });
        }
        if self.signature.as_ref().is_some_and(|signature| signature.public_key.is_empty()) {
            return Err(OpError::SignatureWithoutKey { identifier: own() });
        }
        Ok(())
    }
}

/// The whole digits of a sha1 or a sha256.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::super::tests::attrs;
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    const BLOB: &str = "a.io/b@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn git(url: &str) -> GitSource {
        GitSource::new(url.parse().unwrap())
    }

    fn refused(url: &str, change: impl FnOnce(&mut GitSource)) -> String {
        let mut op = git(url);
        change(&mut op);
        op.body().err().expect("an error").to_string()
    }

    #[test]
    fn only_a_choice_of_secrets_needs_a_capability() {
        let mut op = git("https://h/a");
        let asks = |op: &GitSource| op.body().unwrap().caps.contains(&caps::SOURCE_GIT_HTTP_AUTH);
        assert!(!asks(&op));
        op.auth_header = GitSecret::None;
        assert!(asks(&op), "the token is left");
        op.auth_token = GitSecret::None;
        assert!(!asks(&op));
        assert_eq!(attrs(op.body().unwrap()), ["git.fullurl=https://h/a"]);
        op.auth_token = GitSecret::Named("t".to_owned());
        assert!(asks(&op));
    }

    #[test]
    fn options_of_ssh_are_for_ssh() {
        let mut op = git("git@h:a");
        op.auth_token = GitSecret::None;
        op.auth_header = GitSecret::None;
        assert_eq!(attrs(op.body().unwrap()), ["git.fullurl=git@h:a", "git.mountsshsock=default"]);
        op.known_ssh_hosts = vec!["h k1\n".to_owned(), "h k2".to_owned()];
        op.ssh_agent = "mine".to_owned();
        let expected = ["git.fullurl=git@h:a", "git.knownsshhosts=h k1\nh k2\n", "git.mountsshsock=mine"];
        assert_eq!(attrs(op.body().unwrap()), expected);
        op.url = "https://h/a".parse().unwrap();
        let error = op.body().err().expect("an error").to_string();
        assert_eq!(error, "git source \"git://h/a\" has options of ssh, but its url is of another protocol");
        op.known_ssh_hosts.clear();
        assert!(op.body().is_err(), "the agent is left");
        op.ssh_agent.clear();
        assert_eq!(attrs(op.body().unwrap()), ["git.fullurl=https://h/a"]);
    }

    #[test]
    fn bundles_and_signatures_are_attributes() {
        let mut op = git("https://h/a#main");
        op.checksum = COMMIT.to_owned();
        op.fetch_by_commit = true;
        let store = BlobStore::OciLayout { session: "id".to_owned(), store: "layout".to_owned() };
        op.bundle = Some(GitBundle { image: BLOB.parse().unwrap(), store });
        op.checkout_bundle = true;
        op.mtime = Some(GitMtime::Checkout);
        op.advice = true;
        op.signature = Some(GitSignature {
            public_key: "key".to_owned(),
            reject_expired: true,
            require_signed_tag: true,
            ignore_signed_tag: false,
        });
        let expected = [
            "git.advice=true".to_owned(),
            "git.authheadersecret=GIT_AUTH_HEADER".to_owned(),
            "git.authtokensecret=GIT_AUTH_TOKEN".to_owned(),
            format!("git.bundle=oci-layout+blob://{BLOB}"),
            "git.checkoutbundle=true".to_owned(),
            format!("git.checksum={COMMIT}"),
            "git.fetchbycommit=true".to_owned(),
            "git.fullurl=https://h/a".to_owned(),
            "git.mtime=checkout".to_owned(),
            "git.sig.pubkey=key".to_owned(),
            "git.sig.rejectexpired=true".to_owned(),
            "git.sig.requiresignedtag=true".to_owned(),
            "oci.session=id".to_owned(),
            "oci.store=layout".to_owned(),
        ];
        let body = op.body().unwrap();
        assert!(!body.caps.contains(&"source.git.advice"));
        assert!(body.caps.contains(&"source.git.signatureverify"));
        assert_eq!(attrs(body), expected);
    }

    #[test]
    fn what_a_daemon_reads_otherwise_is_refused() {
        let ambiguous = "its identifier would be read as another repository, ref or directory";
        for url in ["https://h/a%23b", "https://h/a%3Fb", "https://h/a%2541"] {
            let error = refused(url, |_| {});
            assert!(error.starts_with("git source \"git://h/a") && error.contains(ambiguous), "{error}");
        }
        for git_ref in ["a:b", "100%", "%41"] {
            let error = refused("h/a", |op| op.git_ref = git_ref.to_owned());
            assert!(error.contains(ambiguous), "{error}");
        }
        assert!(git("h/a").body().is_ok());
        let mut op = git("h/a");
        op.subdir = "../x".to_owned();
        assert!(op.body().is_ok(), "the daemon cleans it");
    }

    #[test]
    fn what_a_daemon_refuses_is_refused() {
        for (error, expected) in [
            (refused("h/a", |op| op.git_ref = "-x".to_owned()), "git source \"git://h/a#-x\" has a ref that"),
            (
                refused("h/a", |op| op.checksum = "xyz".to_owned()),
                "git source \"git://h/a\" has the checksum \"xyz\"",
            ),
            (
                refused(&format!("h/a#{COMMIT}"), |op| op.checksum = "ff".to_owned()),
                "has the checksum \"ff\", which is not that of its ref",
            ),
            (
                refused("h/a", |op| op.fetch_by_commit = true),
                "is fetched by commit, which needs a whole commit",
            ),
            (
                refused("h/a", |op| op.auth_token = GitSecret::Named(String::new())),
                "names a secret with an empty name",
            ),
            (
                refused("h/a", |op| {
                    let image = "a.io/b:tag".parse().unwrap();
                    op.bundle = Some(GitBundle { image, store: BlobStore::Registry });
                }),
                "has the bundle \"a.io/b:tag\", which has no sha256 digest",
            ),
            (
                refused("h/a", |op| {
                    let image = BLOB.parse().unwrap();
                    op.bundle = Some(GitBundle { image, store: BlobStore::Registry });
                }),
                "has a bundle, but no checksum",
            ),
            (
                refused("h/a", |op| {
                    op.checkout_bundle = true;
                    op.keep_git_dir = true;
                }),
                "gives a bundle, which has neither",
            ),
            (
                refused("h/a", |op| op.url = "h/a#main".parse().unwrap()),
                "has a url with a fragment: what it says are fields of the source",
            ),
            (refused("h/a", |op| op.url = "h/a#:sub".parse().unwrap()), "has a url with a fragment"),
            (
                refused("h/a", |op| op.signature = Some(GitSignature::default())),
                "has to be signed, but by no key",
            ),
        ] {
            assert!(error.contains(expected), "{error}\nis not\n{expected}");
            assert!(error.contains("source \"git://h/a"), "{error}");
        }
    }
}
