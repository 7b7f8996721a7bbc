//! Texts that are secrets by their form.

use std::collections::BTreeSet;

use super::{Code, Found};
use crate::plan::{Action, Command, Stage, Step};
use crate::problem::Problem;

/// A form of secrets: what it begins with, and how many of which characters follow.
struct Form {
    what: &'static str,
    starts: &'static [&'static str],
    least: usize,
    is_part: fn(char) -> bool,
}

/// The forms that their makers document, each distinct enough not to be met by chance.
const FORMS: [Form; 7] = [
    Form { what: "an access key of AWS", starts: &["AKIA", "ASIA"], least: 16, is_part: is_upper },
    Form {
        what: "a token of GitHub",
        starts: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        least: 36,
        is_part: is_letter,
    },
    Form { what: "a token of GitHub", starts: &["github_pat_"], least: 22, is_part: is_word },
    Form { what: "a token of GitLab", starts: &["glpat-"], least: 20, is_part: is_dashed },
    Form {
        what: "a token of Slack",
        starts: &["xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-"],
        least: 10,
        is_part: is_dashed,
    },
    Form { what: "a token of npm", starts: &["npm_"], least: 36, is_part: is_letter },
    Form {
        what: "a key of Stripe",
        starts: &["sk_live_", "rk_live_", "sk_test_", "rk_test_"],
        least: 16,
        is_part: is_letter,
    },
];

fn is_upper(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit()
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn is_word(c: char) -> bool {
    is_letter(c) || c == '_'
}

fn is_dashed(c: char) -> bool {
    is_word(c) || c == '-'
}

/// Secrets in variables, commands, files, labels and annotations.
pub(super) fn literals<'a>(stages: &[&'a Stage]) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for stage in stages {
        for step in &stage.steps {
            for (place, text) in texts(step) {
                let forms = forms(text).into_iter().map(|what| one(stage, what, place));
                found.extend(forms.map(|one| one.map(|problem| problem.at(&step.at).via(&step.via))));
            }
        }
        let (labels, annotations) = (&stage.runtime.labels, &stage.runtime.annotations);
        for (place, map) in [("a label", labels), ("an annotation", annotations)] {
            let forms: BTreeSet<&str> = map.values().flat_map(|text| forms(text)).collect();
            found.extend(forms.into_iter().map(|what| one(stage, what, place)));
        }
    }
    found
}

/// The secret itself is never told.
fn one<'a>(stage: &'a Stage, what: &str, place: &str) -> Found<'a> {
    let help = |problem: Problem| {
        problem.help("take it out and revoke it; a step is given it as a secret, a container when it runs")
    };
    Found::new(stage, Code::SecretLiteral, format!("{what} stands in {place}")).map(help)
}

fn texts(step: &Step) -> Vec<(&'static str, &str)> {
    match &step.action {
        Action::Env { value, .. } => vec![("a variable", value)],
        Action::File { text, .. } => vec![("a file", text)],
        Action::Run(run) => {
            let words: Vec<&str> = match &run.command {
                Command::Shell(line) => vec![line],
                Command::Argv(words) => words.iter().map(String::as_str).collect(),
                Command::Script { text, .. } => vec![text],
            };
            let words = words.into_iter().map(|word| ("a command", word));
            words
                .chain(run.env.iter().map(|(_, value)| ("a variable", value.as_str())))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The forms of secrets that a text has.
fn forms(text: &str) -> BTreeSet<&'static str> {
    let mut found: BTreeSet<&str> =
        FORMS.iter().filter(|form| has(text, form)).map(|form| form.what).collect();
    let has_key = text
        .match_indices("-----BEGIN ")
        .any(|(at, _)| text[at..].lines().next().is_some_and(|line| line.contains("PRIVATE KEY-----")));
    if has_key {
        found.insert("a private key");
    }
    found
}

fn has(text: &str, form: &Form) -> bool {
    form.starts.iter().any(|start| {
        text.match_indices(start).any(|(at, _)| {
            let is_new = !text[..at].ends_with(is_word);
            let length = text[at + start.len()..].chars().take_while(|c| (form.is_part)(*c)).count();
            is_new && length >= form.least
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // In two parts, so that nobody who looks for secrets finds these.
    fn check(start: &str, rest: &str, expected: Option<&str>) {
        let text = format!("curl -H 'x: {start}{rest}' example.com");
        let found: Vec<_> = forms(&text).into_iter().collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{start}…");
    }

    #[test]
    fn forms_of_secrets() {
        let (long, upper) = ("0a1b2c3d4e".repeat(4), "0A1B2C3D4E".repeat(2));
        check("AKIA", &upper, Some("an access key of AWS"));
        check("ghp_", &long, Some("a token of GitHub"));
        check("github_pat_", &long, Some("a token of GitHub"));
        check("glpat-", &long, Some("a token of GitLab"));
        check("xoxb-", &long, Some("a token of Slack"));
        check("npm_", &long, Some("a token of npm"));
        check("sk_live_", &long, Some("a key of Stripe"));
        check("-----BEGIN RSA ", "PRIVATE KEY-----\nabc", Some("a private key"));
    }

    #[test]
    fn what_is_none() {
        check("npm_", "config_cpu=x64", None);
        check("AKIA", "short", None);
        check("TAKIA", &"0A1B2C3D4E".repeat(2), None);
        check("ghp_", "abc", None);
        check("-----BEGIN ", "CERTIFICATE-----", None);
    }
}
