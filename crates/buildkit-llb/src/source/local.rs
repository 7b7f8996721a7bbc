//! Files of the client, sent through its session.
//!
//! Identifier and attributes as in BuildKit v0.34 solver/pb/attr.go and client/llb/source.go.

use std::collections::BTreeMap;

use crate::op::Body;
use crate::{OpError, caps, go_json};

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
    /// How files that the daemon has already are told from changed ones.
    pub differ: LocalDiffer,
    /// A daemon without a choice of `differ` must refuse the op, instead of comparing metadata; for a choice only.
    pub differ_required: bool,
    /// Send names, sizes and times only, and the content of what matches one of these; `None` sends all content.
    pub metadata_only: Option<Vec<String>>,
}

/// How files that the daemon has already are told from changed ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LocalDiffer {
    /// As the daemon likes, which is by metadata.
    #[default]
    Default,
    /// Not at all: every file is sent.
    None,
    /// By size, time, mode, owner and what a link says.
    Metadata,
}

/// What keeps equal local sources of different users apart.
///
/// Without either a daemon would merge them and take the files of any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalIdentity {
    /// The session that sends the files, not empty.
    ///
    /// Before a colon there can be a prefix: the session `id` of `prefix:id` is asked for `prefix-name`.
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
            differ: LocalDiffer::default(),
            differ_required: false,
            metadata_only: None,
        }
    }

    pub(crate) fn body(&self) -> Result<Body, OpError> {
        self.validate()?;
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
        let differ = match self.differ {
            LocalDiffer::Default => None,
            LocalDiffer::None => Some("none"),
            LocalDiffer::Metadata => Some("metadata"),
        };
        if let Some(differ) = differ {
            attrs.insert("local.differ", differ.to_owned());
            if self.differ_required {
                caps.push(caps::SOURCE_LOCAL_DIFFER);
            }
        }
        if let Some(exceptions) = &self.metadata_only {
            attrs.insert("local.metadatatransfer", "true".to_owned());
            if !exceptions.is_empty() {
                attrs.insert("local.metadatatransferexclude", go_json::string_list(exceptions));
            }
            caps.push(caps::SOURCE_LOCAL_METADATA_TRANSFER);
        }
        Ok(super::body(format!("local://{}", self.name), attrs, None, caps))
    }

    fn validate(&self) -> Result<(), OpError> {
        if self.name.is_empty() {
            return Err(OpError::LocalWithoutName);
        }
        if self.differ_required && self.differ == LocalDiffer::Default {
            return Err(OpError::LocalWithoutDiffer { name: self.name.clone() });
        }
        match &self.identity {
            LocalIdentity::Session(id) if id.is_empty() || id.ends_with(':') => {
                Err(OpError::LocalWithoutSession { name: self.name.clone() })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::attrs;
    use super::*;

    #[test]
    fn only_what_is_said_is_an_attribute() {
        let session = LocalSource::new("context", LocalIdentity::Session("id".to_owned()));
        assert_eq!(attrs(session.body().unwrap()), ["local.session=id"]);
        let unique = LocalSource::new("context", LocalIdentity::Unique(String::new()));
        assert_eq!(attrs(unique.body().unwrap()), ["local.unique="]);
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
        assert_eq!(attrs(all.body().unwrap()), expected);
    }

    #[test]
    fn only_a_required_differ_needs_a_capability() {
        let unique = LocalIdentity::Unique("u".to_owned());
        let mut op = LocalSource { differ: LocalDiffer::None, ..LocalSource::new("context", unique) };
        assert_eq!(attrs(op.body().unwrap()), ["local.differ=none", "local.unique=u"]);
        assert!(!op.body().unwrap().caps.contains(&caps::SOURCE_LOCAL_DIFFER));
        op.differ = LocalDiffer::Metadata;
        op.differ_required = true;
        assert_eq!(attrs(op.body().unwrap()), ["local.differ=metadata", "local.unique=u"]);
        assert!(op.body().unwrap().caps.contains(&caps::SOURCE_LOCAL_DIFFER));
        op.differ = LocalDiffer::Default;
        let error = op.body().err().expect("an error").to_string();
        assert_eq!(error, "the local source \"context\" requires its differ, and has the default one");
    }

    #[test]
    fn metadata_alone_can_have_exceptions() {
        let identity = LocalIdentity::Session("prefix:id".to_owned());
        let mut op = LocalSource { metadata_only: Some(Vec::new()), ..LocalSource::new("context", identity) };
        assert_eq!(attrs(op.body().unwrap()), ["local.metadatatransfer=true", "local.session=prefix:id"]);
        op.metadata_only = Some(vec!["*.lock".to_owned()]);
        let attrs = attrs(op.body().unwrap());
        assert_eq!(attrs[1], r#"local.metadatatransferexclude=["*.lock"]"#);
        assert!(op.body().unwrap().caps.contains(&caps::SOURCE_LOCAL_METADATA_TRANSFER));
    }

    #[test]
    fn nobody_can_send_what_has_no_name_or_no_session() {
        let local = |name: &str, id: &str| LocalSource::new(name, LocalIdentity::Session(id.to_owned()));
        assert_eq!(local("", "id").body().err(), Some(OpError::LocalWithoutName));
        for id in ["", "prefix:"] {
            let error = OpError::LocalWithoutSession { name: "context".to_owned() };
            assert_eq!(local("context", id).body().err(), Some(error));
        }
    }
}
