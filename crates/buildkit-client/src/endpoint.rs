//! Where a daemon listens.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The address of a daemon: a Unix socket or a TCP port.
///
/// Written `unix:///run/buildkit/buildkitd.sock` or `tcp://127.0.0.1:1234`, as `BUILDKIT_HOST` and
/// `buildctl --addr` take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// A TCP port without TLS.
    Tcp {
        /// Name or address of the host; an IPv6 address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

/// An address that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It has no scheme.
    #[error("address {0:?} has no scheme: write unix:///path/to/socket or tcp://host:port")]
    NoScheme(String),
    /// Its scheme is not spoken here.
    #[error("address {address:?} has the scheme {scheme:?}, which is not supported: use unix or tcp")]
    Scheme {
        /// The whole address.
        address: String,
        /// The scheme.
        scheme: String,
    },
    /// Its path is empty or relative.
    #[error("address {0:?} has no absolute path: write unix:///path/to/socket, with three slashes")]
    Path(String),
    /// Its path is too long for the kernel.
    #[error("socket path {path:?} has {length} bytes, and the kernel takes at most {MAX_SOCKET_PATH}")]
    PathLength {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
    /// It has no host.
    #[error("address {0:?} has no host: write tcp://host:port")]
    Host(String),
    /// It has no port, or one out of range.
    #[error("address {0:?} has no port from 1 to 65535: write tcp://host:port")]
    Port(String),
    /// Something follows the port.
    #[error("address {0:?} goes on after its port: write tcp://host:port alone")]
    Trailing(String),
}

/// The longest path of a Unix socket, in bytes (`sun_path` less its end).
pub(crate) const MAX_SOCKET_PATH: usize = 107;

impl Endpoint {
    /// A Unix socket.
    ///
    /// # Errors
    /// The path is relative or longer than the kernel takes.
    pub fn unix(path: impl AsRef<Path>) -> Result<Self, EndpointError> {
        let path = path.as_ref();
        if !path.is_absolute() {
            return Err(EndpointError::Path(format!("unix://{}", path.display())));
        }
        let length = path.as_os_str().len();
        if length > MAX_SOCKET_PATH {
            return Err(EndpointError::PathLength { path: path.to_owned(), length });
        }
        Ok(Self::Unix(path.to_owned()))
    }

    /// The `:authority` of its requests: the host as written, or `localhost` for a socket.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port } => format!("{host}:{port}"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(address: &str) -> Result<Self, EndpointError> {
        let Some((scheme, rest)) = address.split_once("://") else {
            return Err(EndpointError::NoScheme(address.to_owned()));
        };
        match scheme {
            "unix" if rest.starts_with('/') => Self::unix(rest),
            "unix" => Err(EndpointError::Path(address.to_owned())),
            "tcp" => parse_tcp(address, rest),
            _ => Err(EndpointError::Scheme { address: address.to_owned(), scheme: scheme.to_owned() }),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { .. } => write!(f, "tcp://{}", self.authority()),
        }
    }
}

fn parse_tcp(address: &str, rest: &str) -> Result<Endpoint, EndpointError> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#', '@', ' ']) {
        return Err(EndpointError::Trailing(address.to_owned()));
    }
    let (host, port) = rest.rsplit_once(':').ok_or_else(|| EndpointError::Port(address.to_owned()))?;
    let host = match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']').unwrap_or_default(),
        None if host.contains(':') => "",
        None => host,
    };
    if host.is_empty() {
        return Err(EndpointError::Host(address.to_owned()));
    }
    match port.parse() {
        Ok(port) if port > 0 => Ok(Endpoint::Tcp { host: host.to_owned(), port }),
        _ => Err(EndpointError::Port(address.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_addresses_come_back_as_written() {
        for address in ["unix:///run/b.sock", "tcp://127.0.0.1:1234", "tcp://[::1]:80", "tcp://box.local:1"] {
            assert_eq!(address.parse::<Endpoint>().unwrap().to_string(), address);
        }
        assert_eq!("tcp://[::1]:80".parse::<Endpoint>().unwrap().authority(), "[::1]:80");
        assert_eq!("unix:///b.sock".parse::<Endpoint>().unwrap().authority(), "localhost");
    }

    #[test]
    fn wrong_addresses_are_told_what_is_right() {
        for (address, part) in [
            ("/run/b.sock", "no scheme"),
            ("", "no scheme"),
            ("ssh://host", "use unix or tcp"),
            ("unix://run/b.sock", "three slashes"),
            ("unix://", "three slashes"),
            ("tcp://host", "no port"),
            ("tcp://host:0", "no port"),
            ("tcp://host:99999", "no port"),
            ("tcp://:80", "no host"),
            ("tcp://::1:80", "no host"),
            ("tcp://host:80/x", "goes on after its port"),
            ("tcp://me@host:80", "goes on after its port"),
        ] {
            let error = address.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains(part), "{address}: {error}");
        }
        let long = format!("unix:///{}", "x".repeat(200));
        let error = long.parse::<Endpoint>().unwrap_err();
        assert!(matches!(error, EndpointError::PathLength { length: 201, .. }));
    }
}
