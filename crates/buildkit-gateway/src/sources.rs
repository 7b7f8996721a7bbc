//! What sources are now: images, git refs, files behind URLs.
//!
//! Source: BuildKit v0.34 `client/llb/sourceresolver`, `frontend/gateway/grpcclient/client.go`.

use std::collections::BTreeMap;

use buildkit_llb::{Definition, Digest, Platform};
use buildkit_proto::{Message as _, entries, gateway as pb, into_map};
use bytes::Bytes;
use serde::Deserialize;
use tonic::Code;

use crate::channel::Channel;
use crate::errdefs::GatewayError;
use crate::gateway::{Gateway, platform_to_pb};
use crate::policy::{SourceAction, SourcePolicy};

/// The media type of an index that may have attestations.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// In a request: the image is in an OCI layout of a client.
const OCI_LAYOUT: i32 = 1;

/// Which image config is asked for.
#[derive(Debug, Clone, Default)]
pub struct ImageRequest {
    /// The image: `docker.io/library/debian:bookworm-slim`.
    pub reference: String,
    /// The platform; the worker's own if absent.
    ///
    /// An image without an index answers for *any* platform: compare the config's.
    pub platform: Option<Platform>,
    /// Where the daemon looks.
    pub mode: ResolveMode,
    /// The name of the vertex that progress shows; empty for the daemon's default.
    pub log_name: String,
    /// The image is not in a registry, but here.
    pub layout: Option<LayoutStore>,
    /// What images may be used.
    pub policies: Vec<SourcePolicy>,
}

/// Where the daemon looks for an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResolveMode {
    /// As the daemon is set up.
    #[default]
    Default,
    /// At the registry, always.
    Pull,
    /// What is there already, then the registry.
    Local,
}

/// A directory in the OCI image layout, which a client serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayoutStore {
    /// The session that serves it; empty for any of the build.
    pub session: String,
    /// The name under which it does.
    pub store: String,
}

/// An image's config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageConfig {
    /// The digest of the image's manifest or index.
    pub digest: String,
    /// The config, as JSON.
    pub config: Bytes,
    /// The reference that the daemon resolved; a source policy may have changed it.
    pub reference: String,
}

/// A source as LLB names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceId {
    /// `docker-image://…`, `git://…`, `https://…`
    pub identifier: String,
    /// What else decides about it, such as `git.checksum`.
    pub attrs: BTreeMap<String, String>,
}

/// Which source is asked for, and what of it.
#[derive(Debug, Clone, Default)]
pub struct SourceRequest {
    /// The source.
    pub source: SourceId,
    /// Of an image; the worker's own if absent.
    pub platform: Option<Platform>,
    /// Where the daemon looks for an image.
    pub mode: ResolveMode,
    /// The name of the vertex that progress shows; empty for the daemon's default.
    pub log_name: String,
    /// Of an image: not its config. Nothing is looked for then but its attestations, if they are asked for.
    pub no_config: bool,
    /// Of an image: how it and its attestations hang together.
    pub attestations: Option<AttestationRequest>,
    /// Of a git ref: the bytes of its commit and tag.
    pub git_objects: bool,
    /// Of a file behind a URL: a checksum over it and a suffix.
    pub checksum: Option<(ChecksumAlgorithm, Bytes)>,
    /// What sources may be used.
    pub policies: Vec<SourcePolicy>,
}

/// What is asked about the attestations of an image.
///
/// Only an index has them. Asked about anything else, a daemon panics, and every build in it ends (BuildKit v0.33.1
/// `source/containerimage/source.go`). So the index has to be at hand, and the image's name has to end in its digest.
#[derive(Debug, Clone, Default)]
pub struct AttestationRequest {
    /// The image's index in the OCI format, as its registry gives it.
    pub index: Bytes,
    /// The predicate types of attestations whose content comes along.
    pub content: Vec<String>,
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// What a source is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceMeta {
    /// The source; a policy may have changed it.
    pub source: SourceId,
    /// What it is.
    pub state: SourceState,
}

/// What is known of a source, by its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceState {
    /// Nothing more.
    #[default]
    Unknown,
    /// An image.
    Image {
        /// Of the manifest or index.
        digest: String,
        /// The config, as JSON; empty if it was not asked for.
        config: Bytes,
        /// How the image and its attestations hang together, if it was asked for.
        attestations: Option<AttestationChain>,
    },
    /// A git ref.
    Git {
        /// Of the commit, or of the tag object if the ref is an annotated tag.
        checksum: String,
        /// The ref in full: `refs/heads/main`.
        reference: String,
        /// Of the commit, if the checksum is that of a tag object.
        commit_checksum: String,
        /// The commit, if it was asked for.
        commit: Bytes,
        /// The tag object, if there is one and it was asked for.
        tag: Bytes,
    },
    /// A file behind a URL.
    Http {
        /// The digest of the file.
        checksum: String,
        /// What the server calls it.
        filename: String,
        /// When it was changed, in seconds since 1970, if the server says so.
        modified: Option<i64>,
        /// The checksum that was asked for, and its suffix.
        asked: Option<(String, Bytes)>,
    },
}

/// How an image and its attestations hang together, by digests; what is absent is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttestationChain {
    /// What the name stands for.
    pub root: String,
    /// The manifest of the platform.
    pub image: String,
    /// The manifest of its attestations.
    pub attestation: String,
    /// The manifests of signatures of them.
    pub signatures: Vec<String>,
    /// Content, by digest: what hangs together above.
    pub blobs: BTreeMap<String, Bytes>,
}

impl<C: Channel> Gateway<C> {
    /// Asks for an image's config.
    ///
    /// # Errors
    /// As the daemon or the registry tells.
    pub async fn resolve_image_config(&self, image: &ImageRequest) -> Result<ImageConfig, GatewayError> {
        let layout = image.layout.clone();
        let resolver_type = if layout.is_some() { OCI_LAYOUT } else { 0 };
        let layout = layout.unwrap_or_default();
        let request = pb::ResolveImageConfigRequest {
            r#ref: image.reference.clone(),
            platform: image.platform.as_ref().map(platform_to_pb),
            resolve_mode: image.mode.name().to_owned(),
            log_name: image.log_name.clone(),
            resolver_type,
            session_id: layout.session,
            store_id: layout.store,
            source_policies: self.policies_with(&image.policies),
        };
        let answer = self.bridge.clone().resolve_image_config(request).await?.into_inner();
        Ok(ImageConfig { digest: answer.digest, config: answer.config, reference: answer.r#ref })
    }

    /// Asks what a source is now.
    ///
    /// # Errors
    /// As the daemon or the source's server tells. A request for attestations of what is not known to have any is
    /// refused here.
    pub async fn resolve_source(&self, source: &SourceRequest) -> Result<SourceMeta, GatewayError> {
        source.check_attestations(&self.policies)?;
        let http = source
            .checksum
            .as_ref()
            .map(|(algorithm, suffix)| pb::ResolveSourceHttpRequest {
                checksum_request: Some(pb::ChecksumRequest {
                    algo: algorithm.to_pb().into(),
                    suffix: suffix.clone(),
                }),
            });
        let request = pb::ResolveSourceMetaRequest {
            source: Some(source.source.to_pb()),
            platform: source.platform.as_ref().map(platform_to_pb),
            log_name: source.log_name.clone(),
            resolve_mode: source.mode.name().to_owned(),
            git: source
                .git_objects
                .then_some(pb::ResolveSourceGitRequest { return_object: true }),
            image: Some(pb::ResolveSourceImageRequest {
                no_config: source.no_config,
                attestation_chain: source.attestations.is_some(),
                resolve_attestations: source
                    .attestations
                    .as_ref()
                    .map(|asked| asked.content.clone())
                    .unwrap_or_default(),
            }),
            http,
            source_policies: self.policies_with(&source.policies),
        };
        let answer = self.bridge.clone().resolve_source_meta(request).await?.into_inner();
        Ok(SourceMeta::from_pb(answer))
    }
}

impl SourceRequest {
    /// Refuses what would take the daemon down.
    fn check_attestations(&self, policies: &[SourcePolicy]) -> Result<(), GatewayError> {
        #[derive(Deserialize)]
        struct Manifest {
            #[serde(rename = "mediaType", default)]
            media_type: String,
        }
        let Some(asked) = &self.attestations else { return Ok(()) };
        let identifier = &self.source.identifier;
        let refused = |what: String| {
            let text = format!("cannot ask for the attestations of `{identifier}`: {what}");
            Err(GatewayError::with_code(Code::InvalidArgument, text))
        };
        let media_type = serde_json::from_slice(&asked.index).map(|manifest: Manifest| manifest.media_type);
        if media_type.ok().as_deref() != Some(INDEX) {
            return refused(format!("what is given as its index has not the media type {INDEX}"));
        }
        let digest = Digest::of(&asked.index);
        let pinned = identifier.strip_suffix(&digest.to_string());
        if !pinned.is_some_and(|name| name.starts_with("docker-image://") && name.ends_with('@')) {
            return refused(format!("name the image by its index, as in `docker-image://NAME@{digest}`"));
        }
        let mut rules = self.policies.iter().chain(policies).flat_map(|policy| &policy.rules);
        if rules.any(|rule| matches!(rule.action, SourceAction::Convert { .. })) {
            return refused("a policy may put another image in its place".to_owned());
        }
        Ok(())
    }
}

impl ResolveMode {
    fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Pull => "pull",
            Self::Local => "local",
        }
    }
}

impl ChecksumAlgorithm {
    fn to_pb(self) -> pb::checksum_request::ChecksumAlgo {
        use pb::checksum_request::ChecksumAlgo;
        match self {
            Self::Sha256 => ChecksumAlgo::Sha256,
            Self::Sha384 => ChecksumAlgo::Sha384,
            Self::Sha512 => ChecksumAlgo::Sha512,
        }
    }
}

impl SourceId {
    /// The only source of a definition; none if there are others, or none at all.
    #[must_use]
    pub fn of(definition: &Definition) -> Option<Self> {
        let mut only = None;
        for op in definition.ops() {
            let op = buildkit_proto::pb::Op::decode(op.bytes.clone()).ok()?;
            if let Some(buildkit_proto::pb::op::Op::Source(source)) = op.op
                && only.replace(Self::from_pb(source)).is_some()
            {
                return None;
            }
        }
        only
    }

    fn from_pb(source: buildkit_proto::pb::SourceOp) -> Self {
        Self { identifier: source.identifier, attrs: into_map(source.attrs) }
    }

    fn to_pb(&self) -> buildkit_proto::pb::SourceOp {
        buildkit_proto::pb::SourceOp {
            identifier: self.identifier.clone(),
            attrs: entries(self.attrs.clone()),
        }
    }
}

impl SourceMeta {
    fn from_pb(answer: pb::ResolveSourceMetaResponse) -> Self {
        let source = answer.source.map(SourceId::from_pb).unwrap_or_default();
        let state = if let Some(image) = answer.image {
            SourceState::Image {
                digest: image.digest,
                config: image.config,
                attestations: image.attestation_chain.map(AttestationChain::from_pb),
            }
        } else if let Some(git) = answer.git {
            SourceState::Git {
                checksum: git.checksum,
                reference: git.r#ref,
                commit_checksum: git.commit_checksum,
                commit: git.commit_object,
                tag: git.tag_object,
            }
        } else if let Some(http) = answer.http {
            SourceState::Http {
                checksum: http.checksum,
                filename: http.filename,
                modified: http.last_modified.map(|time| time.seconds),
                asked: http.checksum_response.map(|answer| (answer.digest, answer.suffix)),
            }
        } else {
            SourceState::Unknown
        };
        Self { source, state }
    }
}

impl AttestationChain {
    fn from_pb(chain: pb::AttestationChain) -> Self {
        let blobs = into_map(chain.blobs).into_iter();
        Self {
            root: chain.root,
            image: chain.image_manifest,
            attestation: chain.attestation_manifest,
            signatures: chain.signature_manifests,
            blobs: blobs.map(|(digest, blob)| (digest, blob.data)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use buildkit_llb::{Graph, HttpSource, MergeOp, Metadata};

    use super::*;

    #[test]
    fn a_definition_of_one_source_names_it() {
        let mut graph = Graph::new();
        let one = graph
            .add(HttpSource::new("https://example.com/a"), Metadata::default())
            .unwrap();
        let two = graph
            .add(HttpSource::new("https://example.com/b"), Metadata::default())
            .unwrap();
        let both = MergeOp { inputs: vec![one.root(), two.root()] };
        let both = graph.add(both, Metadata::default()).unwrap();
        let source = |output| SourceId::of(&graph.definition(output).unwrap());
        assert_eq!(source(Some(one.root())).unwrap().identifier, "https://example.com/a");
        assert_eq!(source(Some(both.root())), None);
        assert_eq!(source(None), None);
    }
}
