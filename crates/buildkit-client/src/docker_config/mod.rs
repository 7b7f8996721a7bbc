//! Docker's `config.json`: which credentials a person has for which registry.
//!
//! [`DockerConfig::parse`] reads the text, [`DockerConfig::find`] says what is known of a registry; neither touches a
//! file, a process or the environment. [`DockerSource`] brings the file, the variables and the credential helpers.
//! Where docker's own command line looks, in its order (docker/cli v29 `cli/config/configfile/file.go`):
//! `DOCKER_AUTH_CONFIG`, the registry's `credHelpers`, `credsStore`, `auths`.

mod credential;
mod parse;
mod registry;

pub use credential::Credential;
pub use parse::{DockerConfig, EntryError, Found, ParseError};
