//! Files of the client, sent through its session.
//!
//! Identifier and attributes as in BuildKit v0.34 solver/pb/attr.go and client/llb/source.go.

use std::collections::BTreeMap;

use crate::op::Body;
use crate::{caps, go_json};

/// A directory that the client calls by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalSource {
    /// The name under which the client's session serves it.
    pub name: String,
    /// Whose directory it is.
    pub identity: LocalIdentity,
    /// Under what name the daemon keeps its copy for the next upload; empty for none.
    pub shared_key_hint: String,
    /// Send what matches one of these only.
    pub include: Vec<String>,
    /// Do not send what matches one of these.
    pub exclude: Vec<String>,
    /// Send these paths only, and what links in them point to.
    pub follow_paths: Vec<String>,
}

/// What keeps equal local sources of different users apart.
///
/// Without either a daemon would merge them and take the files of any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalIdentity {
    /// The session that sends the files.
    Session(String),
    /// Any session of the build; this id makes the op its own.
    Unique(String),
}

impl LocalSource {
    /// The whole directory of this name.
    #[must_use]
    pub fn new(name: impl Into<String>, identity: LocalIdentity) -> Self {
        Self {
            name: name.into(),
            identity,
            shared_key_hint: String::new(),
            include: Vec::new(),
            exclude: Vec::new(),
            follow_paths: Vec::new(),
        }
    }

    pub(crate) fn body(&self) -> Body {
        let mut attrs = BTreeMap::new();
        let mut caps = vec![caps::SOURCE_LOCAL];
        match &self.identity {
            LocalIdentity::Session(id) => {
                attrs.insert("local.session", id.clone());
                caps.push(caps::SOURCE_LOCAL_SESSION_ID);
            }
            LocalIdentity::Unique(id) => {
                attrs.insert("local.unique", id.clone());
                caps.push(caps::SOURCE_LOCAL_UNIQUE);
            }
        }
        if !self.shared_key_hint.is_empty() {
            attrs.insert("local.sharedkeyhint", self.shared_key_hint.clone());
            caps.push(caps::SOURCE_LOCAL_SHARED_KEY_HINT);
        }
        for (name, patterns, cap) in [
            ("local.includepattern", &self.include, caps::SOURCE_LOCAL_INCLUDE_PATTERNS),
            ("local.excludepatterns", &self.exclude, caps::SOURCE_LOCAL_EXCLUDE_PATTERNS),
            ("local.followpaths", &self.follow_paths, caps::SOURCE_LOCAL_FOLLOW_PATHS),
        ] {
            if !patterns.is_empty() {
                attrs.insert(name, go_json::string_list(patterns));
                caps.push(cap);
            }
        }
        super::body(format!("local://{}", self.name), attrs, None, caps)
    }
}

#[cfg(test)]
mod tests {
    use buildkit_proto::pb;

    use super::*;

    fn attrs(op: &LocalSource) -> Vec<String> {
        let pb::op::Op::Source(source) = op.body().op else { panic!("a source op") };
        source
            .attrs
            .into_iter()
            .map(|attr| format!("{}={}", attr.key(), attr.value()))
            .collect()
    }

    #[test]
    fn only_what_is_said_is_an_attribute() {
        let session = LocalSource::new("context", LocalIdentity::Session("id".to_owned()));
        assert_eq!(attrs(&session), ["local.session=id"]);
        let unique = LocalSource::new("context", LocalIdentity::Unique(String::new()));
        assert_eq!(attrs(&unique), ["local.unique="]);
        let all = LocalSource {
            shared_key_hint: "hint".to_owned(),
            include: vec!["<a>".to_owned()],
            exclude: vec!["b".to_owned()],
            follow_paths: vec!["c".to_owned(), "d".to_owned()],
            ..session
        };
        let expected = [
            r#"local.excludepatterns=["b"]"#,
            r#"local.followpaths=["c","d"]"#,
            r#"local.includepattern=["\u003ca\u003e"]"#,
            "local.session=id",
            "local.sharedkeyhint=hint",
        ];
        assert_eq!(attrs(&all), expected);
    }
}
