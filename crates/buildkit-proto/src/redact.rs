//! `Debug` for messages that carry credentials: their length, never their content.

use std::fmt;

use crate::{auth, secrets};

impl fmt::Debug for secrets::GetSecretResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetSecretResponse")
            .field("data", &Hidden(self.data.len()))
            .finish()
    }
}

impl fmt::Debug for auth::CredentialsResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsResponse")
            .field("username", &self.username)
            .field("secret", &Hidden(self.secret.len()))
            .finish()
    }
}

impl fmt::Debug for auth::FetchTokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchTokenResponse")
            .field("token", &Hidden(self.token.len()))
            .field("expires_in", &self.expires_in)
            .field("issued_at", &self.issued_at)
            .finish()
    }
}

struct Hidden(usize);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_credentials() {
        let secret = secrets::GetSecretResponse { data: "hunter2".into() };
        assert_eq!(format!("{secret:?}"), "GetSecretResponse { data: <7 bytes> }");

        let password = auth::CredentialsResponse { username: "ada".into(), secret: "hunter2".into() };
        assert_eq!(format!("{password:?}"), r#"CredentialsResponse { username: "ada", secret: <7 bytes> }"#);

        let token = auth::FetchTokenResponse { token: "hunter2".into(), expires_in: 60, issued_at: 0 };
        assert_eq!(
            format!("{token:?}"),
            "FetchTokenResponse { token: <7 bytes>, expires_in: 60, issued_at: 0 }"
        );
    }
}
