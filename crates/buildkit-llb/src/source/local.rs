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
