//! Arguments that are small texts of their own: parameters, contexts, secrets, ssh agents.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;

use buildkit_llb::{Platform, PlatformError};
use stagewright_plan::lower::MAIN_CONTEXT;

use crate::builder::{
    Cache, CacheError, ContextError, ContextSource, Secret, SecretError, SshAgent, SshError, fields,
};

/// An argument that does not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    /// A parameter without a value anywhere.
    #[error("parameter `{0}` has no value: write --build-arg {0}=VALUE, or set the environment variable {0}")]
    Unset(String),
    /// A parameter without a name.
    #[error("`--build-arg {0}` has no name: write --build-arg NAME=VALUE")]
    NoName(String),
    /// A context without a name or a value.
    #[error("`--context {0}` is not of the form NAME=VALUE: write a directory or a URL after the name")]
    Context(String),
    /// A context of no known form.
    #[error("context `{name}`: {source}")]
    ContextValue {
        /// Its name.
        name: String,
        /// Why.
        source: ContextError,
    },
    /// A platform that does not read.
    #[error("`--platform {given}`: {source}")]
    Platform {
        /// What was given.
        given: String,
        /// Why.
        source: PlatformError,
    },
    /// The limits of a build program that is compiled.
    #[cfg(all(feature = "yaml", feature = "rust"))]
    #[error(transparent)]
    Limits(#[from] crate::rust::LimitsError),
    /// A cache that does not read.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A secret of another form. What was given is not shown: it may be the secret itself.
    #[error("a `--secret` {0}: write id=NAME,src=FILE or id=NAME,env=VARIABLE")]
    Secret(SecretForm),
    /// A secret that cannot be had.
    #[error("secret `{id}`: {source}")]
    SecretValue {
        /// Its id.
        id: String,
        /// Why.
        source: SecretError,
    },
    /// Two of one name, of which a step could have one only.
    #[error("`{option}` is given twice for the id `{id}`: each id stands for one")]
    Twice {
        /// The option.
        option: &'static str,
        /// The id.
        id: String,
    },
    /// An ssh agent of another form.
    #[error("`--ssh {0}` {1}: write --ssh default for the agent of $SSH_AUTH_SOCK, or --ssh ID=SOCKET")]
    Ssh(String, &'static str),
    /// An ssh agent that is not there.
    #[error("ssh agent `{id}`: {source}")]
    SshAgent {
        /// Its id.
        id: String,
        /// Why.
        source: SshError,
    },
}

/// What is wrong with the text of a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SecretForm {
    #[error("has a quote that does not end")]
    Quote,
    #[error("has a field that is not KEY=VALUE")]
    Field,
    #[error("has the unknown key `{0}`")]
    Key(String),
    #[error("has no value for `{0}`")]
    Empty(&'static str),
    #[error("has `{0}` twice")]
    Twice(&'static str),
    #[error("has a type other than file and env")]
    Type,
    #[error("has no id")]
    NoId,
    #[error("has both a file and a variable")]
    Both,
}

/// `NAME=VALUE`, or `NAME` with the value in the environment.
pub(super) fn parameters(given: &[String]) -> Result<Vec<(String, String)>, InputError> {
    let one = |text: &String| match text.split_once('=') {
        Some(("", _)) => Err(InputError::NoName(text.clone())),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None if text.is_empty() => Err(InputError::NoName(text.clone())),
        None => match env::var(text) {
            Ok(value) => Ok((text.clone(), value)),
            Err(_) => Err(InputError::Unset(text.clone())),
        },
    };
    given.iter().map(one).collect()
}

/// `NAME=VALUE`.
pub(super) fn contexts(given: &[String]) -> Result<Vec<(String, ContextSource)>, InputError> {
    let one = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), context_value(name, value)?))
        }
        _ => Err(InputError::Context(text.clone())),
    };
    given.iter().map(one).collect()
}

/// The main context.
pub(super) fn context(given: &str) -> Result<ContextSource, InputError> {
    context_value(MAIN_CONTEXT, given)
}

fn context_value(name: &str, text: &str) -> Result<ContextSource, InputError> {
    // What is there is meant, whatever its name looks like.
    if Path::new(text).is_dir() {
        return Ok(text.into());
    }
    text.parse()
        .map_err(|source| InputError::ContextValue { name: name.to_owned(), source })
}

pub(super) fn platform(given: &str) -> Result<Platform, InputError> {
    given
        .parse()
        .map_err(|source| InputError::Platform { given: given.to_owned(), source })
}

pub(super) fn cache(given: &str) -> Result<Cache, InputError> {
    Ok(given.parse()?)
}

/// `id=NAME,src=FILE` or `id=NAME,env=VARIABLE`, as docker reads it. What it holds is read now. Blocks.
pub(super) fn secrets(given: &[String]) -> Result<Vec<(String, Secret)>, InputError> {
    let secrets = given.iter().map(|text| secret(text)).collect::<Result<Vec<_>, _>>()?;
    each_once("--secret", secrets)
}

fn secret(given: &str) -> Result<(String, Secret), InputError> {
    let (id, source) = secret_source(given).map_err(InputError::Secret)?;
    let secret = match source {
        SecretSource::File(file) => Secret::file(file),
        SecretSource::Variable(variable) => Secret::env(variable),
    };
    match secret {
        Ok(secret) => Ok((id, secret)),
        Err(source) => Err(InputError::SecretValue { id, source }),
    }
}

/// Where a secret comes from.
#[derive(Debug, PartialEq, Eq)]
enum SecretSource {
    File(String),
    Variable(String),
}

fn secret_source(given: &str) -> Result<(String, SecretSource), SecretForm> {
    let (mut id, mut kind, mut file, mut variable) = (None, None, None, None);
    for field in fields(given).ok_or(SecretForm::Quote)? {
        let (key, value) = field.split_once('=').ok_or(SecretForm::Field)?;
        let (key, slot) = match key.to_ascii_lowercase().as_str() {
            "id" => ("id", &mut id),
            "src" | "source" => ("src", &mut file),
            "env" => ("env", &mut variable),
            "type" => ("type", &mut kind),
            _ => return Err(SecretForm::Key(key.to_owned())),
        };
        if value.is_empty() {
            return Err(SecretForm::Empty(key));
        }
        if slot.replace(value.to_owned()).is_some() {
            return Err(SecretForm::Twice(key));
        }
    }
    let id = id.ok_or(SecretForm::NoId)?;
    let source = match (kind.as_deref(), file, variable) {
        (Some("file" | "env") | None, Some(_), Some(_)) => return Err(SecretForm::Both),
        (Some("file") | None, Some(file), None) => SecretSource::File(file),
        (Some("env"), Some(variable), None) | (Some("file" | "env") | None, None, Some(variable)) => {
            SecretSource::Variable(variable)
        }
        // The id names it: a variable if there is one, or else a file.
        (Some("env"), None, None) => SecretSource::Variable(id.clone()),
        (None, None, None) if env::var_os(&id).is_some() => SecretSource::Variable(id.clone()),
        (Some("file") | None, None, None) => SecretSource::File(id.clone()),
        (Some(_), _, _) => return Err(SecretForm::Type),
    };
    Ok((id, source))
}

/// `ID`, with the agent of `SSH_AUTH_SOCK`, or `ID=SOCKET`.
pub(super) fn ssh(given: &[String]) -> Result<Vec<(String, SshAgent)>, InputError> {
    let one = |text: &String| {
        let wrong = |why| InputError::Ssh(text.clone(), why);
        let (id, socket) = text
            .split_once('=')
            .map_or((text.as_str(), None), |(id, path)| (id, Some(path)));
        if id.is_empty() {
            return Err(wrong("has no id"));
        }
        let agent = match socket {
            None => SshAgent::from_env(),
            Some("") => return Err(wrong("has no socket")),
            Some(path) if path.contains("raw=") => {
                return Err(wrong("asks for an unfiltered socket, which is not lent"));
            }
            Some(path) if path.contains(',') => return Err(wrong("has more than one path")),
            Some(path) => SshAgent::socket(path),
        };
        match agent {
            Ok(agent) => Ok((id.to_owned(), agent)),
            Err(source) => Err(InputError::SshAgent { id: id.to_owned(), source }),
        }
    };
    each_once("--ssh", given.iter().map(one).collect::<Result<Vec<_>, _>>()?)
}

/// All of them, if no two have the same id.
fn each_once<T>(option: &'static str, all: Vec<(String, T)>) -> Result<Vec<(String, T)>, InputError> {
    let mut seen = BTreeSet::new();
    match all.iter().find(|(id, _)| !seen.insert(id.as_str())) {
        Some((id, _)) => Err(InputError::Twice { option, id: id.clone() }),
        None => Ok(all),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_values_of_their_own_or_of_the_environment() {
        let read = |text: &str| parameters(&[text.to_owned()]).map(|mut all| all.remove(0));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read("a=b=c").unwrap(), pair("a", "b=c"));
        assert_eq!(read("a=").unwrap(), pair("a", ""));
        assert_eq!(read("PATH").unwrap(), pair("PATH", &env::var("PATH").unwrap()));
        assert!(read("NO_SUCH_VARIABLE_HERE").unwrap_err().to_string().contains("has no value"));
        assert!(read("=b").unwrap_err().to_string().contains("has no name"));
    }

    #[test]
    fn contexts_have_a_name_and_a_directory() {
        assert_eq!(contexts(&["a=b/c".to_owned()]).unwrap(), [("a".to_owned(), ContextSource::from("b/c"))]);
        for text in ["a", "=b", "a="] {
            assert!(matches!(contexts(&[text.to_owned()]), Err(InputError::Context(_))), "{text}");
        }
    }

    #[test]
    fn secrets_are_written_as_for_docker() {
        let file = |id: &str, path: &str| Ok((id.to_owned(), SecretSource::File(path.to_owned())));
        let variable = |id: &str, name: &str| Ok((id.to_owned(), SecretSource::Variable(name.to_owned())));
        assert_eq!(secret_source("id=a,src=b"), file("a", "b"));
        assert_eq!(secret_source("ID=a,type=file,source=b=c"), file("a", "b=c"));
        assert_eq!(secret_source(r#"id=a,"src=b,c""#), file("a", "b,c"));
        assert_eq!(secret_source("id=a,env=B"), variable("a", "B"));
        assert_eq!(secret_source("type=env,id=a,src=B"), variable("a", "B"));
        assert_eq!(secret_source("type=env,id=a"), variable("a", "a"));
        assert_eq!(secret_source("id=PATH"), variable("PATH", "PATH"));
        assert_eq!(secret_source("id=NO_SUCH_VARIABLE"), file("NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE"));
    }

    #[test]
    fn a_secret_that_does_not_read_says_why_and_shows_nothing() {
        let check = |text: &str, expected: &str| {
            let error = secret(text).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("a `--secret` {expected}: write id=NAME,src=FILE or id=NAME,env=VARIABLE")
            );
        };
        check("", "has a field that is not KEY=VALUE");
        check("hunter2", "has a field that is not KEY=VALUE");
        check("id=a,value=hunter2", "has the unknown key `value`");
        check("src=b", "has no id");
        check("id=,env=c", "has no value for `id`");
        check("id=a,id=b", "has `id` twice");
        check("id=a,src=b,source=c", "has `src` twice");
        check("id=a,src=b,env=c", "has both a file and a variable");
        check("id=a,type=text", "has a type other than file and env");
        check("id=a,\"src=b", "has a quote that does not end");
    }

    #[test]
    fn secrets_come_from_a_file_or_a_variable() {
        assert_eq!(secret("id=a,src=/dev/null").unwrap().0, "a");
        assert_eq!(secret("type=env,id=b,env=PATH").unwrap().0, "b");
        let given = ["id=a,src=/dev/null", "id=b,env=PATH", "id=a,env=PATH"].map(str::to_owned);
        assert_eq!(secrets(&given[..2]).unwrap().len(), 2);
        let twice = secrets(&given).unwrap_err().to_string();
        assert_eq!(twice, "`--secret` is given twice for the id `a`: each id stands for one");
        let error = secret("id=a,src=/no/such/file").unwrap_err().to_string();
        assert!(error.contains("secret `a`: ") && error.contains("/no/such/file"), "{error}");
    }

    #[test]
    fn ssh_agents_are_sockets() {
        let failure = |text: &str| ssh(&[text.to_owned()]).unwrap_err().to_string();
        assert!(failure("").starts_with("`--ssh ` has no id"));
        assert!(failure("=/a").contains("has no id"));
        assert!(failure("default=").contains("has no socket"));
        assert!(failure("default=/a,/b").contains("has more than one path"));
        assert!(failure("default=/a,raw=true").contains("asks for an unfiltered socket"));
        let key = failure("git=/dev/null");
        assert!(key.starts_with("ssh agent `git`: \"/dev/null\" is no socket: keys are not read"), "{key}");
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let _agent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let lent = ssh(&[format!("git={}", socket.display())]).unwrap();
        assert_eq!(lent, [("git".to_owned(), SshAgent::socket(&socket).unwrap())]);

        let given = ["git", "default", "git"].map(|id| format!("{id}={}", socket.display()));
        let twice = ssh(&given).unwrap_err().to_string();
        assert_eq!(twice, "`--ssh` is given twice for the id `git`: each id stands for one");
        assert_eq!(ssh(&given[..2]).unwrap().len(), 2);
    }
}
