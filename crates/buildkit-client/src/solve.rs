//! What is asked of a solve and what it answers, and solving a definition as it is.

use std::collections::BTreeMap;
use std::pin::pin;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use buildkit_gateway::{CacheImport, GatewayError, SourcePolicy};
use buildkit_llb::Definition;
use buildkit_proto::{control, entries, into_map};
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::client::{Client, MAX_MESSAGE};
use crate::id::{NoRandomness, new_id};
use crate::layout::Descriptor;
use crate::session::Session;
use crate::status::StatusUpdate;
use crate::watch::Watch;

/// What is asked of a solve, apart from what is built.
#[derive(Debug, Clone, Default)]
pub struct BuildRequest {
    /// Names the build at the daemon; made up if absent. A name is spent by one solve, even a failed one.
    pub ref_id: Option<String>,
    /// The session that the daemon calls back on.
    pub session_id: String,
    /// What is done with the result. Their order gives the ids under which a session receives them, from 0.
    pub exporters: Vec<Exporter>,
    /// Where the build's cache goes.
    pub cache_exports: Vec<CacheExport>,
    /// Caches to look into. In a gateway build they belong to each of its solves; here they do nothing.
    pub cache_imports: Vec<CacheImport>,
    /// What the build may do beyond the ordinary: `network.host`, `security.insecure`, `device=…`.
    pub entitlements: Vec<String>,
    /// Options of the build: `attest:*`, `platform`, `build-arg:SOURCE_DATE_EPOCH`. The history keeps them.
    pub frontend_attrs: BTreeMap<String, String>,
    /// What sources the build may use, also those of frontends and scanners that the daemon runs.
    pub source_policy: Option<SourcePolicy>,
    /// Cancel this to end the build in good order.
    pub cancel: CancellationToken,
}

/// Something that is done with a result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exporter {
    /// `image`, `local`, `tar`, `oci`, `docker`, or the engine's `moby`.
    pub kind: String,
    /// Its attributes, such as `name` and `push`.
    pub attrs: BTreeMap<String, String>,
}

/// Somewhere that a cache goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheExport {
    /// `registry`, `local`, `inline`, `gha`, `s3` or `azblob`.
    pub kind: String,
    /// Its attributes, such as `ref` and `mode`.
    pub attrs: BTreeMap<String, String>,
}

/// What a solve answers.
#[derive(Debug, Clone, Default)]
pub struct SolveResponse {
    /// The name of the build at the daemon.
    pub ref_id: String,
    /// What the exporters tell, by key.
    pub exporter: BTreeMap<String, String>,
    /// Why the stream of updates broke off early, if it did. The build itself went well.
    pub status_error: Option<GatewayError>,
}

/// A solve failed.
#[derive(Debug, thiserror::Error)]
pub enum SolveError {
    /// The system gave no random bytes for its name.
    #[error(transparent)]
    Id(#[from] NoRandomness),
    /// The daemon tells why.
    #[error(transparent)]
    Solve(#[from] GatewayError),
    /// It was cancelled.
    #[error("build cancelled")]
    Cancelled,
}

impl BuildRequest {
    /// A build with this session, without exporters.
    #[must_use]
    pub fn new(session: &Session) -> Self {
        Self { session_id: session.id().to_owned(), ..Self::default() }
    }

    /// Adds an exporter.
    #[must_use]
    pub fn exporter(mut self, exporter: Exporter) -> Self {
        self.exporters.push(exporter);
        self
    }

    /// The name of the build: the one that was given, or a new one.
    pub(crate) fn name(&self) -> Result<String, NoRandomness> {
        match &self.ref_id {
            Some(name) => Ok(name.clone()),
            None => new_id(),
        }
    }

    /// On the wire, without definition and frontend: *absent*, as an empty definition would end at once.
    pub(crate) fn to_pb(&self, name: &str) -> control::SolveRequest {
        // Daemons before v0.13 know one exporter only, in fields of its own.
        let first = self.exporters.first().cloned().unwrap_or_default();
        let cache = control::CacheOptions {
            exports: self.cache_exports.iter().map(|to| cache_entry(&to.kind, &to.attrs)).collect(),
            imports: self
                .cache_imports
                .iter()
                .map(|from| cache_entry(&from.kind, &from.attrs))
                .collect(),
            ..Default::default()
        };
        control::SolveRequest {
            r#ref: name.to_owned(),
            exporter_deprecated: first.kind,
            exporter_attrs_deprecated: entries(first.attrs),
            session: self.session_id.clone(),
            frontend_attrs: entries(self.frontend_attrs.clone()),
            cache: Some(cache),
            entitlements: self.entitlements.clone(),
            exporters: self.exporters.iter().map(Exporter::to_pb).collect(),
            source_policy: self.source_policy.as_ref().map(SourcePolicy::to_pb),
            ..Default::default()
        }
    }
}

impl Exporter {
    /// An exporter without attributes.
    #[must_use]
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), attrs: BTreeMap::new() }
    }

    /// Adds an attribute, replacing what stood under its key.
    #[must_use]
    pub fn attr(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attrs.insert(key.into(), value.into());
        self
    }

    fn to_pb(&self) -> control::Exporter {
        control::Exporter { r#type: self.kind.clone(), attrs: entries(self.attrs.clone()) }
    }
}

impl SolveResponse {
    pub(crate) fn new(ref_id: String, answer: control::SolveResponse, watch: Watch<'_>) -> Self {
        let exporter = into_map(answer.exporter_response);
        Self { ref_id, exporter, status_error: watch.into_error() }
    }

    /// The digest of the image that was exported: of its index, or of its only manifest.
    #[must_use]
    pub fn image_digest(&self) -> Option<&str> {
        self.get("containerimage.digest")
    }

    /// The digest of the image's config: what an engine calls its id.
    #[must_use]
    pub fn image_config_digest(&self) -> Option<&str> {
        self.get("containerimage.config.digest")
    }

    /// The names under which the image was exported.
    pub fn image_names(&self) -> impl Iterator<Item = &str> {
        self.get("image.name")
            .unwrap_or_default()
            .split(',')
            .filter(|name| !name.is_empty())
    }

    /// The manifest or index of the image, as the index of a [layout](crate::layout) lists it.
    #[must_use]
    pub fn image_descriptor(&self) -> Option<Descriptor> {
        let json = BASE64_STANDARD.decode(self.get("containerimage.descriptor")?).ok()?;
        Descriptor::from_json(&json).ok()
    }

    /// The manifest of the cache that was exported, as the index of a [layout](crate::layout) lists it.
    #[must_use]
    pub fn cache_manifest(&self) -> Option<Descriptor> {
        Descriptor::from_json(self.get("cache.manifest")?.as_bytes()).ok()
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.exporter.get(key).map(String::as_str)
    }
}

impl Client {
    /// Solves a definition as it is, and exports what it gives.
    ///
    /// An image config can only be given as the attribute `containerimage.config` of an exporter; builds that
    /// make images are better made with [`Client::build`]. Dropping the future cancels the solve.
    ///
    /// # Errors
    /// As the daemon tells; a definition over 16 MiB is refused here.
    pub async fn solve(
        &self,
        definition: &Definition,
        request: BuildRequest,
        mut on_status: impl FnMut(StatusUpdate) + Send,
    ) -> Result<SolveResponse, SolveError> {
        let name = request.name()?;
        let message = control::SolveRequest { definition: Some(definition.to_pb()), ..request.to_pb(&name) };
        let size = message.encoded_len();
        if size > MAX_MESSAGE {
            let text = format!("the definition has {size} bytes, and a daemon takes at most {MAX_MESSAGE}");
            return Err(GatewayError::with_code(Code::ResourceExhausted, text).into());
        }
        let mut control = self.control();
        let solve = pin!(control.solve(message));
        let mut watch = Watch::start(self.clone(), &name, &mut on_status);
        let answer = watch
            .beside(async {
                tokio::select! {
                    answer = solve => answer.map_err(|status| SolveError::Solve(status.into())),
                    () = request.cancel.cancelled() => Err(SolveError::Cancelled),
                }
            })
            .await;
        if !matches!(answer, Err(SolveError::Cancelled)) {
            watch.finish(answer.is_ok()).await;
        }
        answer.map(|answer| SolveResponse::new(name, answer.into_inner(), watch))
    }
}

fn cache_entry(kind: &str, attrs: &BTreeMap<String, String>) -> control::CacheOptionsEntry {
    control::CacheOptionsEntry { r#type: kind.to_owned(), attrs: entries(attrs.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_exporter_stands_in_the_old_fields_too() {
        let request = BuildRequest::default()
            .exporter(Exporter::new("image").attr("name", "app").attr("push", "true"))
            .exporter(Exporter::new("tar"));
        let message = request.to_pb("b1");
        assert_eq!(message.exporter_deprecated, "image");
        assert_eq!(into_map(message.exporter_attrs_deprecated)["name"], "app");
        assert_eq!(message.exporters.len(), 2);
        assert_eq!((message.definition, message.frontend.as_str()), (None, ""));
    }

    #[test]
    fn names_of_an_image() {
        let mut response = SolveResponse::default();
        assert_eq!(response.image_names().count(), 0);
        response.exporter.insert("image.name".into(), "a:1,b:2".into());
        response.exporter.insert("containerimage.digest".into(), "sha256:aa".into());
        assert_eq!(response.image_names().collect::<Vec<_>>(), ["a:1", "b:2"]);
        assert_eq!(response.image_digest(), Some("sha256:aa"));
    }
}
