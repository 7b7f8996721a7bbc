//! Arguments that are small texts of their own: parameters, contexts, secrets.

use std::env;
use std::path::PathBuf;

use crate::builder::{Secret, SecretError};

/// An argument that does not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    /// A parameter without a value anywhere.
    #[error("parameter `{0}` has no value: write --build-arg {0}=VALUE, or set the environment variable {0}")]
    Unset(String),
    /// A parameter without a name.
    #[error("`--build-arg {0}` has no name: write --build-arg NAME=VALUE")]
    NoName(String),
    /// A context without a directory.
    #[error("`--context {0}` is not of the form NAME=DIRECTORY")]
    Context(String),
    /// A secret of another form.
    #[error("`--secret {0}` is not of the form id=NAME,src=FILE or id=NAME,env=VARIABLE")]
    Secret(String),
    /// A secret that cannot be had.
    #[error("secret `{id}`: {source}")]
    SecretValue {
        /// Its id.
        id: String,
        /// Why.
        source: SecretError,
    },
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

/// `NAME=DIRECTORY`.
pub(super) fn contexts(given: &[String]) -> Result<Vec<(String, PathBuf)>, InputError> {
    let one = |text: &String| match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(path)))
        }
        _ => Err(InputError::Context(text.clone())),
    };
    given.iter().map(one).collect()
}

/// `id=NAME,src=FILE` or `id=NAME,env=VARIABLE`. What it holds is read now.
pub(super) fn secret(given: &str) -> Result<(String, Secret), InputError> {
    let wrong = || InputError::Secret(given.to_owned());
    let (mut id, mut file, mut variable) = (None, None, None);
    for field in given.split(',') {
        let (key, value) = field.split_once('=').ok_or_else(wrong)?;
        let slot = match key {
            "id" => &mut id,
            "src" | "source" => &mut file,
            "env" => &mut variable,
            // Docker's word for which of the two it is; that is seen from the other field.
            "type" if matches!(value, "file" | "env") => continue,
            _ => return Err(wrong()),
        };
        if value.is_empty() || slot.replace(value).is_some() {
            return Err(wrong());
        }
    }
    let id = id.ok_or_else(wrong)?;
    let secret = match (file, variable) {
        (Some(file), None) => Secret::file(file),
        (None, Some(variable)) => Secret::env(variable),
        _ => return Err(wrong()),
    };
    match secret {
        Ok(secret) => Ok((id.to_owned(), secret)),
        Err(source) => Err(InputError::SecretValue { id: id.to_owned(), source }),
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
        assert_eq!(contexts(&["a=b/c".to_owned()]).unwrap(), [("a".to_owned(), PathBuf::from("b/c"))]);
        for text in ["a", "=b", "a="] {
            assert!(matches!(contexts(&[text.to_owned()]), Err(InputError::Context(_))), "{text}");
        }
    }

    #[test]
    fn secrets_come_from_a_file_or_a_variable() {
        assert_eq!(secret("id=a,src=/dev/null").unwrap().0, "a");
        assert_eq!(secret("type=env,id=b,env=PATH").unwrap().0, "b");
        for text in
            ["", "a", "id=a", "id=a,src=b,env=c", "src=b", "id=,env=c", "id=a,id=b,env=c", "id=a,url=b"]
        {
            assert!(matches!(secret(text), Err(InputError::Secret(_))), "{text}");
        }
        let error = secret("id=a,src=/no/such/file").unwrap_err().to_string();
        assert!(error.contains("secret `a`: ") && error.contains("/no/such/file"), "{error}");
    }
}
