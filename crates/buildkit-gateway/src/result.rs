//! What a build hands back: refs, metadata and attestations.

use std::collections::BTreeMap;

use buildkit_proto::{entries, gateway as pb, into_map};
use bytes::Bytes;

/// Keys of a result's metadata (BuildKit v0.34 `exporter/containerimage/exptypes/keys.go`).
pub mod metadata {
    /// The image config, as JSON.
    pub const IMAGE_CONFIG: &str = "containerimage.config";
    /// The config of the base image, as JSON.
    pub const BASE_CONFIG: &str = "containerimage.base.config";
    /// The names for the exporter `image` with the name `*`.
    pub const IMAGE_NAME: &str = "image.name";
    /// The time of what has none of its own, in seconds since 1970, as decimal digits.
    pub const SOURCE_DATE_EPOCH: &str = "source.date.epoch";
    /// The platforms of a result that is a map, as JSON; its ids are the keys of the map.
    pub const PLATFORMS: &str = "refs.platforms";

    /// The key of an annotation of every image's manifest.
    #[must_use]
    pub fn annotation(name: &str) -> String {
        format!("annotation.{name}")
    }

    /// The key of an annotation of the index of a result that is a map.
    #[must_use]
    pub fn index_annotation(name: &str) -> String {
        format!("annotation-index.{name}")
    }

    /// A key for one platform of a result that is a map: `containerimage.config/linux/arm64`.
    #[must_use]
    pub fn for_platform(key: &str, platform: &str) -> String {
        format!("{key}/{platform}")
    }
}

/// A solved filesystem, by the id that the daemon gave it. It can be read until the build ends.
///
/// The empty ref is scratch: a filesystem without files.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ref {
    id: String,
}

/// The refs of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refs {
    /// One filesystem.
    Single(Ref),
    /// One filesystem per platform id, such as `linux/amd64`; needs [`metadata::PLATFORMS`].
    Map(BTreeMap<String, Ref>),
}

/// What a build hands back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayResult {
    /// The filesystems.
    pub refs: Refs,
    /// Facts for exporters, such as the image config; see [`metadata`].
    pub metadata: BTreeMap<String, Bytes>,
    /// Attestations by platform id.
    pub attestations: BTreeMap<String, Vec<Attestation>>,
}

/// One attestation of a result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attestation {
    /// Whether it is one statement or a bundle of them.
    pub kind: AttestationKind,
    /// Facts about it, such as `reason`.
    pub metadata: BTreeMap<String, Bytes>,
    /// The filesystem that holds it.
    pub reference: Ref,
    /// Its path there.
    pub path: String,
    /// The in-toto predicate type.
    pub predicate_type: String,
    /// What it speaks of.
    pub subjects: Vec<Subject>,
}

/// Shapes of attestations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AttestationKind {
    /// One in-toto statement.
    #[default]
    InToto,
    /// A directory of statements.
    Bundle,
}

/// What an attestation speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The result itself.
    Itself,
    /// Something else, by name and digests.
    Raw {
        /// Its name.
        name: String,
        /// Its digests.
        digests: Vec<String>,
    },
}

impl Ref {
    /// A filesystem without files.
    #[must_use]
    pub fn scratch() -> Self {
        Self::default()
    }

    /// Whether it is scratch.
    #[must_use]
    pub fn is_scratch(&self) -> bool {
        self.id.is_empty()
    }

    /// The daemon's id of it; empty for scratch.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn from_id(id: String) -> Self {
        Self { id }
    }

    fn from_pb(value: pb::Ref) -> Self {
        Self { id: value.id }
    }

    fn to_pb(&self) -> pb::Ref {
        pb::Ref { id: self.id.clone(), def: None }
    }
}

impl GatewayResult {
    /// A result of one filesystem.
    #[must_use]
    pub fn single(reference: Ref) -> Self {
        Self::new(Refs::Single(reference))
    }

    /// A result of one filesystem per platform id.
    #[must_use]
    pub fn map(refs: BTreeMap<String, Ref>) -> Self {
        Self::new(Refs::Map(refs))
    }

    /// Adds one fact, replacing what stood under its key.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// The only filesystem, if the result is not a map.
    #[must_use]
    pub fn as_single(&self) -> Option<&Ref> {
        match &self.refs {
            Refs::Single(reference) => Some(reference),
            Refs::Map(_) => None,
        }
    }

    fn new(refs: Refs) -> Self {
        Self { refs, metadata: BTreeMap::new(), attestations: BTreeMap::new() }
    }

    pub(crate) fn from_pb(result: pb::Result) -> Self {
        use pb::result::Result as Kind;
        let refs = match result.result {
            None => Refs::Single(Ref::scratch()),
            Some(Kind::Ref(reference)) => Refs::Single(Ref::from_pb(reference)),
            Some(Kind::RefDeprecated(id)) => Refs::Single(Ref::from_id(id)),
            Some(Kind::Refs(map)) => Refs::Map(map_values(into_map(map.refs), Ref::from_pb)),
            Some(Kind::RefsDeprecated(map)) => Refs::Map(map_values(into_map(map.refs), Ref::from_id)),
        };
        let read = |list: pb::Attestations| list.attestation.into_iter().map(Attestation::from_pb).collect();
        Self {
            refs,
            metadata: into_map(result.metadata),
            attestations: map_values(into_map(result.attestations), read),
        }
    }

    pub(crate) fn to_pb(&self) -> pb::Result {
        use pb::result::Result as Kind;
        let refs = match &self.refs {
            Refs::Single(reference) => Kind::Ref(reference.to_pb()),
            Refs::Map(refs) => {
                let pairs = refs.iter().map(|(platform, reference)| (platform.clone(), reference.to_pb()));
                Kind::Refs(pb::RefMap { refs: entries(pairs) })
            }
        };
        let attestations = self.attestations.iter().map(|(platform, list)| {
            let attestation = list.iter().map(Attestation::to_pb).collect();
            (platform.clone(), pb::Attestations { attestation })
        });
        pb::Result {
            result: Some(refs),
            metadata: entries(self.metadata.clone()),
            attestations: entries(attestations),
        }
    }
}

impl Attestation {
    fn from_pb(value: pb::Attestation) -> Self {
        let kind = match value.kind() {
            pb::AttestationKind::InToto => AttestationKind::InToto,
            pb::AttestationKind::Bundle => AttestationKind::Bundle,
        };
        let subjects = value.in_toto_subjects.into_iter().map(|subject| match subject.kind() {
            pb::InTotoSubjectKind::Self_ => Subject::Itself,
            pb::InTotoSubjectKind::Raw => Subject::Raw { name: subject.name, digests: subject.digest },
        });
        Self {
            kind,
            metadata: into_map(value.metadata),
            reference: value.r#ref.map(Ref::from_pb).unwrap_or_default(),
            path: value.path,
            predicate_type: value.in_toto_predicate_type,
            subjects: subjects.collect(),
        }
    }

    fn to_pb(&self) -> pb::Attestation {
        let kind = match self.kind {
            AttestationKind::InToto => pb::AttestationKind::InToto,
            AttestationKind::Bundle => pb::AttestationKind::Bundle,
        };
        let subjects = self.subjects.iter().map(|subject| match subject {
            Subject::Itself => pb::InTotoSubject::default(),
            Subject::Raw { name, digests } => pb::InTotoSubject {
                kind: pb::InTotoSubjectKind::Raw.into(),
                digest: digests.clone(),
                name: name.clone(),
            },
        });
        pb::Attestation {
            kind: kind.into(),
            metadata: entries(self.metadata.clone()),
            r#ref: Some(self.reference.to_pb()),
            path: self.path.clone(),
            in_toto_predicate_type: self.predicate_type.clone(),
            in_toto_subjects: subjects.collect(),
        }
    }
}

fn map_values<A, B>(map: BTreeMap<String, A>, read: impl Fn(A) -> B) -> BTreeMap<String, B> {
    map.into_iter().map(|(key, value)| (key, read(value))).collect()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn a_result_comes_back_from_the_wire() {
        let attestation = Attestation {
            kind: AttestationKind::Bundle,
            metadata: [("reason".to_owned(), Bytes::from_static(b"sbom"))].into(),
            reference: Ref::from_id("r2".into()),
            path: "/sbom".into(),
            predicate_type: "https://spdx.dev/Document".into(),
            subjects: vec![
                Subject::Itself,
                Subject::Raw { name: "a".into(), digests: vec!["sha256:aa".into()] },
            ],
        };
        let mut result = GatewayResult::map([("linux/amd64".to_owned(), Ref::from_id("r1".into()))].into())
            .with_metadata(metadata::for_platform(metadata::IMAGE_CONFIG, "linux/amd64"), "{}");
        result.attestations.insert("linux/amd64".into(), vec![attestation]);

        let wire = result.to_pb().encode_to_vec();
        assert_eq!(GatewayResult::from_pb(pb::Result::decode(&wire[..]).unwrap()), result);
    }

    /// A daemon that misses the value of a map entry dies of it.
    #[test]
    fn scratch_in_a_map_keeps_its_value_on_the_wire() {
        let result = GatewayResult::map([("linux/amd64".to_owned(), Ref::scratch())].into());
        let wire = result.to_pb().encode_to_vec();
        assert_eq!(wire, b"\x22\x11\x0a\x0f\x0a\x0blinux/amd64\x12\x00");
    }
}
