//! Finding a daemon.

use std::env;
use std::fmt;
use std::path::PathBuf;

use buildkit_client::{Client, ConnectError, Endpoint, EndpointError};

/// The variable that names a daemon.
const VARIABLE: &str = "BUILDKIT_HOST";

/// No daemon, with all that was tried.
#[derive(Debug, thiserror::Error)]
#[error(
    "no BuildKit daemon found; tried\n{}\nstart a buildkitd and set {VARIABLE} to its address, unix:///path/to/socket or tcp://host:port",
    lines(tried)
)]
pub struct FindError {
    /// What was tried, in order.
    pub tried: Vec<Tried>,
}

/// One address that was tried.
#[derive(Debug)]
pub struct Tried {
    /// Where the address came from.
    pub origin: String,
    /// Why it does not serve; `None` where there was no address.
    pub reason: Option<TriedError>,
}

/// Why an address does not serve.
#[derive(Debug, thiserror::Error)]
pub enum TriedError {
    /// It is no address.
    #[error(transparent)]
    Address(#[from] EndpointError),
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// Connects to the daemon that `BUILDKIT_HOST` names, else to one at a well-known socket.
pub(super) async fn find() -> Result<Client, FindError> {
    let mut tried = Vec::new();
    if let Some(address) = env::var_os(VARIABLE).filter(|address| !address.is_empty()) {
        let address = address.to_string_lossy();
        // Whoever names a daemon wants no other.
        return at(&address).await.map_err(|reason| FindError {
            tried: vec![Tried { origin: VARIABLE.to_owned(), reason: Some(reason) }],
        });
    }
    tried.push(Tried { origin: VARIABLE.to_owned(), reason: None });
    for socket in well_known_sockets() {
        match connect(Endpoint::unix(&socket)).await {
            Ok(client) => return Ok(client),
            Err(reason) => tried.push(Tried { origin: socket.display().to_string(), reason: Some(reason) }),
        }
    }
    Err(FindError { tried })
}

/// Connects to the daemon at an address.
pub(super) async fn at(address: &str) -> Result<Client, TriedError> {
    connect(address.parse()).await
}

async fn connect(endpoint: Result<Endpoint, EndpointError>) -> Result<Client, TriedError> {
    Ok(Client::connect(&endpoint?).await?)
}

/// Where buildkitd listens when it is not told otherwise: started by this user, and by root.
fn well_known_sockets() -> Vec<PathBuf> {
    let own =
        env::var_os("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("buildkit/buildkitd.sock"));
    own.into_iter().chain([PathBuf::from("/run/buildkit/buildkitd.sock")]).collect()
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{}: {reason}", self.origin),
            None => write!(f, "{}: not set", self.origin),
        }
    }
}

fn lines(tried: &[Tried]) -> String {
    tried.iter().map(|tried| format!("  {tried}")).collect::<Vec<_>>().join("\n")
}
