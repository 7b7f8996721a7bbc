//! A client of a registry on loopback: plain HTTP, no credentials (OCI distribution spec v1.1).

use std::io::Read;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, SendBody};

use crate::Descriptor;

/// Manifests and indexes that are asked for, OCI's and Docker's.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// What went wrong between this client and the registry.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// No answer, or one that is not HTTP.
    #[error("{method} {url}")]
    Transport {
        /// The request's method.
        method: &'static str,
        /// The request's address.
        url: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// An answer with another status than the wanted one.
    #[error("{method} {url}: {status}: {body}")]
    Status {
        /// The request's method.
        method: &'static str,
        /// The request's address.
        url: String,
        /// What was answered.
        status: StatusCode,
        /// What the registry says about it.
        body: String,
    },
    /// An answer of the right status that does not hold what it must.
    #[error("{method} {url}: the answer has no {what}")]
    Answer {
        /// The request's method.
        method: &'static str,
        /// The request's address.
        url: String,
        /// What is missing.
        what: &'static str,
    },
    /// Content that is not what its digest says.
    #[error("{url}: content has the digest {found}, not {wanted}")]
    Digest {
        /// The request's address.
        url: String,
        /// The digest asked for.
        wanted: String,
        /// The digest of what came.
        found: String,
    },
}

/// A manifest or an index as the registry holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Which kind it is.
    pub media_type: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The bytes that the digest is of: JSON.
    pub bytes: Vec<u8>,
}

/// A registry by its address, `127.0.0.1:PORT`. Repositories are names like `library/debian`.
#[derive(Debug, Clone)]
pub struct Registry {
    address: String,
    agent: Agent,
}

impl Registry {
    /// Makes a client; nothing is sent yet.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        // A status is an answer to look at. Proxies of the environment are not for loopback.
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .new_agent();
        Self { address: address.into(), agent }
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asks whether a registry answers here.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when none does.
    pub fn ping(&self) -> Result<(), RegistryError> {
        self.get("/", None)?.wants(StatusCode::OK).map(drop)
    }

    /// The tags of a repository, sorted; none when there is no such repository.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub fn tags(&self, repository: &str) -> Result<Vec<String>, RegistryError> {
        #[derive(Deserialize)]
        struct List {
            tags: Option<Vec<String>>,
        }

        let answer = self.get(&format!("/{repository}/tags/list"), None)?;
        let Some(answer) = answer.found()? else {
            return Ok(Vec::new());
        };
        let (method, url) = (answer.method, answer.url.clone());
        let list: List = serde_json::from_slice(&answer.bytes()?).map_err(|_| RegistryError::Answer {
            method,
            url,
            what: "list of tags",
        })?;
        let mut tags = list.tags.unwrap_or_default();
        tags.sort();
        Ok(tags)
    }

    /// The manifest of a tag or digest, if there is one.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub fn manifest(&self, repository: &str, reference: &str) -> Result<Option<Manifest>, RegistryError> {
        let answer = self.get(&format!("/{repository}/manifests/{reference}"), Some(MANIFESTS))?;
        let Some(answer) = answer.found()? else {
            return Ok(None);
        };
        let media_type = answer.header("content-type")?;
        let url = answer.url.clone();
        let bytes = answer.bytes()?;
        let digest = digest_of(&bytes);
        if reference.contains(':') && reference != digest {
            return Err(RegistryError::Digest { url, wanted: reference.to_owned(), found: digest });
        }
        Ok(Some(Manifest { media_type, digest, bytes }))
    }

    /// A blob's bytes as a stream, which the caller checks against the digest if it matters.
    ///
    /// # Errors
    ///
    /// [`RegistryError`], also when there is no such blob.
    pub fn blob(&self, repository: &str, digest: &str) -> Result<impl Read + use<>, RegistryError> {
        let answer = self.get(&format!("/{repository}/blobs/{digest}"), None)?;
        let answer = answer.wants(StatusCode::OK)?;
        Ok(answer.response.into_body().into_reader())
    }

    /// Whether the repository has a blob.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub fn has_blob(&self, repository: &str, digest: &str) -> Result<bool, RegistryError> {
        let url = self.url(&format!("/{repository}/blobs/{digest}"));
        let result = self.agent.head(&url).call();
        let answer = Answer::of("HEAD", url, result)?;
        Ok(answer.found()?.is_some())
    }

    /// Uploads a blob in one piece.
    ///
    /// # Errors
    ///
    /// [`RegistryError`], also when the bytes are not what the descriptor says.
    pub fn push_blob(
        &self,
        repository: &str,
        blob: &Descriptor,
        mut content: impl Read,
    ) -> Result<(), RegistryError> {
        let url = self.url(&format!("/{repository}/blobs/uploads/"));
        let result = self.agent.post(&url).send_empty();
        let answer = Answer::of("POST", url, result)?.wants(StatusCode::ACCEPTED)?;
        let location = answer.header("location")?;

        let separator = if location.contains('?') { '&' } else { '?' };
        // Relative to the registry, or whole.
        let host = match location.starts_with('/') {
            true => format!("http://{}", self.address),
            false => String::new(),
        };
        let url = format!("{host}{location}{separator}digest={}", blob.digest);
        let result = self
            .agent
            .put(&url)
            .content_type("application/octet-stream")
            .header("content-length", blob.size.to_string())
            .send(SendBody::from_reader(&mut content));
        Answer::of("PUT", url, result)?.wants(StatusCode::CREATED).map(drop)
    }

    /// Stores a manifest, whose blobs must be there, under a tag or its digest.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub fn push_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(), RegistryError> {
        let url = self.url(&format!("/{repository}/manifests/{reference}"));
        let result = self.agent.put(&url).content_type(media_type).send(bytes);
        Answer::of("PUT", url, result)?.wants(StatusCode::CREATED).map(drop)
    }

    fn get(&self, path: &str, accept: Option<&str>) -> Result<Answer, RegistryError> {
        let url = self.url(path);
        let mut request = self.agent.get(&url);
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let result = request.call();
        Answer::of("GET", url, result)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v2{path}", self.address)
    }
}

/// `sha256:` and the digest of some bytes.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A response, with the request that it belongs to.
struct Answer {
    method: &'static str,
    url: String,
    response: Response<Body>,
}

impl Answer {
    fn of(
        method: &'static str,
        url: String,
        result: Result<Response<Body>, ureq::Error>,
    ) -> Result<Self, RegistryError> {
        match result {
            Ok(response) => Ok(Self { method, url, response }),
            Err(source) => Err(RegistryError::Transport { method, url, source: Box::new(source) }),
        }
    }

    fn wants(mut self, status: StatusCode) -> Result<Self, RegistryError> {
        if self.response.status() == status {
            return Ok(self);
        }
        Err(RegistryError::Status {
            method: self.method,
            url: self.url,
            status: self.response.status(),
            body: self.response.body_mut().read_to_string().unwrap_or_default(),
        })
    }

    /// The answer, or nothing when the registry does not know what was asked for.
    fn found(self) -> Result<Option<Self>, RegistryError> {
        if self.response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.wants(StatusCode::OK).map(Some)
    }

    fn header(&self, name: &'static str) -> Result<String, RegistryError> {
        self.response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
            .ok_or_else(|| RegistryError::Answer { method: self.method, url: self.url.clone(), what: name })
    }

    fn bytes(mut self) -> Result<Vec<u8>, RegistryError> {
        self.response
            .body_mut()
            .read_to_vec()
            .map_err(|source| RegistryError::Transport {
                method: self.method,
                url: self.url,
                source: Box::new(source),
            })
    }
}
