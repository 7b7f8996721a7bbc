//! Docker's `config.json`: which credentials a person has for which registry.
//!
//! [`DockerConfig::parse`] reads the text, [`DockerConfig::find`] says what is known of a registry; neither touches a
//! file, a process or the environment. [`DockerSource`] brings the file, the variables and the credential helpers.
//! It looks where docker's own command line does, in its order (docker/cli v29 `cli/config/configfile/file.go`):
//! `DOCKER_AUTH_CONFIG`, the registry's `credHelpers`, `credsStore`, `auths`.

mod credential;
mod helper;
mod parse;
mod raw;
mod registry;
mod source;

pub use credential::Credential;
pub use helper::HelperError;
pub use parse::{DockerConfig, EntryError, Found, ParseError};
pub(crate) use registry::key;
pub use source::{CredentialError, DockerSource};
