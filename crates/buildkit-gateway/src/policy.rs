//! Source policies: which sources a build may use, and which stand in for others.
//!
//! Source: BuildKit v0.34 `sourcepolicy/pb/policy.proto`, `sourcepolicy/engine.go`.

use std::collections::BTreeMap;

use buildkit_proto::{entries, sourcepolicy as pb};

/// Rules about sources. Of those that match a source and allow or deny it, the last decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourcePolicy {
    /// The rules, in order.
    pub rules: Vec<SourceRule>,
}

/// What happens to the sources that it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRule {
    /// The identifier of a source, such as `docker-image://docker.io/library/debian:*`.
    pub identifier: String,
    /// How that is compared.
    pub matching: SourceMatch,
    /// What must hold for the source's attributes, too.
    pub constraints: Vec<AttrConstraint>,
    /// What happens.
    pub action: SourceAction,
}

/// How an identifier is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SourceMatch {
    /// With `*` and `?`.
    #[default]
    Wildcard,
    /// As it is.
    Exact,
    /// As a regular expression, whose groups a replacement may name as `${1}`.
    Regex,
}

/// What happens to a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceAction {
    /// It may be used.
    Allow,
    /// It may not.
    Deny,
    /// Another one takes its place, about which the rules are asked again.
    Convert {
        /// Its identifier; empty keeps it.
        identifier: String,
        /// Attributes that it gets.
        attrs: BTreeMap<String, String>,
    },
}

/// What must hold for an attribute of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttrConstraint {
    /// The attribute.
    pub key: String,
    /// What it is compared with.
    pub value: String,
    /// How.
    pub condition: AttrCondition,
}

/// How an attribute is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttrCondition {
    /// It is equal.
    Equal,
    /// It is not equal.
    NotEqual,
    /// It matches a regular expression.
    Matches,
}

impl SourcePolicy {
    /// The policy as a message of the wire.
    #[must_use]
    pub fn to_pb(&self) -> pb::Policy {
        pb::Policy { version: 1, rules: self.rules.iter().map(SourceRule::to_pb).collect() }
    }
}

impl SourceRule {
    fn to_pb(&self) -> pb::Rule {
        let (action, updates) = match &self.action {
            SourceAction::Allow => (pb::PolicyAction::Allow, None),
            SourceAction::Deny => (pb::PolicyAction::Deny, None),
            SourceAction::Convert { identifier, attrs } => {
                let update = pb::Update { identifier: identifier.clone(), attrs: entries(attrs.clone()) };
                (pb::PolicyAction::Convert, Some(update))
            }
        };
        let match_type = match self.matching {
            SourceMatch::Wildcard => pb::MatchType::Wildcard,
            SourceMatch::Exact => pb::MatchType::Exact,
            SourceMatch::Regex => pb::MatchType::Regex,
        };
        let selector = pb::Selector {
            identifier: self.identifier.clone(),
            match_type: match_type.into(),
            constraints: self.constraints.iter().map(AttrConstraint::to_pb).collect(),
        };
        pb::Rule { action: action.into(), selector: Some(selector), updates }
    }
}

impl AttrConstraint {
    fn to_pb(&self) -> pb::AttrConstraint {
        let condition = match self.condition {
            AttrCondition::Equal => pb::AttrMatch::Equal,
            AttrCondition::NotEqual => pb::AttrMatch::Notequal,
            AttrCondition::Matches => pb::AttrMatch::Matches,
        };
        pb::AttrConstraint { key: self.key.clone(), value: self.value.clone(), condition: condition.into() }
    }
}
