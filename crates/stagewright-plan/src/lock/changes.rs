//! What differs between two locks.

use std::fmt;

use super::{Lock, LockKey};

/// How many digits of a digest people are shown.
const SHOWN: usize = 12;

/// What became of one source from one lock to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Added {
        /// The source.
        key: LockKey,
        /// What it is pinned to.
        new: String,
    },
    /// It is there no more.
    Removed {
        /// The source.
        key: LockKey,
        /// What it was pinned to.
        old: String,
    },
    /// It is pinned to something else.
    Moved {
        /// The source.
        key: LockKey,
        /// What it was pinned to.
        old: String,
        /// What it is pinned to.
        new: String,
    },
}

impl Lock {
    /// What differs in a newer lock, in the order of the file.
    #[must_use]
    pub fn changes(&self, newer: &Self) -> Vec<Change> {
        let mut keys: Vec<&LockKey> = self.pins.keys().chain(newer.pins.keys()).collect();
        keys.sort();
        keys.dedup();
        let change = |key: &LockKey| {
            let digest = |lock: &Self| lock.get(key).map(|pin| pin.digest.clone());
            let key = key.clone();
            match (digest(self), digest(newer)) {
                (None, Some(new)) => Some(Change::Added { key, new }),
                (Some(old), None) => Some(Change::Removed { key, old }),
                (Some(old), Some(new)) if old != new => Some(Change::Moved { key, old, new }),
                _ => None,
            }
        };
        keys.into_iter().filter_map(change).collect()
    }
}

/// A line: a sign, the name, and the digests in short.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { key, new } => write!(f, "+ {} {}  {}", key.section(), key.name(), short(new)),
            Self::Removed { key, old } => write!(f, "- {} {}  {}", key.section(), key.name(), short(old)),
            Self::Moved { key, old, new } => {
                write!(f, "~ {} {}  {} -> {}", key.section(), key.name(), short(old), short(new))
            }
        }
    }
}

fn short(digest: &str) -> &str {
    let digits = digest.split_once(':').map_or(digest, |(_, digits)| digits);
    digits.get(..SHOWN).unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_in_a_line_each() {
        let lock = |pins: &[(&str, char)]| {
            let mut lock = Lock::default();
            for (name, digit) in pins {
                let key = LockKey::Image(name.parse().unwrap());
                lock.pin(key, format!("sha256:{}", digit.to_string().repeat(64)));
            }
            lock
        };
        let old = lock(&[("a", '1'), ("b", '2'), ("c", '3')]);
        let new = lock(&[("a", '1'), ("b", '4'), ("d", '5')]);
        let told: Vec<String> = old.changes(&new).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "~ images b:latest  222222222222 -> 444444444444",
                "- images c:latest  333333333333",
                "+ images d:latest  555555555555"
            ]
        );
        assert_eq!(old.changes(&old), []);
    }
}
