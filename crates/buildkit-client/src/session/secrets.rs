//! Secrets that steps may mount: their values stand in no error and no debug output, and are zeroized.
//!
//! A value is read once, when it is named, byte for byte: a file may change or go while the build runs. The copies that
//! gRPC makes while it sends one are the transport's, and are not zeroized.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use buildkit_proto::secrets::secrets_server::Secrets as SecretsService;
use buildkit_proto::secrets::{GetSecretRequest, GetSecretResponse};
use bytes::Bytes;
use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use crate::fsutil::quoted;

/// What the daemon calls.
pub(super) const METHODS: &[&str] = &["/moby.buildkit.secrets.v1.Secrets/GetSecret"];

/// Largest secret, in bytes (BuildKit v0.34 `session/secrets/secretsprovider/store.go`).
pub const MAX_SECRET: usize = 500 << 10;

/// The value of a secret.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// The secrets of a session, by id.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    values: BTreeMap<String, Secret>,
}

/// A secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file does not read.
    #[error("secret file {path:?} cannot be read: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its environment variable is not set.
    #[error("secret environment variable {name:?} is not set")]
    Unset {
        /// The variable.
        name: OsString,
    },
    /// It is too large.
    #[error("secret from {from} has more than {MAX_SECRET} bytes (500 KiB), which no daemon takes")]
    TooLarge {
        /// The file or variable, or `a value`.
        from: String,
    },
}

impl Secret {
    /// A secret of these bytes.
    ///
    /// # Errors
    /// There are more than 500 KiB of them.
    pub fn value(bytes: impl Into<Vec<u8>>) -> Result<Self, SecretError> {
        Self::checked(Zeroizing::new(bytes.into()), || "a value".to_owned())
    }

    /// The content of a file, read now.
    ///
    /// # Errors
    /// It does not read, or holds more than 500 KiB, be it endless.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, SecretError> {
        let path = path.as_ref();
        let failed = |source| SecretError::File { path: path.to_owned(), source };
        // The whole capacity at once: a vector that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 1));
        let file = File::open(path).map_err(failed)?;
        file.take(MAX_SECRET as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        Self::checked(bytes, || format!("file {path:?}"))
    }

    /// The value of an environment variable, read now.
    ///
    /// # Errors
    /// It is not set, or holds more than 500 KiB.
    pub fn env(name: impl Into<OsString>) -> Result<Self, SecretError> {
        use std::os::unix::ffi::OsStringExt as _;
        let name = name.into();
        match std::env::var_os(&name) {
            Some(value) => Self::checked(Zeroizing::new(value.into_vec()), || format!("variable {name:?}")),
            None => Err(SecretError::Unset { name }),
        }
    }

    /// The value: for who looks for it where it must not be.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn checked(bytes: Zeroizing<Vec<u8>>, from: impl Fn() -> String) -> Result<Self, SecretError> {
        if bytes.len() > MAX_SECRET {
            return Err(SecretError::TooLarge { from: from() });
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secrets {
    /// No secrets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a secret, replacing what stood under its id.
    #[must_use]
    pub fn with(mut self, id: impl Into<String>, secret: Secret) -> Self {
        self.values.insert(id.into(), secret);
        self
    }
}

#[tonic::async_trait]
impl SecretsService for Secrets {
    async fn get_secret(
        &self,
        request: Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        match self.values.get(&id) {
            Some(Secret(value)) => {
                let data = Bytes::from_owner(value.clone());
                Ok(Response::new(GetSecretResponse { data }))
            }
            // This code, and no other, lets a step do without an optional secret.
            None => Err(Status::not_found(format!(
                "secret {} was not given to this build",
                quoted(id.as_bytes())
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(secrets: &Secrets, id: &str) -> Result<Bytes, Status> {
        let request = GetSecretRequest { id: id.into(), ..Default::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer = runtime.block_on(secrets.get_secret(Request::new(request)))?;
        Ok(answer.into_inner().data)
    }

    #[test]
    fn a_secret_is_given_under_its_id_only() {
        let secrets = Secrets::new().with("token", Secret::value("hunter2").unwrap());
        assert_eq!(ask(&secrets, "token").unwrap(), "hunter2");
        assert_eq!(ask(&secrets, "Token").unwrap_err().code(), tonic::Code::NotFound);
    }

    #[test]
    fn its_value_is_not_shown() {
        let secrets = Secrets::new().with("token", Secret::value("hunter2").unwrap());
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }

    #[test]
    fn what_cannot_be_had_is_an_error_at_once() {
        let text = |result: Result<Secret, SecretError>| result.unwrap_err().to_string();
        assert!(text(Secret::file("/no/such/file")).contains("\"/no/such/file\" cannot be read"));
        assert!(text(Secret::file("/dev/zero")).contains("more than 512000 bytes"));
        assert!(text(Secret::value(vec![0; MAX_SECRET + 1])).contains("a value"));
        assert!(text(Secret::env("NO_SUCH_VARIABLE_HERE")).contains("is not set"));
        assert_eq!(Secret::value(vec![0; MAX_SECRET]).unwrap().0.len(), MAX_SECRET);
    }

    #[test]
    fn files_and_variables_are_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"from a file\n").unwrap();
        assert_eq!(&Secret::file(file.path()).unwrap().0[..], b"from a file\n");
        let path = std::env::var_os("PATH").unwrap();
        assert_eq!(&Secret::env("PATH").unwrap().0[..], path.as_encoded_bytes());
    }
}
