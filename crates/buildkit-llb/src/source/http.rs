//! A file from a web server.
//!
//! Identifier and attributes as in BuildKit v0.34 client/llb/source.go `HTTP`, refusals as in source/http.

use std::collections::BTreeMap;

use super::{FetchedFile, without_userinfo};
use crate::op::Body;
use crate::{Digest, OpError, caps};

/// What a server answers to one request, as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSource {
    /// The whole URL, `http://…` or `https://…`, written as it is.
    pub url: String,
    /// Refuse any other content.
    pub checksum: Option<Digest>,
    /// What the file is called, and whose it is.
    pub file: FetchedFile,
    /// The secret with an authorization header; empty for `HTTP_AUTH_HEADER_` and the host's name, where the session
    /// has it.
    pub auth_header: String,
    /// The request's `Accept`; empty for none.
    pub accept: String,
    /// The request's `User-Agent`; empty for the daemon's own.
    pub user_agent: String,
    /// Who must have signed the content; `None` for anybody or nobody.
    pub signature: Option<PgpSignature>,
}

/// A signature beside the file that it is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PgpSignature {
    /// Armored public keys, not empty.
    pub public_key: String,
    /// The armored signature, not empty.
    pub signature: String,
}

impl HttpSource {
    /// The file at this URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            checksum: None,
            file: FetchedFile::default(),
            auth_header: String::new(),
            accept: String::new(),
            user_agent: String::new(),
            signature: None,
        }
    }

    /// The URL for people: without user and password, and without a query, which may be a signature.
    #[must_use]
    pub fn shown(&self) -> String {
        let url = without_userinfo(&self.url);
        url.split(['?', '#']).next().unwrap_or_default().to_owned()
    }

    pub(crate) fn body(&self) -> Result<Body, OpError> {
        self.validate()?;
        let mut attrs = BTreeMap::new();
        let mut caps = vec![caps::SOURCE_HTTP];
        if let Some(checksum) = self.checksum {
            attrs.insert("http.checksum", checksum.to_string());
            caps.push(caps::SOURCE_HTTP_CHECKSUM);
        }
        self.file.add_attrs(&mut attrs);
        if self.file.mode != 0 {
            caps.push(caps::SOURCE_HTTP_PERM);
        }
        if self.file.uid != 0 || self.file.gid != 0 {
            caps.push(caps::SOURCE_HTTP_UID_GID);
        }
        for (name, value, cap) in [
            ("http.authheadersecret", &self.auth_header, caps::SOURCE_HTTP_AUTH),
            ("http.header.accept", &self.accept, caps::SOURCE_HTTP_HEADER),
            ("http.header.user-agent", &self.user_agent, caps::SOURCE_HTTP_HEADER),
        ] {
            if !value.is_empty() {
                attrs.insert(name, value.clone());
                caps.push(cap);
            }
        }
        if let Some(signature) = &self.signature {
            attrs.insert("http.sig.pubkey", signature.public_key.clone());
            attrs.insert("http.sig.signature", signature.signature.clone());
            caps.push(caps::SOURCE_HTTP_SIGNATURE_VERIFY);
        }
        Ok(super::body(self.url.clone(), attrs, None, caps))
    }

    fn validate(&self) -> Result<(), OpError> {
        let own = || without_userinfo(&self.url);
        let rest = ["https://", "http://"]
            .into_iter()
            .find_map(|scheme| self.url.strip_prefix(scheme));
        let is_url = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']));
        if !is_url || self.url.contains(|c: char| c.is_control()) {
            return Err(OpError::HttpUrl { url: own() });
        }
        self.file.validate(&own())?;
        for (header, value) in [("accept", &self.accept), ("user-agent", &self.user_agent)] {
            if value.contains(|c: char| c.is_control()) {
                return Err(OpError::HttpHeader { url: own(), header });
            }
        }
        match &self.signature {
            Some(signature) if signature.public_key.is_empty() => {
                Err(OpError::SignatureWithoutKey { identifier: own() })
            }
            Some(signature) if signature.signature.is_empty() => {
                Err(OpError::SignatureMissing { url: own() })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::attrs;
    use super::*;

    const URL: &str = "https://example.com/a.tar?b";

    fn refused(change: impl FnOnce(&mut HttpSource)) -> String {
        let mut op = HttpSource::new(URL);
        change(&mut op);
        op.body().err().expect("an error").to_string()
    }

    #[test]
    fn people_see_no_credentials() {
        let op = HttpSource::new("https://user:pass@example.com/a.tar?signature=x#y");
        assert_eq!(op.shown(), "https://…@example.com/a.tar");
    }

    #[test]
    fn only_what_is_said_is_an_attribute() {
        let mut op = HttpSource::new(URL);
        assert_eq!(op.body().unwrap().caps, [caps::SOURCE_HTTP]);
        assert!(attrs(op.body().unwrap()).is_empty());
        op.file = FetchedFile { name: "f".to_owned(), mode: 0o600, uid: 0, gid: 7 };
        op.auth_header = "TOKEN".to_owned();
        op.signature = Some(PgpSignature { public_key: "k".to_owned(), signature: "s".to_owned() });
        let expected = [
            "http.authheadersecret=TOKEN",
            "http.filename=f",
            "http.gid=7",
            "http.perm=0600",
            "http.sig.pubkey=k",
            "http.sig.signature=s",
        ];
        assert_eq!(attrs(op.body().unwrap()), expected);
        let caps = ["source.http", "source.http.perm", "soruce.http.uidgid"];
        assert_eq!(op.body().unwrap().caps[..3], caps);
    }

    #[test]
    fn what_a_daemon_refuses_is_refused() {
        for url in ["", "ftp://h/a", "HTTP://h/a", "https://", "https:///a", "http://h/\n"] {
            let error = refused(|op| op.url = url.to_owned());
            assert_eq!(error, format!("http source {url:?} is not http:// or https:// with a host"));
        }
        let error = refused(|op| op.url = "ftp://me:secret@h/a".to_owned());
        assert_eq!(error, "http source \"ftp://…@h/a\" is not http:// or https:// with a host");
        for (error, expected) in [
            (
                refused(|op| op.accept = "a\nb".to_owned()),
                "has a line break or other control character in accept",
            ),
            (refused(|op| op.signature = Some(PgpSignature::default())), "has to be signed, but by no key"),
            (
                refused(|op| {
                    let key = "k".to_owned();
                    op.signature = Some(PgpSignature { public_key: key, ..PgpSignature::default() });
                }),
                "has to be signed, but has no signature",
            ),
        ] {
            assert!(error.contains(URL) && error.contains(expected), "{error}\nis not\n{expected}");
        }
    }
}
