//! A build's sources, held against a lock.

use buildkit_llb::Platform;

use super::form::is_commit;
use super::{Lock, LockKey};
use crate::problem::{Problem, Problems};
use crate::site::Site;

/// A source that a build needs.
#[derive(Clone, Debug)]
pub struct Need {
    /// The name under which it is locked.
    pub key: LockKey,
    /// What a daemon is asked for.
    pub asked: String,
    /// The digest that is written beside its name, if one is: then no lock is needed.
    pub written: Option<String>,
    /// The platform that is taken of an image.
    pub platform: Option<Platform>,
    /// Where it is named first.
    pub at: Site,
}

impl Lock {
    /// The needs that nothing pins: neither their own text nor this lock, which has this name.
    ///
    /// # Errors
    ///
    /// Sources that are written with another digest than the one that they are locked to, with both places.
    pub fn judge<'a>(
        &self,
        needs: impl IntoIterator<Item = &'a Need>,
        name: &str,
    ) -> Result<Vec<&'a Need>, Problems> {
        let mut problems = Vec::new();
        let mut open = Vec::new();
        for need in needs {
            match (&need.written, self.get(&need.key)) {
                (None, None) => open.push(need),
                (Some(written), Some(pin)) if !agree(written, &pin.digest) => {
                    let mut problem = Problem::new(format!(
                        "{} is written with {written}, and locked to {}",
                        need.key, pin.digest
                    ))
                    .at(&need.at)
                    .label("written here")
                    .help(
                        "remove one of them, and run `lock`: what is written with its digest needs no lock",
                    );
                    let line = Site { file: name.to_owned(), line: pin.line, column: 1 };
                    problem.related.push((line, "locked here".to_owned()));
                    problems.push(problem);
                }
                _ => {}
            }
        }
        Problems::none_of(problems)?;
        Ok(open)
    }
}

/// Whether two digests are the same. A commit may be written in short.
fn agree(written: &str, locked: &str) -> bool {
    if is_commit(locked) {
        return locked.to_ascii_lowercase().starts_with(&written.to_ascii_lowercase());
    }
    written == locked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(name: &str, written: Option<&str>) -> Need {
        Need {
            key: LockKey::Git(name.to_owned()),
            asked: name.to_owned(),
            written: written.map(str::to_owned),
            platform: None,
            at: Site { file: "stages.rs".to_owned(), line: 7, column: 9 },
        }
    }

    #[test]
    fn what_is_written_need_not_be_locked() {
        let mut lock = Lock::default();
        lock.pin(LockKey::Git("https://example.com/a".to_owned()), "a".repeat(40));
        let needs = [
            need("https://example.com/a", None),
            need("https://example.com/a", Some("AAAAAAA")),
            need("https://example.com/b", Some("bbb")),
            need("https://example.com/c", None),
        ];
        let open: Vec<String> = lock
            .judge(&needs, "stages.lock")
            .unwrap()
            .iter()
            .map(|need| need.key.name())
            .collect();
        assert_eq!(open, ["https://example.com/c"]);
    }

    #[test]
    fn a_contradiction_is_told_with_both_places() {
        let text = format!(
            "{{\n\"version\": 1,\n\"git\": {{\n\"https://example.com/a\": \"{}\"\n}}}}",
            "a".repeat(40)
        );
        let lock = Lock::parse(&text).unwrap();
        let told = lock
            .judge(&[need("https://example.com/a", Some("b"))], "stages.lock")
            .unwrap_err();
        let told = told.iter().next().unwrap().to_string();
        assert!(
            told.starts_with("stages.rs:7:9: repository `https://example.com/a` is written with b,"),
            "{told}"
        );
        assert!(told.contains("stages.lock:4:1: locked here"), "{told}");
    }
}
