//! Credentials for registries, given to the daemon when a registry asks it for them.
//!
//! The daemon asks for user and password, and fetches tokens itself: `GetTokenAuthority` is answered with
//! `UNIMPLEMENTED`, one of the two codes after which it does so (BuildKit v0.34 `session/auth/auth.go`). A registry token
//! that stands ready goes the other way, by `FetchToken`. Nothing is looked up before the daemon asks; what was found
//! counts for five minutes, for this registry alone, and a failure for seconds, in which a daemon that asks for several
//! images at once is not kept waiting for each. What this crate holds is zeroized; the messages on their way through
//! gRPC, whose buffers belong to the transport, are not.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use buildkit_proto::auth::auth_server::Auth as AuthService;
use buildkit_proto::auth::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use bytes::Bytes;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tonic::{Request, Response, Status};

use crate::docker_config::{Credential, DockerSource, key};

/// What the daemon may call.
pub(super) const METHODS: &[&str] = &[
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.filesync.v1.Auth/FetchToken",
    "/moby.filesync.v1.Auth/GetTokenAuthority",
];

/// How long what was found counts: some tokens of cloud registries live for five minutes.
const FRESH: Duration = Duration::from_secs(290);
/// How long a failure counts: what it is about may be mended while a build runs.
const FAILURE_FRESH: Duration = Duration::from_secs(5);
/// How many lookups run at once; each may be a process.
const AT_ONCE: usize = 4;
/// How many registries are remembered.
const MAX_KNOWN: usize = 1000;
/// Longest name of a host, with a port.
const MAX_HOST: usize = 300;

/// Who somebody is to registries. Clones share what was found.
#[derive(Debug, Clone, Default)]
pub struct Auth(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    source: Source,
    /// By host. A lookup holds its host's lock.
    known: Mutex<BTreeMap<String, Arc<AsyncMutex<Option<Known>>>>>,
}

#[derive(Debug, Default)]
enum Source {
    #[default]
    Nobody,
    Given(BTreeMap<String, Credential>),
    Docker(DockerSource, Arc<Semaphore>),
}

/// What was found, or why nothing.
#[derive(Debug)]
struct Known {
    since: Instant,
    found: Result<Arc<Credential>, Status>,
}

impl Known {
    fn is_fresh(&self) -> bool {
        let limit = if self.found.is_ok() { FRESH } else { FAILURE_FRESH };
        self.since.elapsed() < limit
    }
}

impl Auth {
    /// Nobody: every pull and push is anonymous.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// These credentials, by the registry's host; Docker Hub is `docker.io`.
    #[must_use]
    pub fn given<H: Into<String>>(credentials: impl IntoIterator<Item = (H, Credential)>) -> Self {
        let credentials = credentials.into_iter();
        let by_key = credentials.map(|(host, credential)| (key(&host.into()).to_owned(), credential));
        Self::new(Source::Given(by_key.collect()))
    }

    /// Who docker's configuration says.
    #[must_use]
    pub fn docker(source: DockerSource) -> Self {
        Self::new(Source::Docker(source, Arc::new(Semaphore::new(AT_ONCE))))
    }

    fn new(source: Source) -> Self {
        Self(Arc::new(Shared { source, known: Mutex::default() }))
    }

    /// The credentials of a registry; empty if there are none.
    async fn credential(&self, host: &str) -> Result<Arc<Credential>, Status> {
        if host.is_empty()
            || host.len() > MAX_HOST
            || host.contains(|c: char| c.is_control() || c.is_whitespace())
        {
            return Err(Status::invalid_argument("credentials are asked for by the host of a registry"));
        }
        match &self.0.source {
            Source::Nobody => Ok(Arc::default()),
            Source::Given(given) => Ok(Arc::new(given.get(key(host)).cloned().unwrap_or_default())),
            Source::Docker(source, turns) => {
                let slot = self.slot(host);
                let mut slot = slot.lock().await;
                if let Some(known) = slot.as_ref().filter(|known| known.is_fresh()) {
                    return known.found.clone();
                }
                let found = look_up(source.clone(), turns, host.to_owned()).await;
                *slot = Some(Known { since: Instant::now(), found: found.clone() });
                found
            }
        }
    }

    /// Where what is known of a host stands.
    fn slot(&self, host: &str) -> Arc<AsyncMutex<Option<Known>>> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        Arc::clone(known.entry(host.to_owned()).or_default())
    }
}

/// Looks up on a thread that may block. Dropped, it ends the helper that it waits for.
async fn look_up(source: DockerSource, turns: &Semaphore, host: String) -> Result<Arc<Credential>, Status> {
    struct Wanted(Arc<AtomicBool>);
    impl Drop for Wanted {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let gone = || Status::cancelled("the session ends");
    let _turn = turns.acquire().await.map_err(|_| gone())?;
    let unwanted = Arc::new(AtomicBool::new(false));
    let _wanted = Wanted(Arc::clone(&unwanted));
    let found = tokio::task::spawn_blocking(move || {
        let found = source.credential(&host, &unwanted);
        // Not UNIMPLEMENTED and not UNAVAILABLE, after which the daemon goes on without.
        found
            .map_err(|error| Status::failed_precondition(format!("credentials for registry {host}: {error}")))
    });
    match found.await {
        Ok(found) => found.map(Arc::new),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(gone()),
    }
}

#[tonic::async_trait]
impl AuthService for Auth {
    async fn credentials(
        &self,
        request: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        let credential = self.credential(&request.into_inner().host).await?;
        let username = credential.username().to_owned();
        Ok(Response::new(CredentialsResponse { username, secret: credential.secret().to_owned() }))
    }

    async fn fetch_token(
        &self,
        request: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        let credential = self.credential(&request.into_inner().host).await?;
        let token = credential.token().ok_or_else(no_tokens)?.to_owned();
        // Neither time: the daemon takes a minute from now, and asks again.
        Ok(Response::new(FetchTokenResponse { token, ..Default::default() }))
    }

    async fn get_token_authority(
        &self,
        request: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        let credential = self.credential(&request.into_inner().host).await?;
        if credential.token().is_none() {
            return Err(no_tokens());
        }
        // A key that nobody has the other half of: the daemon must not lend the token to other sessions.
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| Status::internal(format!("no random bytes: {error}")))?;
        Ok(Response::new(GetTokenAuthorityResponse { public_key: Bytes::copy_from_slice(&key) }))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(no_tokens())
    }
}

fn no_tokens() -> Status {
    Status::unimplemented("this client leaves tokens to the daemon")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tonic::Code;

    use super::*;

    async fn credentials(auth: &Auth, host: &str) -> Result<(String, String), Status> {
        let request = Request::new(CredentialsRequest { host: host.into() });
        let answer = auth.credentials(request).await?.into_inner();
        Ok((answer.username, answer.secret))
    }

    fn pair(username: &str, secret: &str) -> (String, String) {
        (username.to_owned(), secret.to_owned())
    }

    #[tokio::test]
    async fn each_registry_gets_its_own() {
        let auth = Auth::given([
            ("docker.io", Credential::password("ada", "a")),
            ("r.example:5000", Credential::identity_token("refresh")),
        ]);
        assert_eq!(credentials(&auth, "registry-1.docker.io").await.unwrap(), pair("ada", "a"));
        assert_eq!(credentials(&auth, "r.example:5000").await.unwrap(), pair("", "refresh"));
        assert_eq!(credentials(&auth, "r.example").await.unwrap(), pair("", ""));
        assert_eq!(credentials(&Auth::anonymous(), "docker.io").await.unwrap(), pair("", ""));
        for host in ["", "a b", "a\nb", &"x".repeat(301)] {
            assert_eq!(credentials(&auth, host).await.unwrap_err().code(), Code::InvalidArgument);
        }
        assert!(!format!("{auth:?}").contains("refresh"), "{auth:?}");
    }

    #[tokio::test]
    async fn tokens_are_the_daemons_unless_one_stands_ready() {
        let auth = Auth::given([
            ("r.example", Credential::registry_token("bearer")),
            ("s.example", Credential::password("a", "b")),
        ]);
        let authority = async |host: &str| {
            let request = GetTokenAuthorityRequest { host: host.into(), ..Default::default() };
            Ok::<_, Status>(auth.get_token_authority(Request::new(request)).await?.into_inner().public_key)
        };
        let token = async |host: &str| {
            let request = FetchTokenRequest { host: host.into(), ..Default::default() };
            Ok::<_, Status>(auth.fetch_token(Request::new(request)).await?.into_inner().token)
        };
        assert_eq!(authority("s.example").await.unwrap_err().code(), Code::Unimplemented);
        assert_eq!(token("s.example").await.unwrap_err().code(), Code::Unimplemented);
        assert_eq!(authority("r.example").await.unwrap().len(), 32);
        assert_ne!(authority("r.example").await.unwrap(), authority("r.example").await.unwrap());
        assert_eq!(token("r.example").await.unwrap(), "bearer");
        let proof = auth
            .verify_token_authority(Request::new(VerifyTokenAuthorityRequest::default()))
            .await;
        assert_eq!(proof.unwrap_err().code(), Code::Unimplemented);
    }

    #[tokio::test]
    async fn docker_is_asked_once_per_registry_and_again_soon_after_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.json");
        fs::write(
            &config,
            r#"{"auths": {"r": {"username": "ada", "password": "x"}}, "credHelpers": {"h": "none"}}"#,
        )
        .unwrap();
        let auth = Auth::docker(DockerSource::at(folder.path()).search_path("/nowhere"));
        assert_eq!(credentials(&auth, "r").await.unwrap(), pair("ada", "x"));
        let failure = credentials(&auth, "h").await.unwrap_err();
        assert_eq!(failure.code(), Code::FailedPrecondition);
        let text =
            "credentials for registry h: the credential helper `docker-credential-none` is not on PATH";
        assert!(failure.message().starts_with(text), "{failure}");

        fs::write(&config, "{").unwrap();
        assert_eq!(credentials(&auth.clone(), "r").await.unwrap(), pair("ada", "x"));
        assert_eq!(credentials(&auth, "h").await.unwrap_err().message(), failure.message());
        assert!(credentials(&auth, "s").await.unwrap_err().message().contains("cut off"));

        for host in ["r", "h"] {
            let slot = auth.slot(host);
            let mut slot = slot.lock().await;
            slot.as_mut().unwrap().since -= FAILURE_FRESH;
        }
        assert_eq!(credentials(&auth, "r").await.unwrap(), pair("ada", "x"));
        assert!(credentials(&auth, "h").await.unwrap_err().message().contains("cut off"));
    }
}
