//! A lock as a source policy: so that what the daemon runs by itself is pinned, too, such as frontends and scanners.

use std::collections::BTreeMap;

use buildkit_gateway::{AttrCondition, AttrConstraint, SourceAction, SourceMatch, SourcePolicy, SourceRule};
use buildkit_llb::GitUrl;
use stagewright_plan::lock::{Lock, LockKey};

/// The rules of a lock: each of its sources, named without a digest, is the one that it is pinned to.
///
/// A source that is asked for with a digest of its own is left alone.
pub(crate) fn policy(lock: &Lock) -> SourcePolicy {
    // The first rule that changes a source decides. What the build uses goes before what reads its file.
    let (frontends, others): (Vec<_>, Vec<_>) =
        lock.iter().partition(|(key, _)| matches!(key, LockKey::Frontend(_)));
    let pins = others.into_iter().chain(frontends);
    SourcePolicy { rules: pins.filter_map(|(key, pin)| rule(key, &pin.digest)).collect() }
}

fn rule(key: &LockKey, digest: &str) -> Option<SourceRule> {
    let unset = |key: &str| AttrConstraint {
        key: key.to_owned(),
        value: String::new(),
        condition: AttrCondition::Equal,
    };
    Some(match key {
        LockKey::Image(image) | LockKey::Frontend(image) => SourceRule {
            identifier: format!("docker-image://{image}"),
            matching: SourceMatch::Exact,
            constraints: Vec::new(),
            action: SourceAction::Convert {
                identifier: format!("docker-image://{}", image.with_digest(digest).ok()?),
                attrs: BTreeMap::new(),
            },
        },
        LockKey::Git(url) => {
            let url: GitUrl = url.parse().ok()?;
            let path = url.path();
            let slash = if path.starts_with('/') { "" } else { "/" };
            let repository = quoted(&format!("git://{}{slash}{path}", url.host()));
            // The directory of a ref stands behind a colon; without both there is no fragment.
            let (fragment, directory) = match url.git_ref() {
                "" => (String::new(), "(?:#(:.*))?"),
                git_ref => (quoted(&format!("#{git_ref}")), "(:.*)?"),
            };
            SourceRule {
                identifier: format!("^({repository}){fragment}{directory}$"),
                matching: SourceMatch::Regex,
                constraints: vec![unset("git.checksum")],
                action: SourceAction::Convert {
                    identifier: format!("${{1}}#{digest}${{2}}"),
                    attrs: [("git.checksum".to_owned(), digest.to_owned())].into(),
                },
            }
        }
        LockKey::Http(url) => SourceRule {
            identifier: url.clone(),
            matching: SourceMatch::Exact,
            constraints: vec![unset("http.checksum")],
            action: SourceAction::Convert {
                identifier: url.clone(),
                attrs: [("http.checksum".to_owned(), digest.to_owned())].into(),
            },
        },
    })
}

/// A text as a regular expression that matches it alone.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn convert(rule: &SourceRule, identifier: &str) -> Option<String> {
        let SourceAction::Convert { identifier: to, .. } = &rule.action else { panic!("{rule:?}") };
        match rule.matching {
            SourceMatch::Exact => (rule.identifier == identifier).then(|| to.clone()),
            SourceMatch::Regex => {
                let regex = Regex::new(&rule.identifier).unwrap();
                regex
                    .is_match(identifier)
                    .then(|| regex.replace_all(identifier, to.as_str()).into_owned())
            }
            SourceMatch::Wildcard => panic!("{rule:?}"),
        }
    }

    #[test]
    fn a_repository_is_fetched_by_its_commit_in_any_directory() {
        let check = |url: &str, identifier: &str, expected: Option<&str>| {
            let rule = rule(&LockKey::git(&url.parse().unwrap()), "c0ffee").unwrap();
            assert_eq!(convert(&rule, identifier).as_deref(), expected, "{url} {identifier}");
        };
        let url = "https://example.com/a.git#v1.2";
        check(url, "git://example.com/a.git#v1.2", Some("git://example.com/a.git#c0ffee"));
        check(url, "git://example.com/a.git#v1.2:docs", Some("git://example.com/a.git#c0ffee:docs"));
        check(url, "git://example.com/a.git#v1.23", None);
        check(url, "git://example.com/a.git#v1x2", None);
        check(url, "git://example.com/a.git", None);
        let url = "git@example.com:a.git";
        check(url, "git://example.com/a.git", Some("git://example.com/a.git#c0ffee"));
        check(url, "git://example.com/a.git#:docs", Some("git://example.com/a.git#c0ffee:docs"));
        check(url, "git://example.com/a.git#main", None);
    }

    #[test]
    fn what_the_build_uses_goes_before_what_reads_its_file() {
        let mut lock = Lock::default();
        let image = || "node:18".parse().unwrap();
        let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
        lock.pin(LockKey::Frontend(image()), digest("a"));
        lock.pin(LockKey::Image(image()), digest("b"));
        lock.pin(LockKey::Http("https://example.com/x".to_owned()), digest("c"));
        let policy = policy(&lock);
        assert_eq!(
            convert(&policy.rules[0], "docker-image://docker.io/library/node:18"),
            Some(format!("docker-image://docker.io/library/node:18@{}", digest("b")))
        );
        assert_eq!(policy.rules.len(), 3);
        assert_eq!(policy.rules[1].constraints[0].key, "http.checksum");
    }
}
