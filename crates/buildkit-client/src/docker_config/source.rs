//! Where docker's configuration is: a file, a variable, and the helpers that they name.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use zeroize::Zeroizing;

use super::credential::Credential;
use super::helper::{self, HelperError};
use super::parse::{DockerConfig, EntryError, Found, ParseError};

/// Largest configuration, in bytes.
const MAX_CONFIG: u64 = 4 << 20;

/// The variable that holds a configuration, of which `auths` counts.
const INLINE: &str = "DOCKER_AUTH_CONFIG";

/// Where credentials are looked up: read anew for each registry that is asked for.
#[derive(Clone, Default)]
pub struct DockerSource {
    directory: Option<PathBuf>,
    inline: Option<Zeroizing<Vec<u8>>>,
    path: OsString,
}

/// The credentials of a registry cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The file does not read.
    #[error("docker's configuration {path:?} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no configuration.
    #[error("docker's configuration {path:?} has more than {MAX_CONFIG} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The text is no configuration.
    #[error("docker's configuration in {place} cannot be used: {source}")]
    Parse {
        /// The file or variable.
        place: String,
        /// Why.
        source: ParseError,
    },
    /// The registry's entry is damaged.
    #[error("docker's configuration in {place} cannot be used for this registry: {source}")]
    Entry {
        /// The file or variable.
        place: String,
        /// Why.
        source: EntryError,
    },
    /// The registry's helper does not answer.
    #[error(transparent)]
    Helper(#[from] HelperError),
}

impl DockerSource {
    /// As docker's own command line: `DOCKER_AUTH_CONFIG`, then `config.json` in `DOCKER_CONFIG` or `~/.docker`; helpers
    /// are found by `PATH`.
    #[must_use]
    pub fn from_env() -> Self {
        use std::os::unix::ffi::OsStringExt as _;
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = || std::env::home_dir().map(|home| home.join(".docker"));
        Self {
            directory: set("DOCKER_CONFIG").map(PathBuf::from).or_else(home),
            inline: set(INLINE).map(|text| Zeroizing::new(text.into_vec())),
            path: helper::search_path(),
        }
    }

    /// The `config.json` of a directory and nothing else; helpers are found by `PATH`.
    #[must_use]
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: Some(directory.into()), inline: None, path: helper::search_path() }
    }

    /// Finds helpers in these directories, which are written as in `PATH`.
    #[must_use]
    pub fn search_path(mut self, path: impl Into<OsString>) -> Self {
        self.path = path.into();
        self
    }

    /// The credentials of a registry, by the name that a daemon has for it; empty if there are none.
    ///
    /// This blocks: it reads a file and may run a helper, for 30 seconds at most, or until `unwanted` is set.
    ///
    /// # Errors
    /// The configuration or the helper cannot be used. A file that is not there is no error.
    pub fn credential(&self, host: &str, unwanted: &AtomicBool) -> Result<Credential, CredentialError> {
        if let Some(text) = &self.inline {
            let place = || format!("the variable {INLINE}");
            let config = DockerConfig::parse(text);
            let config = config.map_err(|source| CredentialError::Parse { place: place(), source })?;
            let entry = config.entry(host);
            match entry.map_err(|source| CredentialError::Entry { place: place(), source })? {
                Some(credential) if !credential.is_empty() => return Ok(credential.clone()),
                _ => {}
            }
        }
        let Some(path) = self.directory.as_ref().map(|directory| directory.join("config.json")) else {
            return Ok(Credential::default());
        };
        let place = || format!("{path:?}");
        let config = DockerConfig::parse(&read(&path)?);
        let config = config.map_err(|source| CredentialError::Parse { place: place(), source })?;
        match config
            .find(host)
            .map_err(|source| CredentialError::Entry { place: place(), source })?
        {
            Found::Nothing => Ok(Credential::default()),
            Found::Credential(credential) => Ok(credential),
            Found::Helper { name, server, beside } => {
                let found = helper::ask(&name, &server, &self.path, helper::LIMIT, unwanted)?;
                let Credential { registry_token, .. } = beside;
                Ok(Credential { registry_token, ..found.unwrap_or_default() })
            }
        }
    }
}

impl fmt::Debug for DockerSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerSource")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// The text of a configuration; nothing if there is none.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
    let failed = |source| CredentialError::Read { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Zeroizing::new(Vec::new()));
        }
        Err(error) => return Err(failed(error)),
    };
    let size = file.metadata().map_err(failed)?.len();
    // One more than there is: a vector that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(size.min(MAX_CONFIG) as usize + 1));
    file.take(MAX_CONFIG + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_CONFIG {
        return Err(CredentialError::TooLarge { path: path.to_owned() });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn folder(json: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), json).unwrap();
        folder
    }

    fn of(source: &DockerSource, host: &str) -> Result<Credential, String> {
        source.credential(host, &AtomicBool::new(false)).map_err(|error| {
            let text = error.to_string();
            assert!(!format!("{text}{error:?}").contains("hunter2"), "{error:?}");
            text
        })
    }

    const ADA: &str = r#"{"auths": {"r.example": {"username": "ada", "password": "hunter2"}}}"#;

    #[test]
    fn the_file_of_a_directory_is_read() {
        let folder = folder(ADA);
        let source = DockerSource::at(folder.path());
        assert_eq!(of(&source, "r.example"), Ok(Credential::password("ada", "hunter2")));
        assert_eq!(of(&source, "s.example"), Ok(Credential::default()));
    }

    #[test]
    fn no_file_is_no_credentials() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("none"), PathBuf::from("/dev/null")] {
            assert_eq!(of(&DockerSource::at(path), "r.example"), Ok(Credential::default()));
        }
    }

    #[test]
    fn the_variable_goes_before_the_file() {
        let folder = folder(ADA);
        let with = |text: &str| DockerSource {
            inline: Some(Zeroizing::new(text.as_bytes().to_vec())),
            ..DockerSource::at(folder.path())
        };
        let bob = with(r#"{"auths": {"r.example": {"auth": "Ym9iOmI="}}, "credsStore": "none"}"#);
        assert_eq!(of(&bob, "r.example"), Ok(Credential::password("bob", "b")));
        assert_eq!(of(&with(r#"{"auths": {"s.example": {}}}"#), "r.example").unwrap().username(), "ada");
        let broken = of(&with("{\n hunter2"), "r.example").unwrap_err();
        assert!(broken.contains("the variable DOCKER_AUTH_CONFIG") && broken.contains("line 2"), "{broken}");
        assert!(!format!("{bob:?}").contains("Ym9i"), "{bob:?}");
    }

    #[test]
    fn what_cannot_be_used_is_an_error_that_names_the_file() {
        let folder = folder(
            "{\"auths\": {\"r.example\": {\"auth\": \"hunter2\"}}, \"credHelpers\": {\"h\": \"no-such\"}}",
        );
        let source = DockerSource::at(folder.path());
        let entry = of(&source, "r.example").unwrap_err();
        assert!(entry.contains("config.json\" cannot be used for this registry: the entry"), "{entry}");
        let helper = of(&source, "h").unwrap_err();
        assert!(helper.contains("`docker-credential-no-such` is not on PATH"), "{helper}");
        assert_eq!(of(&source, "s.example"), Ok(Credential::default()));

        fs::write(folder.path().join("config.json"), "{\n\"auths\": {hunter2").unwrap();
        let broken = of(&source, "s.example").unwrap_err();
        assert!(broken.contains("config.json\" cannot be used: it is not JSON: see line 2"), "{broken}");

        fs::write(folder.path().join("config.json"), " ".repeat(MAX_CONFIG as usize + 1)).unwrap();
        assert!(of(&source, "s.example").unwrap_err().contains("has more than"));
        fs::remove_file(folder.path().join("config.json")).unwrap();
        fs::create_dir(folder.path().join("config.json")).unwrap();
        assert!(of(&source, "s.example").unwrap_err().contains("cannot be read"));
    }
}
