//! What proves to a registry who somebody is: shown nowhere, and zeroized.

use std::fmt;

use zeroize::Zeroizing;

/// User and password, an identity token, a registry token: docker's files may hold several for one registry.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credential {
    pub(super) username: Zeroizing<String>,
    pub(super) password: Zeroizing<String>,
    pub(super) identity_token: Zeroizing<String>,
    pub(super) registry_token: Zeroizing<String>,
}

impl Credential {
    /// A user and its password.
    #[must_use]
    pub fn password(username: impl Into<String>, password: impl Into<String>) -> Self {
        let (username, password) = (Zeroizing::new(username.into()), Zeroizing::new(password.into()));
        Self { username, password, ..Self::default() }
    }

    /// A refresh token, for which the registry's token server gives tokens.
    #[must_use]
    pub fn identity_token(token: impl Into<String>) -> Self {
        Self { identity_token: Zeroizing::new(token.into()), ..Self::default() }
    }

    /// A token that the registry takes as it is.
    #[must_use]
    pub fn registry_token(token: impl Into<String>) -> Self {
        Self { registry_token: Zeroizing::new(token.into()), ..Self::default() }
    }

    /// Whether it proves nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.secret().is_empty() && self.registry_token.is_empty()
    }

    /// The user that goes with [`Credential::secret`]; none beside an identity token.
    pub(crate) fn username(&self) -> &str {
        if self.identity_token.is_empty() { &self.username } else { "" }
    }

    /// The password, or the identity token, which goes before it.
    pub(crate) fn secret(&self) -> &str {
        if self.identity_token.is_empty() { &self.password } else { &self.identity_token }
    }

    /// The token that needs no token server.
    pub(crate) fn token(&self) -> Option<&str> {
        Some(self.registry_token.as_str()).filter(|token| !token.is_empty())
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_token_goes_before_a_password() {
        let mut both = Credential::password("ada", "hunter2");
        assert_eq!((both.username(), both.secret()), ("ada", "hunter2"));
        both.identity_token = Zeroizing::new("refresh".to_owned());
        assert_eq!((both.username(), both.secret(), both.token()), ("", "refresh", None));
        assert_eq!(Credential::registry_token("bearer").token(), Some("bearer"));
    }

    #[test]
    fn it_is_not_shown() {
        let shown = format!("{:?}", Credential::password("ada", "hunter2"));
        assert_eq!(shown, "Credential(…)");
        assert!(Credential::password("ada", "").is_empty());
    }
}
