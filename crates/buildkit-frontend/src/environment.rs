//! What the daemon tells a frontend in its environment.
//!
//! Source: BuildKit v0.34 `frontend/gateway/gateway.go`.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;

use buildkit_gateway::Worker;
use buildkit_llb::Platform;
use serde::Deserialize;

/// Each option of the build is in a variable of its own, whose name begins so; what follows means nothing.
const OPTION: &str = "BUILDKIT_FRONTEND_OPT_";
/// The session of the client.
const SESSION: &str = "BUILDKIT_SESSION_ID";
/// The workers, as JSON.
const WORKERS: &str = "BUILDKIT_WORKERS";
/// What the daemon calls itself.
const PRODUCT: &str = "BUILDKIT_EXPORTEDPRODUCT";

/// What the daemon tells a frontend.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Environment {
    /// The options of the build, such as `target` or `build-arg:VERSION`.
    pub options: BTreeMap<String, String>,
    /// The session of the client, which serves its directories and secrets; may be empty.
    pub session: String,
    /// The workers; the first is the one that builds unless a constraint says otherwise.
    pub workers: Vec<Worker>,
    /// What the daemon calls itself, such as `buildkit` or `docker`; may be empty.
    pub product: String,
}

/// The environment is not one that a daemon makes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// A value is no text.
    #[error("the variable {name} is not UTF-8")]
    NotText {
        /// The variable.
        name: String,
    },
    /// An option has no key.
    #[error("the variable {name} is no option: `{value}` has no `=`")]
    Option {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
    },
    /// The workers are not understood.
    #[error("the variable {WORKERS} does not read: {0}")]
    Workers(#[source] serde_json::Error),
}

/// Whether this process was started by a daemon, as a frontend.
#[must_use]
pub fn is_inside() -> bool {
    env::var_os(WORKERS).is_some() && env::var_os(SESSION).is_some()
}

impl Environment {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// It is not one that a daemon makes.
    pub fn from_env() -> Result<Self, EnvironmentError> {
        Self::from_vars(env::vars_os())
    }

    /// Reads variables, in any order. Those that are not a daemon's are ignored.
    ///
    /// # Errors
    /// They are not those that a daemon makes.
    pub fn from_vars(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, EnvironmentError> {
        let mut environment = Self::default();
        for (name, value) in vars {
            let Some(name) = name.to_str().filter(|name| name.starts_with("BUILDKIT_")) else { continue };
            let value = value
                .into_string()
                .map_err(|_| EnvironmentError::NotText { name: name.to_owned() })?;
            match name {
                SESSION => environment.session = value,
                PRODUCT => environment.product = value,
                WORKERS => environment.workers = workers(&value).map_err(EnvironmentError::Workers)?,
                _ if name.starts_with(OPTION) => {
                    let Some((key, text)) = value.split_once('=') else {
                        return Err(EnvironmentError::Option { name: name.to_owned(), value });
                    };
                    environment.options.insert(key.to_owned(), text.to_owned());
                }
                _ => {}
            }
        }
        Ok(environment)
    }
}

/// A worker in JSON. Its keys have been written both ways.
#[derive(Deserialize)]
struct WorkerJson {
    #[serde(default, alias = "ID")]
    id: String,
    #[serde(default, alias = "Labels")]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default, alias = "Platforms")]
    platforms: Option<Vec<PlatformJson>>,
}

/// A platform as OCI writes it.
#[derive(Deserialize)]
struct PlatformJson {
    architecture: String,
    os: String,
    #[serde(default)]
    variant: String,
    #[serde(default, rename = "os.version")]
    os_version: String,
    #[serde(default, rename = "os.features")]
    os_features: Vec<String>,
}

fn workers(text: &str) -> serde_json::Result<Vec<Worker>> {
    let list: Option<Vec<WorkerJson>> = serde_json::from_str(text)?;
    let workers = list.unwrap_or_default().into_iter().map(|worker| Worker {
        id: worker.id,
        labels: worker.labels.unwrap_or_default(),
        platforms: worker.platforms.unwrap_or_default().into_iter().map(Platform::from).collect(),
    });
    Ok(workers.collect())
}

impl From<PlatformJson> for Platform {
    fn from(json: PlatformJson) -> Self {
        Self {
            os: json.os,
            architecture: json.architecture,
            variant: json.variant,
            os_version: json.os_version,
            os_features: json.os_features,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        Environment::from_vars(vars.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn options_come_in_any_order() {
        let environment = read(&[
            ("PATH", "/bin"),
            ("BUILDKIT_FRONTEND_OPT_10", "build-arg:A=b=c"),
            ("BUILDKIT_SESSION_ID", "s1"),
            ("BUILDKIT_FRONTEND_OPT_2", "target="),
            ("BUILDKIT_EXPORTEDPRODUCT", "docker"),
            ("BUILDKIT_LATER", "x"),
        ])
        .unwrap();
        let options = [("build-arg:A", "b=c"), ("target", "")];
        assert_eq!(environment.options, options.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert_eq!((&*environment.session, &*environment.product), ("s1", "docker"));
        assert!(environment.workers.is_empty());
    }

    #[test]
    fn workers_are_read_in_both_spellings() {
        let text = r#"[{"id":"w1","labels":{"a":"b"},"platforms":[{"architecture":"arm64","os":"linux","variant":"v8"}]},
            {"ID":"w2","Labels":null,"Platforms":[]}]"#;
        let environment = read(&[("BUILDKIT_WORKERS", text)]).unwrap();
        let [one, two] = &environment.workers[..] else { panic!("two workers") };
        assert_eq!((one.id.as_str(), one.labels["a"].as_str()), ("w1", "b"));
        assert_eq!(one.platforms[0].to_string(), "linux/arm64/v8");
        assert_eq!((two.id.as_str(), two.platforms.len()), ("w2", 0));
        assert!(read(&[("BUILDKIT_WORKERS", "null")]).unwrap().workers.is_empty());
    }

    #[test]
    fn nonsense_is_named() {
        let say = |vars| read(vars).unwrap_err().to_string();
        assert_eq!(
            say(&[("BUILDKIT_FRONTEND_OPT_0", "target")]),
            "the variable BUILDKIT_FRONTEND_OPT_0 is no option: `target` has no `=`"
        );
        assert!(
            say(&[("BUILDKIT_WORKERS", "[{]")]).starts_with("the variable BUILDKIT_WORKERS does not read: ")
        );
    }
}
