//! Variables that are secrets by their names.

use super::below::with_those_below;
use super::{Code, Found};
use crate::plan::{Action, Stage};

/// What a name ends with that says where a secret is, or how it is meant, and not what it is.
const ABOUT: [&str; 16] = [
    "FILE", "PATH", "DIR", "URL", "URI", "ENDPOINT", "HOST", "NAME", "ID", "TTL", "LENGTH", "LIFETIME",
    "EXPIRY", "HEADER", "ENABLED", "REQUIRED",
];

/// Variables of stages and of commands whose names say that they are secrets.
pub(super) fn variables<'a>(stages: &[&'a Stage]) -> Vec<Found<'a>> {
    let in_images = with_those_below(stages, |stage| stage.role.is_image());
    let mut found = Vec::new();
    for stage in stages {
        for step in &stage.steps {
            let pairs: Vec<(&String, &String)> = match &step.action {
                Action::Env { name, value } => vec![(name, value)],
                Action::Run(run) => run.env.iter().map(|(name, value)| (name, value)).collect(),
                _ => continue,
            };
            let of_image =
                matches!(step.action, Action::Env { .. }) && in_images.contains(stage.name.as_str());
            let where_to = match of_image {
                true => "in the image's configuration and history",
                false => "in the build's records and its cache",
            };
            for (name, _) in pairs.into_iter().filter(|(name, value)| is_secret(name) && is_literal(value)) {
                // The value is never told.
                let message = format!("`{name}` is a secret by its name, and its value stays {where_to}");
                let one = Found::new(stage, Code::SecretInEnv, message);
                found.push(one.map(|problem| {
                    problem.at(&step.at).via(&step.via).help(
                        "give it to the steps that need it as a secret, and to containers when they run",
                    )
                }));
            }
        }
    }
    found
}

fn is_secret(name: &str) -> bool {
    let name = name.to_uppercase().replace(['-', '.'], "_");
    let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    let Some(last) = words.last() else { return false };
    if ABOUT.contains(last) {
        return false;
    }
    let has = |wanted: &[&str]| words.windows(wanted.len()).any(|window| window == wanted);
    let is_part = |part: &str| words.iter().any(|word| word.contains(part));
    last.ends_with("TOKEN")
        || is_part("PASSWORD")
        || is_part("PASSWD")
        || is_part("SECRET")
        || is_part("APIKEY")
        || has(&["API", "KEY"])
        || has(&["ACCESS", "KEY"])
        || has(&["PRIVATE", "KEY"])
}

/// Whether a value is the secret itself: not where it is, and not a switch.
fn is_literal(value: &str) -> bool {
    let value = value.trim();
    let is_place = value.starts_with(['/', '.', '~', '$']) || value.contains("://");
    let is_switch =
        matches!(value.to_lowercase().as_str(), "" | "true" | "false" | "yes" | "no" | "on" | "off" | "none");
    !is_place && !is_switch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        let secret =
            ["NPM_TOKEN", "GITHUBTOKEN", "db_password", "POSTGRES_PASSWORD", "API_KEY", "OPENAI-API-KEY"];
        let secret =
            secret
                .into_iter()
                .chain(["AWS_SECRET_ACCESS_KEY", "client.secret", "SSH_PRIVATE_KEY", "TOKEN"]);
        for name in secret {
            assert!(is_secret(name), "{name}");
        }
        let none =
            ["TOKEN_URL", "PASSWORD_FILE", "KEYBOARD", "TOKENIZER", "KONG_SSL_CERT_KEY", "SECRET_NAME", "_"];
        for name in none
            .into_iter()
            .chain(["TOKEN_TTL", "API_KEY_HEADER", "PATH", "AWS_ACCESS_KEY_ID"])
        {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn values_that_are_none() {
        for value in ["", " ", "/etc/ssl/key.pem", "./key", "$TOKEN", "https://example.com/x", "true", "Off"]
        {
            assert!(!is_literal(value), "{value}");
        }
        for value in ["hunter2", "changeme", "0123456789abcdef"] {
            assert!(is_literal(value), "{value}");
        }
    }
}
