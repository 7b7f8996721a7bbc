//! The text of a `config.json` as a value.
//!
//! As docker reads it (docker/cli v29 `cli/config/configfile/file.go`, `types/authconfig.go`): keys that are not about
//! credentials are skipped, `null` is nothing, an empty text is an empty configuration. Other than there, an entry
//! that is damaged or of another type spoils the one registry, not all. No error holds a part of the text.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize as _;
use serde_json::error::Category;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::credential::Credential;
use super::raw::{RawConfig, RawEntry};
use super::registry;

/// Which credentials there are, and which programs know more.
#[derive(Debug, Clone, Default)]
pub struct DockerConfig {
    /// `auths`: what stands in the file itself.
    entries: BTreeMap<String, Result<Credential, Damage>>,
    /// `credHelpers`: the helper that knows a registry.
    helpers: BTreeMap<String, Result<String, Damage>>,
    /// `credsStore`: the helper that knows all others.
    store: String,
}

/// What a configuration knows of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Credentials.
    Credential(Credential),
    /// A program has to be asked.
    Helper {
        /// Its name, without `docker-credential-`.
        name: String,
        /// By which name it knows the registry.
        server: String,
        /// What stands in the file of tokens, which no helper keeps.
        beside: Credential,
    },
}

/// A text that is no `config.json`. Lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// No JSON.
    #[error("it is not JSON: see line {line}, column {column}")]
    Syntax {
        /// The line at fault.
        line: usize,
        /// The column at fault.
        column: usize,
    },
    /// JSON that ends too early.
    #[error("it is cut off after line {line}, column {column}")]
    CutOff {
        /// The last line.
        line: usize,
        /// Its last column.
        column: usize,
    },
    /// JSON of another shape.
    #[error(
        "a value is not what it must be at line {line}, column {column}: `auths` and `credHelpers` are objects, \
         `credsStore` is a name"
    )]
    Shape {
        /// The line of the value.
        line: usize,
        /// The column after it.
        column: usize,
    },
}

/// What is known of a registry cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the entry {key:?} of `{table}` is damaged: {damage}")]
pub struct EntryError {
    /// The entry.
    pub key: String,
    table: &'static str,
    damage: Damage,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Damage {
    #[error("its `auth` is not base64")]
    Encoding,
    #[error("its `auth` does not hold USER:PASSWORD")]
    Form,
    #[error("its `auth` holds a user or password that is not UTF-8")]
    Text,
    #[error("it is not an object of texts")]
    Entry,
    #[error("it is not the name of a credential helper")]
    Helper,
}

impl DockerConfig {
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    /// It is not JSON, or not of this shape.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        // What comes after the object is not looked at, as docker does not.
        let mut reader = serde_json::Deserializer::from_slice(text);
        let raw = RawConfig::deserialize(&mut reader).map_err(|error| {
            // The error itself may quote the text.
            let (line, column) = (error.line(), error.column());
            match error.classify() {
                Category::Data => ParseError::Shape { line, column },
                Category::Eof => ParseError::CutOff { line, column },
                Category::Syntax | Category::Io => ParseError::Syntax { line, column },
            }
        })?;
        let entry = |json: &RawValue| match serde_json::from_str::<Option<RawEntry>>(json.get()) {
            Ok(entry) => entry.unwrap_or_default().credential(),
            Err(_) => Err(Damage::Entry),
        };
        let helper = |json: &RawValue| match serde_json::from_str::<Option<String>>(json.get()) {
            Ok(name) => Ok(name.unwrap_or_default()),
            Err(_) => Err(Damage::Helper),
        };
        Ok(Self {
            entries: raw.auths.into_iter().map(|(key, json)| (key, entry(json))).collect(),
            helpers: raw.helpers.into_iter().map(|(key, json)| (key, helper(json))).collect(),
            store: raw.store,
        })
    }

    /// What is known of a registry, which goes by the name that a daemon has for it: a host, with a port if need be.
    ///
    /// The registry's own helper goes before the store, and a helper before what stands in the file.
    ///
    /// # Errors
    /// What stands in the file of this registry is damaged, and would be used.
    pub fn find(&self, host: &str) -> Result<Found, EntryError> {
        let entry = self.entry(host);
        let helper = usable(&self.helpers, "credHelpers", host)?.unwrap_or(&self.store);
        if helper.is_empty() {
            let found = entry?.filter(|credential| !credential.is_empty());
            return Ok(found.cloned().map_or(Found::Nothing, Found::Credential));
        }
        let token = entry.ok().flatten().and_then(Credential::token);
        Ok(Found::Helper {
            name: helper.clone(),
            server: registry::key(host).to_owned(),
            beside: token.map(Credential::registry_token).unwrap_or_default(),
        })
    }

    /// What stands in the file itself.
    pub(super) fn entry(&self, host: &str) -> Result<Option<&Credential>, EntryError> {
        usable(&self.entries, "auths", host)
    }
}

impl RawEntry {
    fn credential(self) -> Result<Credential, Damage> {
        let mut credential = Credential {
            username: self.username,
            password: self.password,
            identity_token: self.identity_token,
            registry_token: self.registry_token,
        };
        if !self.auth.is_empty() {
            (credential.username, credential.password) = decode(&self.auth)?;
        }
        Ok(credential)
    }
}

/// User and password of an `auth`.
fn decode(auth: &str) -> Result<(Zeroizing<String>, Zeroizing<String>), Damage> {
    // Files that were written by hand have line ends in it.
    let auth: Zeroizing<Vec<u8>> =
        Zeroizing::new(auth.bytes().filter(|byte| !b"\r\n".contains(byte)).collect());
    let bytes = Zeroizing::new(STANDARD.decode(&*auth).map_err(|_| Damage::Encoding)?);
    let text = str::from_utf8(&bytes).map_err(|_| Damage::Text)?;
    match text.split_once(':') {
        Some((username, password)) if !username.is_empty() => {
            let password = password.trim_matches('\0');
            Ok((Zeroizing::new(username.to_owned()), Zeroizing::new(password.to_owned())))
        }
        _ => Err(Damage::Form),
    }
}

/// What a table says of a registry, if that can be used.
fn usable<'a, T>(
    all: &'a BTreeMap<String, Result<T, Damage>>,
    table: &'static str,
    host: &str,
) -> Result<Option<&'a T>, EntryError> {
    match keyed(all, host) {
        None => Ok(None),
        Some((_, Ok(entry))) => Ok(Some(entry)),
        Some((key, Err(damage))) => Err(EntryError { key: key.clone(), table, damage: *damage }),
    }
}

/// What stands under a registry's key, or else under the first key that names it otherwise.
fn keyed<'a, T>(all: &'a BTreeMap<String, T>, host: &str) -> Option<(&'a String, &'a T)> {
    all.get_key_value(registry::key(host))
        .or_else(|| all.iter().find(|(key, _)| registry::matches(key, host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str, host: &str) -> Found {
        DockerConfig::parse(json.as_bytes()).unwrap().find(host).unwrap()
    }

    fn encoded(text: &[u8]) -> String {
        STANDARD.encode(text)
    }

    fn password(username: &str, password: &str) -> Found {
        Found::Credential(Credential::password(username, password))
    }

    #[test]
    fn an_entry_has_auth_or_user_and_password() {
        let auth = encoded(b"ada:hunter:2");
        let json = format!(r#"{{"auths": {{"r.example": {{"auth": "{auth}", "username": "other"}}}}}}"#);
        assert_eq!(found(&json, "r.example"), password("ada", "hunter:2"));
        assert_eq!(found(&json, "s.example"), Found::Nothing);

        let json = r#"{"auths": {"r.example": {"username": "ada", "password": "hunter2"}}}"#;
        assert_eq!(found(json, "r.example"), password("ada", "hunter2"));

        let auth = format!(r#"{{"auths": {{"r.example": {{"auth": "{}"}}}}}}"#, encoded(b"ada:hunter2\0\0"));
        assert_eq!(found(&auth, "r.example"), password("ada", "hunter2"));
        let split = r#"{"auths": {"r.example": {"auth": "YTpi\r\nYw=="}}}"#;
        assert_eq!(found(split, "r.example"), password("a", "bc"));
    }

    #[test]
    fn tokens_are_kept_beside_the_password() {
        let auth = encoded(b"00000000-0000-0000-0000-000000000000:");
        let json = format!(r#"{{"auths": {{"r": {{"auth": "{auth}", "identitytoken": "refresh"}}}}}}"#);
        let Found::Credential(credential) = found(&json, "r") else { panic!("nothing found") };
        assert_eq!((credential.username(), credential.secret()), ("", "refresh"));

        let json = r#"{"auths": {"r": {"registrytoken": "bearer"}}}"#;
        assert_eq!(found(json, "r"), Found::Credential(Credential::registry_token("bearer")));
    }

    #[test]
    fn docker_hub_is_found_by_all_its_names() {
        for key in
            ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "https://registry-1.docker.io"]
        {
            let json = format!(r#"{{"auths": {{"{key}": {{"username": "ada", "password": "x"}}}}}}"#);
            assert_eq!(found(&json, "registry-1.docker.io"), password("ada", "x"), "{key}");
            assert_eq!(found(&json, "docker.io"), password("ada", "x"), "{key}");
        }
        let both = r#"{"auths": {"docker.io": {"username": "b", "password": "b"},
            "https://index.docker.io/v1/": {"username": "a", "password": "a"}}}"#;
        assert_eq!(found(both, "registry-1.docker.io"), password("a", "a"));
    }

    #[test]
    fn the_registrys_helper_goes_before_the_store_and_both_before_the_file() {
        let json = r#"{"auths": {"r.example": {"username": "ada", "password": "x", "registrytoken": "bearer"}},
            "credsStore": "desktop", "credHelpers": {"gcr.io": "gcloud", "plain.example": ""}}"#;
        let helper = |host: &str| match found(json, host) {
            Found::Helper { name, server, beside } => (name, server, beside.token().map(str::to_owned)),
            other => panic!("{host}: {other:?}"),
        };
        let of = |name: &str, server: &str| (name.to_owned(), server.to_owned(), None);
        assert_eq!(helper("gcr.io"), of("gcloud", "gcr.io"));
        assert_eq!(helper("registry-1.docker.io"), of("desktop", "https://index.docker.io/v1/"));
        assert_eq!(helper("r.example").2.as_deref(), Some("bearer"));
        assert_eq!(found(json, "plain.example"), Found::Nothing);
    }

    #[test]
    fn what_is_empty_is_nothing() {
        for json in ["", " \n", "{}", r#"{"auths": null, "credHelpers": null, "credsStore": null}"#] {
            assert_eq!(found(json, "r.example"), Found::Nothing, "{json}");
        }
        for entry in
            ["null", "{}", r#"{"auth": ""}"#, r#"{"auth": null, "email": "a@b"}"#, r#"{"username": "a"}"#]
        {
            assert_eq!(found(&format!(r#"{{"auths": {{"r": {entry}}}}}"#), "r"), Found::Nothing, "{entry}");
        }
        assert_eq!(
            found(r#"{"psFormat": [{"x": 1}], "proxies": {"default": {}}} trailing"#, "r"),
            Found::Nothing
        );
    }

    #[test]
    fn a_damaged_entry_spoils_one_registry() {
        let damaged = |auth: &str| {
            let entry = r#""good": {"username": "ada", "password": "x"}"#;
            let json = format!(r#"{{"auths": {{"https://bad/v2/": {{"auth": "{auth}"}}, {entry}}}}}"#);
            assert_eq!(found(&json, "good"), password("ada", "x"));
            DockerConfig::parse(json.as_bytes())
                .unwrap()
                .find("bad")
                .unwrap_err()
                .to_string()
        };
        let start = "the entry \"https://bad/v2/\" of `auths` is damaged: its `auth`";
        assert_eq!(damaged("hunter2!"), format!("{start} is not base64"));
        assert_eq!(damaged(&encoded(b"hunter2")), format!("{start} does not hold USER:PASSWORD"));
        assert_eq!(damaged(&encoded(b":hunter2")), format!("{start} does not hold USER:PASSWORD"));
        assert_eq!(
            damaged(&encoded(b"ada:\xff")),
            format!("{start} holds a user or password that is not UTF-8")
        );
    }

    #[test]
    fn an_entry_of_another_type_spoils_one_registry() {
        let damaged = |json: &str, host: &str| {
            let config = DockerConfig::parse(json.as_bytes()).unwrap();
            assert_eq!(config.find("good").unwrap(), password("ada", "x"), "{json}");
            let error = config.find(host).unwrap_err();
            assert!(!format!("{error} {error:?} {config:?}").contains("hunter2"), "{error:?}");
            error.to_string()
        };
        for entry in [r#""hunter2""#, "7", r#"["hunter2"]"#, r#"{"password": ["hunter2"]}"#, r#"{"auth": 7}"#]
        {
            let json =
                format!(r#"{{"auths": {{"bad": {entry}, "good": {{"username": "ada", "password": "x"}}}}}}"#);
            let expected = "the entry \"bad\" of `auths` is damaged: it is not an object of texts";
            assert_eq!(damaged(&json, "bad"), expected, "{entry}");
        }
        let json =
            r#"{"credHelpers": {"bad": ["hunter2"]}, "auths": {"good": {"auth": "YWRhOng="}, "bad": {}}}"#;
        let expected =
            "the entry \"bad\" of `credHelpers` is damaged: it is not the name of a credential helper";
        assert_eq!(damaged(json, "bad"), expected);
    }

    #[test]
    fn keys_go_without_case_and_the_last_counts() {
        let json = r#"{"Auths": {"r": {"UserName": "a", "username": "ada", "PASSWORD": "x", "password": null}},
            "AUTHS": {"s": {"auth": "YTpi"}, "s": {"auth": "Yzpk"}}}"#;
        assert_eq!(found(json, "r"), password("ada", "x"));
        assert_eq!(found(json, "s"), password("c", "d"));
        let helper = |json: &str| match found(json, "r") {
            Found::Helper { name, .. } => name,
            other => panic!("{json}: {other:?}"),
        };
        assert_eq!(helper(r#"{"credsstore": "desktop", "credsStore": null}"#), "desktop");
        assert_eq!(helper(r#"{"credsStore": "a", "CREDSSTORE": "b"}"#), "b");
        assert_eq!(helper(r#"{"credhelpers": {"r": "a"}, "credHelpers": {"r": "b"}}"#), "b");
        assert_eq!(found(r#"{"auths": {"r": {"auth": "YTpi"}}, "auths": null}"#, "r"), Found::Nothing);
    }

    #[test]
    fn errors_say_where_and_never_what() {
        let check = |json: &str, expected: &str| {
            let error = DockerConfig::parse(json.as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{json}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        };
        check("hunter2", "it is not JSON: see line 1, column 1");
        check("{\n \"auths\": {\"hunter2\": \n", "it is cut off after line 3, column ");
        check("{\n\"auths\": [\"hunter2\"]}", "a value is not what it must be at line 2, column ");
        check("{\"credHelpers\": \"hunter2\"}", "a value is not what it must be at line 1, column ");
        check("{\"credsStore\": {\"hunter2\": 1}}", "a value is not what it must be at line 1, column ");
        check("[\"hunter2\"]", "a value is not what it must be at line 1, column ");
        check("\u{feff}{}", "it is not JSON: see line 1, column 1");
    }

    #[test]
    fn deep_and_long_texts_end() {
        let deep = "[".repeat(1 << 20);
        assert!(DockerConfig::parse(deep.as_bytes()).is_err());
        let ignored = format!("{{\"x\": {deep}");
        assert!(DockerConfig::parse(ignored.as_bytes()).is_err());
    }
}
