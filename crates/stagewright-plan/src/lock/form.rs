//! The text of a lock file: JSON with one source per line, in a fixed order.

use std::collections::BTreeMap;
use std::fmt;

use buildkit_llb::{Digest, ImageRef};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::{Lock, LockKey, Pin};

/// The version of the form that this program reads and writes.
const VERSION: u32 = 1;

/// Why a text is no lock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// It is no JSON, or not of a lock's form.
    #[error("not a lock: {0}")]
    Form(#[from] serde_json::Error),
    /// It is a lock of another version.
    #[error("a lock of version {found}, but this program reads version {VERSION}{}", if *.found > VERSION { ": take a newer program" } else { "" })]
    Version {
        /// The version found.
        found: u32,
    },
    /// One of its sources has no such name, or is pinned to what is no digest.
    #[error("line {line}: {section} has {text:?}, which is no {expected}")]
    Entry {
        /// Its line, from one.
        line: u32,
        /// The section that it stands in.
        section: &'static str,
        /// What stands there.
        text: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// Two of its sources are the same.
    #[error("line {line}: `{name}` is pinned twice in {section}")]
    Twice {
        /// The line of one of them, from one.
        line: u32,
        /// The section that they stand in.
        section: &'static str,
        /// The full name of both.
        name: String,
    },
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default, skip_serializing_if = "Section::is_empty")]
    frontend: Section,
    #[serde(default, skip_serializing_if = "Section::is_empty")]
    images: Section,
    #[serde(default, skip_serializing_if = "Section::is_empty")]
    git: Section,
    #[serde(default, skip_serializing_if = "Section::is_empty")]
    http: Section,
}

/// Names and digests, each name once.
#[derive(Default)]
struct Section(BTreeMap<String, String>);

impl Lock {
    /// A lock from the text of its file.
    ///
    /// # Errors
    ///
    /// Text that is no lock, or one of another version; what is wrong with an entry is told with its line.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        let Versioned { version } = serde_json::from_str(text)?;
        if version != VERSION {
            return Err(LockError::Version { found: version });
        }
        let File { frontend, images, git, http, .. } = serde_json::from_str(text)?;
        let mut lock = Self::default();
        for (section, pins) in [("frontend", frontend), ("images", images), ("git", git), ("http", http)] {
            for (name, digest) in pins.0 {
                let line = line_of(text, section, &name);
                let wrong = |text: &str, expected| LockError::Entry {
                    line,
                    section,
                    text: text.to_owned(),
                    expected,
                };
                let key = key(section, &name).ok_or_else(|| wrong(&name, kind_of_name(section)))?;
                let (fits, expected) = match key {
                    LockKey::Git(_) => (is_commit(&digest), "commit of 40 or 64 hexadecimal digits"),
                    _ => {
                        (digest.parse::<Digest>().is_ok(), "digest such as sha256: and 64 hexadecimal digits")
                    }
                };
                if !fits {
                    return Err(wrong(&digest, expected));
                }
                let name = key.name();
                if lock.pins.insert(key, Pin { digest, line }).is_some() {
                    return Err(LockError::Twice { line, section, name });
                }
            }
        }
        Ok(lock)
    }
}

/// The text of its file.
impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let section = |section: &str| {
            let pins = self.pins.iter().filter(|(key, _)| key.section() == section);
            Section(pins.map(|(key, pin)| (key.name(), pin.digest.clone())).collect())
        };
        let file = File {
            version: VERSION,
            frontend: section("frontend"),
            images: section("images"),
            git: section("git"),
            http: section("http"),
        };
        let text = serde_json::to_string_pretty(&file).map_err(|_| fmt::Error)?;
        writeln!(f, "{text}")
    }
}

impl Section {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Section {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Section {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Section;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names with their digests")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Section, A::Error> {
                let mut pins = BTreeMap::new();
                while let Some((name, digest)) = map.next_entry::<String, String>()? {
                    // What is left of a merge of two branches must not be half taken.
                    if pins.contains_key(&name) {
                        return Err(de::Error::custom(format!("`{name}` is pinned twice")));
                    }
                    pins.insert(name, digest);
                }
                Ok(Section(pins))
            }
        }

        deserializer.deserialize_map(Names)
    }
}

fn key(section: &str, name: &str) -> Option<LockKey> {
    match section {
        "frontend" | "images" => {
            let image: ImageRef = name.parse().ok().filter(|image: &ImageRef| image.digest().is_none())?;
            Some(if section == "images" { LockKey::Image(image) } else { LockKey::Frontend(image) })
        }
        "git" => name
            .parse()
            .is_ok_and(|url: buildkit_llb::GitUrl| url.subdir().is_empty())
            .then(|| LockKey::Git(name.to_owned())),
        _ => (name.starts_with("http://") || name.starts_with("https://"))
            .then(|| LockKey::Http(name.to_owned())),
    }
}

fn kind_of_name(section: &str) -> &'static str {
    match section {
        "frontend" | "images" => "image name with a tag",
        "git" => "repository URL such as https://example.com/tools.git#v1",
        _ => "URL of a file",
    }
}

/// Whether this is the whole name of a commit.
#[must_use]
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The line on which a name stands in its section, as this form is written; that of the section otherwise.
fn line_of(text: &str, section: &str, name: &str) -> u32 {
    let begin = text.find(&format!("\"{section}\"")).unwrap_or_default();
    let name = serde_json::Value::from(name).to_string();
    let at = text[begin..].find(&name).map_or(begin, |at| begin + at);
    u32::try_from(1 + text[..at].matches('\n').count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn lock() -> Lock {
        let mut lock = Lock::default();
        let digest = |digit: char| format!("sha256:{}", digit.to_string().repeat(64));
        lock.pin(LockKey::Http("https://example.com/tool.tgz".to_owned()), digest('d'));
        lock.pin(LockKey::Git("https://example.com/a.git#v1".to_owned()), "c".repeat(40));
        lock.pin(LockKey::Image("registry.example:5000/b:1".parse().unwrap()), digest('b'));
        lock.pin(LockKey::Image("node:18-slim".parse().unwrap()), digest('a'));
        lock.pin(LockKey::Frontend("stagewright/rust:1".parse().unwrap()), digest('e'));
        lock
    }

    #[test]
    fn a_lock_has_a_line_for_each_source() {
        expect![[r#"
            {
              "version": 1,
              "frontend": {
                "stagewright/rust:1": "sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
              },
              "images": {
                "node:18-slim": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "registry.example:5000/b:1": "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
              },
              "git": {
                "https://example.com/a.git#v1": "cccccccccccccccccccccccccccccccccccccccc"
              },
              "http": {
                "https://example.com/tool.tgz": "sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
              }
            }
        "#]]
        .assert_eq(&lock().to_string());
        assert_eq!(Lock::default().to_string(), "{\n  \"version\": 1\n}\n");
    }

    #[test]
    fn a_lock_reads_as_it_was_written() {
        let lock = lock();
        let read = Lock::parse(&lock.to_string()).unwrap();
        assert_eq!(lock.changes(&read), []);
        let image = LockKey::Image("registry.example:5000/b:1".parse().unwrap());
        assert_eq!(read.get(&image).unwrap().line, 8);
    }

    #[test]
    fn a_lock_that_does_not_read_says_where() {
        let check = |text: &str, expected: &str| {
            let told = Lock::parse(text).unwrap_err().to_string();
            assert!(told.contains(expected), "{text}\n{told}");
        };
        let digest = format!("sha256:{}", "a".repeat(64));
        check("", "not a lock: EOF");
        check("{}", "missing field `version`");
        check("{\"version\": 2, \"pins\": []}", "a lock of version 2, but this program reads version 1");
        check(
            "{\"version\": 1,\n\"pins\": {}}",
            "unknown field `pins`, expected one of `version`, `frontend`",
        );
        check("{\"version\": 1,\n\"images\": []}", "expected names with their digests at line 2");
        check("<<<<<<< ours\n{}", "line 1 column 1");
        check(
            &format!("{{\"version\": 1, \"images\": {{\n\"a\": \"{digest}\",\n\"a\": \"{digest}\"}}}}"),
            "`a` is pinned twice at line 3",
        );
        check(
            &format!(
                "{{\"version\": 1, \"images\": {{\n\"a\": \"{digest}\",\n\"a:latest\": \"{digest}\"}}}}"
            ),
            "line 3: `a:latest` is pinned twice in images",
        );
        check(
            "{\"version\": 1, \"images\": {\n\"node:18\": \"18\"}}",
            "line 2: images has \"18\", which is no digest such as sha256:",
        );
        check(
            &format!("{{\"version\": 1, \"images\": {{\n\n\"No de\": \"{digest}\"}}}}"),
            "line 3: images has \"No de\", which is no image name with a tag",
        );
        check(
            "{\"version\": 1, \"git\": {\"https://example.com/a.git\": \"main\"}}",
            "line 1: git has \"main\", which is no commit",
        );
        check(
            &format!("{{\"version\": 1, \"http\": {{\"ftp://example.com/a\": \"{digest}\"}}}}"),
            "which is no URL of a file",
        );
    }
}
